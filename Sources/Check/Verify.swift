// Verify: checks a workspace while it is in use. It writes a checkpoint first, so that the database is
// complete. Then it reads files through its own descriptors and database connection. It holds no lock of
// the tree while it reads, and checks a log that is being appended to up to its end.

package import Overlay
internal import Past
internal import Platform
internal import Storage

extension Workspace {
    /// Checks the whole workspace, or the files at and below `paths`.
    /// - Parameters:
    ///   - paths: paths below the workspace's root; empty for everything.
    ///   - progress: gets the bytes done and the bytes in all; returns false to stop.
    /// - Throws: ENOENT if a path does not exist; EIO if the store cannot be read.
    package func verify(
        _ paths: [[UInt8]] = [], progress: @escaping (UInt64, UInt64) -> Bool = { _, _ in true }
    ) throws(CommandError) -> VerifyReport {
        let started = clock.realtime()
        let roots = try paths.map { (path) throws(CommandError) in try number(of: path) }
        maintenance.checkpoint()
        let log = CheckLog(started: started, progress: progress)
        let check = WorkspaceCheck(
            id, disk, key: logs.key, base: base, log: log, situation: .inUse, repairs: false,
            now: started)
        check.isUsed = { number in
            self.withTreeSafely { tree in
                guard let inode = try? tree.inode(number) else { return false }
                return inode.record.links > 0 && inode.record.flags.contains(.hasLog)
            }
        }
        check.endOfTreeLog = { self.treeLog.end }
        check.endOfLog = { number in
            // The log's own lock is taken after the tree's is released.
            let log: EditLog? = self.withTreeSafely { $0.openLogs[number] }
            return log?.end
        }
        do throws(StorageError) {
            check.findLower = { self.withTreeSafely { $0.rows.lower } }
            if !paths.isEmpty { check.only = try files(below: roots) }
            if paths.isEmpty { try StoreFilesCheck(disk, log).run(repairs: false) }
            try check.expectBytes()
            try check.run(databases.areInMemory ? nil : databases)
            for (ancestor, logs) in try inheritedLogs(check.only) {
                let check = WorkspaceCheck(
                    ancestor, disk, key: self.logs.key, base: nil, log: log, situation: .inUse,
                    repairs: false, now: started)
                check.only = logs
                check.endOfLog = { log in
                    // The ancestor may be appending: what it appended up to the fork counts.
                    try? self.logs.length(of: log)
                }
                try check.expectBytes()
                try check.run(nil)
            }
        } catch {
            guard log.report.wasCancelled else {
                throw CommandError(error.errno, "the check could not continue: \(error)")
            }
        }
        let report = log.finish(clock.realtime())
        if report.errors > 0 {
            events.post(
                .error, "verify found \(report.errors) errors; the first: "
                    + (report.findings.first { $0.severity == .error }?.sentence ?? ""))
        }
        return report
    }

    private func number(of path: [UInt8]) throws(CommandError) -> InodeNumber {
        do throws(Errno) {
            return try number(at: path)
        } catch {
            throw CommandError(error, "cannot verify \(pathInWords(path)): \(error)")
        }
    }

    /// Returns the logs of ancestors that a fork reads, by workspace.
    /// - Parameter only: the files of the fork that count; nil for all, also those that only its past needs.
    private func inheritedLogs(
        _ only: Set<InodeNumber>?
    ) throws(StorageError) -> [UInt16: Set<InodeNumber>] {
        guard fork != nil else { return [:] }
        var found: Set<InodeNumber> = []
        if let only {
            for number in only {
                let isInherited = withTreeSafely { tree in
                    (try? tree.row(number))?.flags.contains(.inheritsLog) == true
                }
                if !isInherited { continue }
                // The log that has the content may be damaged, so it is not opened to find out which one it
                // is.
                for ancestor in logs.ancestors(of: id) {
                    let log = number.moved(to: ancestor.workspace)
                    if EditLog.exists(log, in: logs) { found.insert(log) }
                }
            }
        } else {
            var next = withTreeSafely { $0.rows.lower }
            while let layer = next {
                if layer.name.workspace != id { found.formUnion(try layer.filesWithLogs()) }
                next = layer.lower
            }
        }
        return Dictionary(grouping: found, by: \.workspace).mapValues(Set.init)
    }

