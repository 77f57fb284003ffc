// Checks the database, the references between its rows, and the base below touched files.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

extension WorkspaceCheck {
    // MARK: The database

    /// Opens the databases of all generations for reading. Damage of layers is reported here, that of the
    /// last database by `checkDatabase`.
    func openDatabases(_ paths: DatabasePaths) throws(StorageError) {
        let record = try? WorkspaceRecord(from: "\(directory)/workspace", on: disk)
        isOverLayer = record?.fork != nil
        let generations = ((try? disk.list(directory)) ?? []).compactMap { DatabasePaths.generation($0) }
            .sorted()
        for generation in generations.dropLast() { try openLayer(generation, paths) }
        databaseName = DatabasePaths.name(generations.last ?? 0)
        openDatabase(paths.path(generations.last ?? 0))
        if !layers.isEmpty { isOverLayer = true }
    }

    private func openLayer(_ generation: UInt32, _ paths: DatabasePaths) throws(StorageError) {
        let file = "\(directory)/\(DatabasePaths.name(generation))"
        do throws(StorageError) {
            let opened = try TreeDatabase(
                paths.path(generation),
                situation == .inUse || DatabaseSeal.hasLog(paths.path(generation)) ? .readOnly : .immutable)
            log.countFile()
            let bytes = try opened.pageBytes()
            log.expect(bytes)
            try log.advance(bytes)
            try opened.verify()
            layers.insert(opened, at: 0)
        } catch {
            switch error {
            case .damaged, .database, .outdated: break
            default: throw error
            }
            lacksLayer = true
            var finding = Finding(
                .error, file, "\(error)",
                advice: situation == .inUse
                    ? "unmount and mount: it is rebuilt from the tree log"
                    : "it is rebuilt from the tree log at the next start")
            finding.isRepaired = setAside(file)
            log.add(finding)
        }
    }

    private func setAside(_ file: String) -> Bool {
        mendFile("set aside", file) { () throws(Errno) in
            for suffix in ["-wal", "-shm", ".sum"] where disk.exists(file + suffix) {
                try disk.remove(file + suffix)
            }
            try disk.rename(file, to: file + ".damaged")
        }
    }

    /// Opens the last database for reading. `checkDatabase` reports what is wrong with it.
    private func openDatabase(_ path: String) {
        guard DatabaseSeal.exists(path) else { return }
        if situation != .inUse, DatabaseSeal.state(path) == .unfit {
            databaseIsDamaged = true
            return
        }
        do throws(StorageError) {
            // A killed daemon leaves its last writes in the write-ahead log.
            let isAlone = situation != .inUse && !DatabaseSeal.hasLog(path)
            let opened = try TreeDatabase(path, isAlone ? .immutable : .readOnly)
            try opened.verify()
            database = opened
        } catch {
            if case .outdated = error {
                log.add(
                    Finding(
                        .notice, "\(directory)/\(databaseName)", "it was written by an older draftfs",
                        advice: "the next start rebuilds it from the tree log"))
                return
            }
            databaseIsDamaged = true
            damage = error
        }
    }

    func checkDatabase(_ path: String?) throws(StorageError) {
        guard let path else { return }
        let file = "\(directory)/\(databaseName)"
        if situation != .inUse { checkSeal(path) }
        if let database {
            log.countFile()
            let bytes = try database.pageBytes()
            log.expect(bytes)
            try log.advance(bytes)
        }
        guard databaseIsDamaged else { return }
        let what = damage.map { "\($0)" } ?? "it does not match its checksum in \(databaseName).sum"
        if let damage {
            switch damage {
            case .damaged, .database: break
            default: throw damage
            }
        }
        var finding = Finding(
            .error, file, what,
            advice: situation == .inUse
                ? "unmount and mount: it is rebuilt from the tree log"
                : "it is rebuilt from the tree log at the next start")
        finding.isRepaired = setAside(file)
        log.add(finding)
    }

    private func checkSeal(_ path: String) {
        let file = "\(directory)/\(databaseName).sum"
        guard DatabaseSeal.state(path) == .damaged || disk.exists(file) && !DatabaseSeal.exists(path)
        else { return }
        let what = DatabaseSeal.exists(path)
            ? "it has a wrong checksum" : "its database is missing"
        var finding = Finding(
            .error, file, what, advice: "the database is checked row by row at the next start")
        finding.isRepaired = mendFile("remove", file) { () throws(Errno) in try disk.remove(file) }
        log.add(finding)
    }

