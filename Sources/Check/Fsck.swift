// Fsck: checks a whole store that no process uses, and repairs it if requested. It holds the store's lock
// meanwhile. Without repair it changes nothing.

package import Overlay
internal import Past
package import Platform
package import Storage

package struct Fsck {
    package struct Options: Sendable {
        package var repairs = false
        /// The path of the base, for a store that has lost it or whose base was moved.
        package var base: String?
        /// The holder of the store that a concurrent mount reports in its message.
        package var holder = "fsck"
        package init() {}
    }

    /// The state at the end; the exit status of fsck(8) is derived from it.
    package enum Outcome: String, Sendable {
        case clean, repaired
        case damaged = "damage left"
    }

    package struct Report: Sendable {
        package var outcome: Outcome
        package var check: VerifyReport
        /// The events of recovery, from the opening of repaired workspaces.
        package var events: [Event] = []

        package var pairs: [(key: String, value: ReportValue)] {
            [("outcome", .text(outcome.rawValue))] + check.pairs + [
                (
                    "events",
                    .list(events.map { [("message", .text($0.message))] })
                )
            ]
        }
    }

    private let path: String
    private let options: Options
    private let clock: Clock
    private let events = EventLog()

    package init(_ path: String, _ options: Options = Options(), clock: Clock = .system) {
        self.path = path
        self.options = options
        self.clock = clock
    }

    /// Checks the store, and repairs it if the options say so.
    /// - Throws: `locked` while a daemon uses the store; `system` or `damaged` if the directory is not a
    ///   store.
    package func run(
        progress: @escaping (UInt64, UInt64) -> Bool = { _, _ in true }
    ) throws(StorageError) -> Report {
        let root: File
        do throws(Errno) {
            root = try File.open(path, flags: OpenFlags.directory)
        } catch {
            throw .system(error, doing: "open the store", path: path)
        }
        let disk = HostDisk(root: root)
        guard disk.exists("workspaces") || disk.exists(Superblock.path) else {
            throw .damaged(path: path, what: "it is not a store")
        }
        let lockText = try? disk.open("lock", .readOnly).readAll()
        let lock = try Store.takeLock(root, path, options.holder)
        defer {
            if !options.repairs {
                // The text names the last holder; nothing depends on it.
                try? Store.write(lockText ?? [], to: lock.file)
            }
        }
        let log = CheckLog(started: clock.realtime(), progress: progress)
        do throws(StorageError) {
            try check(disk, lock, lockText, log)
        } catch {
            if !log.report.wasCancelled { throw error }
        }
        let report = log.finish(clock.realtime())
        let outcome: Outcome = report.isClean
            ? .clean
            : report.errors == report.repaired && !report.wasCancelled ? .repaired : .damaged
        return Report(outcome: outcome, check: report, events: events.events)
    }

    private func check(
        _ disk: HostDisk, _ lock: FileLock, _ lockText: [UInt8]?, _ log: CheckLog
    ) throws(StorageError) {
        try StoreFilesCheck(disk, log).run(repairs: options.repairs, lock: lockText ?? [])
        let pins = PinCheck(disk, log, repairs: options.repairs)
        let names = ((try? disk.list("workspaces")) ?? []).sorted()
        let superblock = try superblock(disk, log)
        guard let key = superblock?.key ?? (try? StoreKey(from: disk))?.key else {
            return reportLostKey(log)
        }
        let base = openBase(superblock, log)
        let epochs = openEpochs(superblock, base, log)
        for name in names {
            if let id = Self.number(name) {
                try WorkspaceCheck(
                    id, disk, key: key, base: nil, log: log, situation: .closed, repairs: false,
                    now: 0
                ).expectBytes()
            }
        }
        for name in names {
            if name.hasSuffix(".new") || name.hasSuffix(".dead") {
                log.add(
                    Finding(
                        .notice, "workspaces/\(name)", "its creation or removal was interrupted",
                        advice: "the next start removes it"))
                continue
            }
            guard let id = Self.number(name) else {
                log.add(Finding(.notice, "workspaces/\(name)", "it is not a workspace"))
                continue
            }
            try check(id, disk, key, lock, superblock, base, epochs, log, pins)
        }
        // Without a base it is not known which files need them.
        if base != nil { try pins.checkRest() }
    }

    /// Reports the loss of the key. No new key is made: with it all records would look damaged, and a
    /// repair would replace them.
    private func reportLostKey(_ log: CheckLog) {
        log.add(
            Finding(
                .error, StoreKey.path,
                "the superblock and this file are both lost, and with them the key of the checksums: "
                    + "records cannot be checked, so no workspace was read or changed",
                advice: "restore one of the two files from a copy of the store"))
    }

    private static func number(_ name: String) -> UInt16? {
        guard name.utf8.count == 4, let id = UInt16(name, radix: 16), id > 0,
            id <= WorkspaceRecord.maximumID else { return nil }
        return id
    }

    /// Returns the superblock; if no copy can be read and a base was given, a new one.
    private func superblock(
        _ disk: HostDisk, _ log: CheckLog
    ) throws(StorageError) -> Superblock? {
        do throws(StorageError) {
            return try Superblock(from: disk)
        } catch {
            switch error {
            case .newerVersion, .olderVersion: throw error
            default: break
            }
            var finding = Finding(
                .error, Superblock.path, "it is missing or lost: the base of the store is not known",
                advice: "give --repair --base DIR")
            defer { log.add(finding) }
            guard options.repairs, let path = options.base,
                let known = try? StoreKey(from: disk),
                let base = try? BaseTree(Placement.resolve(path)) else { return nil }
            let made = Superblock(
                id: known.id, created: clock.realtime(), basePath: Array(base.path.utf8),
                baseInode: base.rootStatus.inode, key: known.key)
            try made.write(to: disk)
            finding.isRepaired = true
            return made
        }
    }

    private func openBase(_ superblock: Superblock?, _ log: CheckLog) -> BaseTree? {
        let recorded = superblock.map { String(decoding: $0.basePath, as: UTF8.self) }
        guard let path = options.base ?? recorded else { return nil }
        do throws(Errno) {
            let base = try BaseTree(Placement.resolve(path))
            if let superblock, base.rootStatus.inode != superblock.baseInode,
                Array(base.path.utf8) != superblock.basePath {
                log.add(
                    Finding(
                        .warning, Superblock.path, "\(path) is not the base of the store",
                        advice: "the base is not checked"))
                return nil
            }
            return base
        } catch {
            log.add(
                Finding(
                    .warning, Superblock.path, "the base \(path) cannot be opened: \(error)",
                    advice: "drift is not checked; give --base if the base was moved"))
            return nil
        }
    }

    // MARK: The base

    /// Opens the commits to the base, which tell what workspaces see of it.
    private func openEpochs(_ superblock: Superblock?, _ base: BaseTree?, _ log: CheckLog) -> Epochs? {
        guard let superblock, let base else { return nil }
        let epochs = Epochs(
            storeDirectory: path, store: superblock.id, device: base.rootDevice, key: superblock.key,
            isReadOnly: true)
        if let fault = epochs.fault {
            log.add(
                Finding(
                    .error, "epochs", "the commits to the base cannot be read: \(fault)",
                    advice: "no workspace can be opened: restore the directory from a copy of the store"))
        }
        return epochs
    }

    /// Returns the base as a workspace sees it.
    private func seen(_ base: BaseTree?, _ epochs: Epochs?, by id: UInt16, _ disk: HostDisk) -> BaseTree? {
        let record = try? WorkspaceRecord(from: "\(LogDirectory.workspacePath(id))/workspace", on: disk)
        guard let base, let record, let epochs, epochs.fault == nil else { return base }
        return BaseTree(base.host, epochs: epochs, epoch: record.epoch)
    }

    // MARK: One workspace

    private func check(
        _ id: UInt16, _ disk: HostDisk, _ key: ChecksumKey, _ lock: FileLock,
        _ superblock: Superblock?, _ base: BaseTree?, _ epochs: Epochs?, _ log: CheckLog, _ pins: PinCheck
    ) throws(StorageError) {
        let directory = LogDirectory.workspacePath(id)
        func situation() -> WorkspaceCheck.Situation {
            switch SessionMark.state(directory, disk) {
            case .closed: .closed
            case .same: .killed
            case .otherBoot, .otherMount, .damaged: .afterPowerCut
            }
        }
        // After a power cut a gap ends a log, which recovery cuts off. A filler would keep what was never
        // synced.
        var hasFailed = false
        if options.repairs, situation() == .afterPowerCut {
            if SessionMark.state(directory, disk) == .damaged {
                try WorkspaceCheck(
                    id, disk, key: key, base: nil, log: log, situation: .afterPowerCut,
                    repairs: true, now: clock.realtime()
                ).checkMark()
            }
            hasFailed = reopen(id, disk, lock, superblock, base) != nil
        }
        let errors = log.report.errors
        let check = WorkspaceCheck(
            id, disk, key: key, base: seen(base, epochs, by: id, disk), log: log, situation: situation(),
            repairs: options.repairs, now: clock.realtime(), pins: pins)
        check.findLower = { self.lower(of: id, disk) }
        try check.run(DatabasePaths("\(path)/\(directory)"))
        guard options.repairs, hasFailed || log.report.errors > errors else { return }
        if let failure = reopen(id, disk, lock, superblock, base) {
            log.add(
                Finding(
                    .error, directory, "it cannot be opened: \(failure)",
                    advice: "mount it for details"))
        }
    }

    /// Returns the layer below the last database of a workspace. Nil if there is none, or if a database does
    /// not have all of a layer: then the next start completes it.
    private func lower(of id: UInt16, _ disk: HostDisk) -> Layer? {
        var chain: [(id: UInt16, last: UInt32)] = []
        var next: UInt16 = id
        var last: UInt32?
        while chain.count < Int(WorkspaceRecord.maximumID) {
            let directory = LogDirectory.workspacePath(next)
            guard let record = try? WorkspaceRecord(from: "\(directory)/workspace", on: disk)
            else { return nil }
            let generations = ((try? disk.list(directory)) ?? []).compactMap { DatabasePaths.generation($0) }
            // Of the workspace itself the last database is not a layer.
            chain.append((next, last ?? generations.max() ?? 0))
            guard let fork = record.fork else { break }
            (next, last) = (fork.workspace, fork.generation)
        }
        var layer: Layer?
        for (index, item) in chain.enumerated().reversed() {
            let paths = DatabasePaths("\(path)/\(LogDirectory.workspacePath(item.id))")
            let end = index == 0 ? item.last : item.last.addingReportingOverflow(1).partialValue
            // After a rebuild that began with the state of a tree log there are no databases before it.
            let isThere = (0..<end).contains {
                disk.exists("\(LogDirectory.workspacePath(item.id))/\(DatabasePaths.name($0))")
            }
            guard isThere || index == 0,
                let first = isThere ? try? Layer.firstGeneration(upTo: end - 1, of: paths) : end
            else { return nil }
            for generation in first..<end {
                let name = Layer.Name(workspace: item.id, generation: generation)
                guard let found = try? Layer(name, reading: paths.path(generation), over: layer)
                else { return nil }
                layer = found
            }
        }
        return layer
    }

    /// Opens and closes the workspace: recovery rebuilds the database, and seals it.
    /// - Returns: the error, if any; nil also if the base is missing, so that a later mount does this.
    private func reopen(
        _ id: UInt16, _ disk: HostDisk, _ lock: FileLock, _ superblock: Superblock?, _ base: BaseTree?
    ) -> StorageError? {
        guard let superblock, let base else { return nil }
        do throws(StorageError) {
            let record = try WorkspaceRecord(
                from: "\(LogDirectory.workspacePath(id))/workspace", on: disk)
            let store = try Store(
                path: path, disk: disk, superblock: superblock, databaseDirectory: path, lock: lock)
            let set = WorkspaceSet(store: store, base: base, clock: clock, events: events)
            let workspace = try set.openForRepair(record)
            workspace.recovery.closeGaps(looksForLogs: false)
            workspace.close()
            set.close()
            return nil
        } catch {
            return error
        }
    }
}