    /// Returns the files at and below `roots` that have rows or entries: files below an untouched directory
    /// have none.
    private func files(below roots: [InodeNumber]) throws(StorageError) -> Set<InodeNumber> {
        var found = Set(roots)
        var open = roots
        while let next = open.popLast() {
            // One directory at a time, so that other calls get the lock in between.
            let result: Result<[Entry], Errno> = withTreeSafely { tree in
                do throws(Errno) {
                    return .success(Array(try tree.entries(in: next).values))
                } catch {
                    return .failure(error)
                }
            }
            let entries: [Entry]
            switch result {
            case .success(let known): entries = known
            case .failure(let error): throw .system(error, doing: "list", path: "inode \(next)")
            }
            for entry in entries where !entry.isWhiteout && found.insert(entry.inode).inserted {
                if entry.type == .directory { open.append(entry.inode) }
            }
        }
        return found
    }
}

/// Checks the files of the store that belong to no workspace.
struct StoreFilesCheck {
    private let disk: any Disk
    private let log: CheckLog

    init(_ disk: any Disk, _ log: CheckLog) {
        self.disk = disk
        self.log = log
    }

    /// - Parameter lock: the bytes of the lock file, if the caller has overwritten it since.
    func run(repairs: Bool, lock: [UInt8]? = nil) throws(StorageError) {
        let payload = try SealedCopies.check(
            Superblock.path, magic: Format.superblockMagic, copies: 2, on: disk, log: log,
            repairs: repairs, advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        if payload == nil, lock == nil {
            let length = (try? disk.open(Superblock.path, .readOnly).length()) ?? 0
            log.add(
                Finding(
                    .error, Superblock.path, range: 0..<max(1, length), "no copy of it can be read",
                    advice: "draftfs fsck --repair --base DIR makes a new one"))
        }
        try checkKey(repairs: repairs)
        try LimitFilesCheck.limits("", on: disk, log: log, repairs: repairs)
        let bytes = lock ?? (try? disk.open("lock", .readOnly).readAll()) ?? []
        log.countFile()
        try log.advance(UInt64(bytes.count))
        guard ChecksummedText(decoding: bytes).isDamaged else { return }
        // It may have been written just now.
        if lock == nil, let again = try? disk.open("lock", .readOnly).readAll(),
            !ChecksummedText(decoding: again).isDamaged { return }
        var finding = Finding(
            .error, "lock", range: 0..<UInt64(bytes.count), "it has a wrong checksum",
            advice: "its text is only for people; each mount rewrites it")
        finding.isRepaired = repairs
        log.add(finding)
    }

    /// Checks the file `key`, which can be rebuilt from the superblock.
    private func checkKey(repairs: Bool) throws(StorageError) {
        let payload = try SealedCopies.check(
            StoreKey.path, magic: Format.keyMagic, copies: 2, on: disk, log: log, repairs: repairs,
            advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        let expected = (try? Superblock(from: disk)).map { StoreKey($0) }
        var finding: Finding
        if payload == nil {
            let length = (try? disk.open(StoreKey.path, .readOnly).length()) ?? 0
            finding = Finding(
                .error, StoreKey.path, range: 0..<max(1, length), "no copy of it can be read",
                advice: "the next start rewrites it if the superblock is good")
            finding.isRepaired = repairs && (try? expected?.write(to: disk)) != nil
        } else if let expected, (try? StoreKey(from: disk)) != expected {
            finding = Finding(
                .error, StoreKey.path, "it and the superblock belong to different stores",
                advice: "restore the one that was overwritten")
        } else {
            return
        }
        log.add(finding)
    }
}