    /// Checks rows that refer to things that do not exist.
    func checkReferences() throws(StorageError) {
        guard let database else { return }
        let file = "\(directory)/\(databaseName)"
        var rows: LayeredRows?
        if isOverLayer {
            // Without the layers it is not known what the references lead to.
            guard let lower = findLower() else { return }
            rows = LayeredRows(of: id, database, over: lower)
        }
        try database.visitDanglingEntries { (parent, name, inode) throws(StorageError) in
            if let row = try rows?.inode(inode), row.links > 0 { return }
            let above = database.path(of: parent).map { $0 + [0x2f] } ?? []
            var finding = Finding(
                .error, file, path: above + name,
                "the name leads to inode \(inode), which does not exist", advice: "a repair removes it")
            finding.isRepaired = repairs && base != nil
            log.add(finding)
        }
        try database.visitOrphans { (number, _) throws(StorageError) in
            if try rows?.names(of: number).isEmpty == false { return }
            var finding = Finding(
                .error, file, "no name leads to inode \(number)",
                advice: "a repair gives it a name in the root")
            finding.isRepaired = repairs && base != nil
            log.add(finding)
        }
        try database.visitLinkFaults { (fault) throws(StorageError) in
            // Names in layers count too, and the query does not know them.
            if rows != nil { return }
            let number = fault.inode
            let kind = fault.isDirectory ? "directory" : "file"
            var finding = Finding(
                .error, file, path: database.path(of: number),
                "\(kind) \(number) has link count \(fault.links), but \(fault.names) names lead to it",
                advice: fault.right == nil
                    ? "rename one of them: a directory has one name" : "a repair corrects the count")
            finding.isRepaired = repairs && base != nil && fault.right != nil
            log.add(finding)
        }
        try database.visitMissingOrigins { (number) throws(StorageError) in
            if try rows?.origin(number) != nil { return }
            log.add(
                Finding(
                    .error, file, path: database.path(of: number),
                    "inode \(number) came from the base, but its origin is not recorded",
                    advice: "its base content answers EIO: rewrite the file"))
        }
    }

    /// Checks rows that say a file has a log where there is none.
    func checkMissingLogs() throws(StorageError) {
        guard situation != .afterPowerCut else { return }
        let all = (database.map { [$0] } ?? []) + layers
        for (index, database) in all.enumerated() { try checkMissingLogs(database, under: all[..<index]) }
    }

    /// - Parameter newer: the databases above it.
    private func checkMissingLogs(
        _ database: TreeDatabase, under newer: ArraySlice<TreeDatabase>
    ) throws(StorageError) {
        try database.visitFilesWithLogs { (number, known) throws(StorageError) in
            guard only?.contains(number) ?? true, !disk.exists(LogDirectory.path(number)),
                !shortLogs.contains(where: { $0.id == number })
            else { return }
            // It was removed since, and its log released: no fork begins with this layer any more.
            for database in newer where disk.exists("\(directory)/\(HorizonRecord.fileName)") {
                if try database.isRemoved(.inode(number)) { return }
            }
            shortLogs.append((number, known))
            var finding = Finding(
                .error, LogDirectory.path(number), path: database.path(of: number),
                "it is missing; the file answers EIO",
                advice: "truncate the file to 0 and rewrite it, or remove it")
            finding.isRepaired = repairs
            log.add(finding)
        }
    }

    // MARK: The base

    /// Checks touched base files: whether the base is unchanged, and what the pool has of them.
    func checkOrigins() throws(StorageError) {
        guard let database, let base else { return }
        devicePaths = isOverLayer ? findLower()?.devices ?? [:] : [:]
        devicePaths.merge(try database.devices()) { $1 }
        var last = Int64.min
        while true {
            let part = try database.origins(behind: last, atMost: 256)
            for (number, origin) in part where only?.contains(number) ?? true {
                try checkOrigin(number, origin, base, database)
            }
            guard let end = part.last else { return }
            last = Int64(bitPattern: end.inode)
        }
    }

    private func checkOrigin(
        _ number: InodeNumber, _ origin: Origin, _ base: BaseTree, _ database: TreeDatabase
    ) throws(StorageError) {
        let status = try? base.status(BasePlace(path: origin.path))
        let fits = status.map { origin.fits($0) } ?? false
        if origin.isPinned {
            let path = origin.device == 0 ? nil : devicePaths[origin.device] ?? []
            try pins.check(
                PinIdentity(origin, devicePath: path),
                path: database.path(of: number) ?? EpochPath.plain(origin.path),
                original: fits ? try? base.file(BasePlace(path: origin.path)) : nil)
        }
        if fits { return }
        log.add(
            Finding(
                .warning, LogDirectory.path(number),
                path: database.path(of: number) ?? EpochPath.plain(origin.path),
                "the base file " + EpochPath.shown(origin.path)
                    + (status == nil ? " is gone" : " has changed") + " since it was touched here",
                advice: origin.isPinned
                    ? "its earlier content is kept in the pool"
                    : "take the base's content or keep the workspace's (drift)"))
    }
}
