// WorkspaceCheck: checks every file of one workspace's directory, while it is in use or offline; offline it
// can repair. It takes no lock of the workspace: it reads files through its own descriptors.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

final class WorkspaceCheck {
    /// The state of the workspace, which decides what may be wrong with the ends of its logs.
    enum Situation {
        /// Open in this process: logs are checked up to their ends.
        case inUse
        /// Closed: nothing is cut short.
        case closed
        /// A daemon was killed, or the machine went down: recovery cuts off unfinished writes.
        case killed, afterPowerCut
    }

    let id: UInt16
    let disk: any Disk
    /// The key of the records' checksums.
    let key: ChecksumKey
    let directory: String
    let base: BaseTree?
    let log: CheckLog
    let situation: Situation
    let repairs: Bool
    let now: Int64
    /// The files to check; nil for all files and everything else.
    var only: Set<InodeNumber>?
    /// Returns the end of a log that is being appended to; nil for a log that is not open.
    var endOfLog: (InodeNumber) -> UInt64? = { _ in nil }
    /// Returns whether an existing file has its content in the log. A crash can leave a log whose file was
    /// never made; the log of a removed file is needed by the past only.
    var isUsed: (InodeNumber) -> Bool = { _ in true }
    var endOfTreeLog: () -> UInt64 = { .max }
    /// The database, opened for reading; nil if there is none or it is damaged.
    var database: TreeDatabase?
    /// Its name in the directory.
    var databaseName = DatabasePaths.name(0)
    /// The databases of the workspace's own layers, the newest first, and whether one of them is damaged.
    var layers: [TreeDatabase] = []
    var lacksLayer = false
    /// Returns the layer below the database. Nil if there is none, or if it cannot be read now.
    var findLower: () -> Layer? = { nil }
    /// Whether a layer is below the database, so that references lead to what the database does not have.
    var isOverLayer = false
    var position = CheckpointPosition()
    /// The highest position in each log that records of another log name.
    var references: [UInt64: UInt64] = [:]
    /// Logs whose last records are missing, with the last edit that is known.
    var shortLogs: [(id: UInt64, sequence: UInt64)] = []
    /// Logs that have a record according to the tree log, after the database's position.
    var markedLogs: [InodeNumber: UInt64] = [:]
    /// The workspace must not be opened before the database is put aside.
    var databaseIsDamaged = false
    var damage: StorageError?
    /// Checks the contents that origins name; shared by all workspaces of a check.
    let pins: PinCheck
    /// A path on each device of the base except the root's.
    var devicePaths: [UInt32: [UInt8]] = [:]

    init(
        _ id: UInt16, _ disk: any Disk, key: ChecksumKey, base: BaseTree?, log: CheckLog,
        situation: Situation, repairs: Bool, now: Int64, pins: PinCheck? = nil
    ) {
        self.pins = pins ?? PinCheck(disk, log, repairs: repairs)
        self.id = id
        self.disk = disk
        self.key = key
        self.base = base
        self.log = log
        self.situation = situation
        self.repairs = repairs
        self.now = now
        directory = LogDirectory.workspacePath(id)
    }

    /// Runs a repair; returns whether it succeeded.
    func mend(_ body: () throws(StorageError) -> Void) -> Bool {
        guard repairs else { return false }
        do throws(StorageError) {
            try body()
            return true
        } catch {
            log.add(Finding(.error, directory, "the repair failed: \(error)"))
            return false
        }
    }

    func mendFile(
        _ doing: String, _ path: String, _ body: () throws(Errno) -> Void
    ) -> Bool {
        mend { () throws(StorageError) in
            do throws(Errno) {
                try body()
            } catch {
                throw .system(error, doing: doing, path: path)
            }
        }
    }

    // MARK: Small files

    /// Checks the workspace's own record.
    func checkRecord() throws(StorageError) {
        let path = "\(directory)/workspace"
        let id = id
        let disk = disk
        let payload = try SealedCopies.check(
            path, magic: Format.workspaceMagic, copies: 2, on: disk, log: log, repairs: repairs,
            advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        guard let record = try? WorkspaceRecord(from: path, on: disk) else {
            guard payload == nil else {
                log.add(
                    Finding(
                        .error, path, "the workspace's record cannot be understood",
                        advice: "use the draftfs that wrote it, or a newer one"))
                return
            }
            let directory = directory
            let repaired = mend { () throws(StorageError) in
                let name = FileName(trusted: Array("recovered-\(id)".utf8))
                var made = WorkspaceRecord(id: id, name: name, created: now)
                // Without its parent a fork would lose its content.
                if disk.exists("\(directory)/fork") {
                    let first = try WorkspaceRecord(from: "\(directory)/fork", on: disk)
                    (made.fork, made.created) = (first.fork, first.created)
                }
                try made.write(to: path, on: disk)
            }
            var finding = Finding(
                .error, path, "no copy of the workspace's record can be read",
                advice: "a repair makes a new one, with the name recovered-\(id)")
            finding.isRepaired = repaired
            log.add(finding)
            return
        }
        if record.fork != nil {
            _ = try SealedCopies.check(
                "\(directory)/fork", magic: Format.workspaceMagic, copies: 2, on: disk, log: log,
                repairs: repairs, advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        }
        if record.id != id {
            log.add(
                Finding(
                    .error, path, "it is the record of workspace number \(record.id)",
                    advice: "give the directory its name back"))
        }
    }

    func checkMark() throws(StorageError) {
        let path = SessionMark.path(directory)
        guard disk.exists(path) else { return }
        log.countFile()
        let bytes = (try? disk.open(path, .readOnly).readAll()) ?? []
        try log.advance(UInt64(bytes.count))
        guard ChecksummedText(decoding: bytes).isDamaged else { return }
        // It is treated as a mark of another boot, and written again when the workspace is opened.
        var finding = Finding(
            .error, path, range: 0..<UInt64(bytes.count), "it has a wrong checksum",
            advice: "the next start recovers as after a power cut")
        finding.isRepaired = repairs
        log.add(finding)
    }

    // MARK: The whole workspace

    /// Checks everything of the workspace.
    func run(_ paths: DatabasePaths?) throws(StorageError) {
        if only == nil {
            try checkRecord()
            try checkMark()
            try LimitFilesCheck.limits(directory, on: disk, log: log, repairs: repairs)
            try LimitFilesCheck.usage(directory, on: disk, log: log, repairs: repairs)
            try LimitFilesCheck.run(directory, on: disk, log: log, repairs: repairs)
            try LimitFilesCheck.horizon(directory, on: disk, log: log, repairs: repairs)
        }
        if let paths { try openDatabases(paths) }
        defer {
            database?.close()
            database = nil
            for layer in layers { layer.close() }
            layers = []
        }
        if let newest = database ?? layers.first { position = try newest.position() }
        try checkFiles(paths?.path(DatabasePaths.generation(databaseName) ?? 0))
        if repairs { fillEnds() }
    }

    /// Announces the bytes that `run` will read, as far as the files' sizes tell.
    func expectBytes() throws(StorageError) {
        func expect(_ path: String, besides gone: UInt64 = 0) {
            guard let length = try? disk.open(path, .readOnly).length() else { return }
            log.expect(length.subtracting(clamping: gone))
        }
        let treeLog = "\(directory)/tree.log"
        let start = try? TreeLogStart(beside: treeLog, id: UInt64(id) << 48, key: key, on: disk)
        expect(treeLog, besides: start?.firstPosition ?? 0)
        expect(TreeLogStart.path(beside: treeLog))
        try LogFiles(directory, disk).visit { (path, kind) throws(StorageError) in
            switch kind {
            case .log(let number), .pieces(let number):
                if only?.contains(number) ?? true { expect(path) }
            case .kept:
                if only == nil { expect(path) }
            case .aside, .unfinishedPieces, .released, .dead, .unknown: break
            }
        }
    }

    /// Returns whether a file is still there after some time, so that no thread is writing it.
    private func isLeft(_ path: String) -> Bool {
        for _ in 0..<100 {
            if !disk.exists(path) { return false }
            Clock.pause(microseconds: 10_000)
        }
        return true
    }

    /// Checks the files. No statement of the database is open while a log is read: SQLite could not reuse
    /// its write-ahead log.
    private func checkFiles(_ databasePath: String?) throws(StorageError) {
        if only == nil {
            try checkDatabase(databasePath)
            try checkTreeLog()
            for name in ((try? disk.list(directory)) ?? []).sorted()
            where name.hasPrefix("tree.log.damaged-") {
                try checkKept("\(directory)/\(name)")
            }
        }
        try LogFiles(directory, disk).visit { (path, kind) throws(StorageError) in
            switch kind {
            case .log(let number):
                if only?.contains(number) ?? true { try checkLog(number) }
            case .pieces(let number):
                if !disk.exists(LogDirectory.path(number)), only == nil { strayPieces(path) }
            case .kept:
                if only == nil { try checkKept(path) }
            case .released(let number):
                if only?.contains(number) ?? true { try checkReleased(number, path) }
            case .aside, .dead: break
            case .unfinishedPieces where situation == .inUse && !isLeft(path):
                // Another thread wrote a piece checkpoint, and has given it its name by now.
                break
            case .unknown, .unfinishedPieces:
                if only == nil { log.add(Finding(.notice, path, "it is not a file of draftfs")) }
            }
        }
        try checkMissingLogs()
        checkMarkedLogs()
        try checkOrigins()
        if only == nil { try checkReferences() }
    }

    /// Checks the list of what was released of a log.
    private func checkReleased(_ number: UInt64, _ path: String) throws(StorageError) {
        let payload = try SealedCopies.check(
            path, magic: Format.releasedMagic, copies: 2, on: disk, log: log, repairs: repairs,
            advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        // The log may be removed at this moment.
        guard disk.exists(path), payload.flatMap({ ReleasedRanges(decoding: $0, log: number) }) == nil
        else { return }
        log.add(
            Finding(
                .error, path, "the list of what was released of a log cannot be read",
                advice: "until draftfs gc releases more, damage of that log is not told from what was "
                    + "released"))
    }

    private func strayPieces(_ path: String) {
        var finding = Finding(
            .error, path, "its log is missing", advice: "nothing depends on it")
        finding.isRepaired = mendFile("remove", path) { () throws(Errno) in try disk.remove(path) }
        log.add(finding)
    }

    /// Checks a file with bytes that were cut off a log, or kept by a repair.
    private func checkKept(_ path: String) throws(StorageError) {
        log.countFile()
        let check = try SealedFile.check(
            magic: Format.cutMagic, copies: 1, path: path, on: disk)
        try log.advance(check.length)
        guard !check.damage.isEmpty else { return }
        let disk = disk
        var finding = Finding(
            .error, path, range: 0..<check.length, "it has a wrong checksum, or none",
            advice: "nothing depends on it: it is kept for inspection")
        finding.isRepaired = mend { () throws(StorageError) in
            let bytes: [UInt8]
            do throws(Errno) {
                bytes = try disk.open(path, .readOnly).readAll()
            } catch {
                throw .system(error, doing: "read", path: path)
            }
            try KeptBytes(log: 0, position: 0, bytes: bytes).write(to: path, on: disk)
        }
        log.add(finding)
    }
}

/// Checks sealed files with several copies: reports one finding for each bad copy, and writes all again from
/// a good one.
enum SealedCopies {
    /// - Returns: the payload of a good copy; nil if there is none, which the caller handles.
    static func check(
        _ path: String, magic: UInt64, copies: Int, on disk: any Disk, log: CheckLog,
        repairs: Bool, advice: String
    ) throws(StorageError) -> [UInt8]? {
        guard disk.exists(path) else { return nil }
        log.countFile()
        let check = try SealedFile.check(magic: magic, copies: copies, path: path, on: disk)
        try log.advance(check.length)
        guard let payload = check.payload else { return nil }
        var failure: StorageError?
        if repairs, !check.damage.isEmpty {
            do throws(StorageError) {
                try SealedFile.write(
                    payload, magic: magic, copies: copies, to: path, on: disk, durable: true)
            } catch {
                failure = error
            }
        }
        for range in check.damage {
            var finding = Finding(
                .error, path, range: range,
                "a copy is damaged, but another copy is right" + (failure.map { "; \($0)" } ?? ""),
                advice: advice)
            finding.isRepaired = repairs && failure == nil
            log.add(finding)
        }
        return payload
    }
}

/// The files below a workspace's `logs`.
struct LogFiles {
    enum Kind {
        case log(UInt64)
        case pieces(UInt64)
        /// `.pieces.new`: a piece checkpoint that is being written, or was when the daemon was killed.
        case unfinishedPieces
        /// The list of what was released of a log.
        case released(UInt64)
        /// `.log.dead`: a log that is being removed. A kill may leave it.
        case dead
        /// `.cut`, `.cut-…` and `.damaged-…`
        case kept
        /// `.damaged`: a log that was put aside whole. Its content is not checked.
        case aside
        case unknown
    }

    private let directory: String
    private let disk: any Disk

    init(_ directory: String, _ disk: any Disk) {
        self.directory = directory
        self.disk = disk
    }

    func visit(
        _ body: (String, Kind) throws(StorageError) -> Void
    ) throws(StorageError) {
        let logs = "\(directory)/logs"
        for shard in ((try? disk.list(logs)) ?? []).sorted() {
            for name in ((try? disk.list("\(logs)/\(shard)")) ?? []).sorted() {
                let path = "\(logs)/\(shard)/\(name)"
                try body(path, kind(of: name, path))
            }
        }
    }

    private func kind(of name: String, _ path: String) -> Kind {
        let parts = name.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let low = UInt64(parts[0], radix: 16),
            let workspace = UInt64(directory.suffix(4), radix: 16), low < 1 << 48
        else { return .unknown }
        let number = workspace << 48 | low
        switch parts[1] {
        case "log" where path == LogDirectory.path(number): return .log(number)
        case "pieces" where path == LogDirectory.piecesPath(number): return .pieces(number)
        case "released" where path == LogDirectory.releasedPath(number): return .released(number)
        case "released.new" where path == LogDirectory.releasedPath(number) + ".new": return .unfinishedPieces
        case "log" + LogRelease.deadSuffix: return .dead
        case "pieces.new" where path == LogDirectory.piecesPath(number) + ".new": return .unfinishedPieces
        default:
            if parts[1] == "log.damaged" || parts[1].hasPrefix("log.damaged.") { return .aside }
            let isKept = parts[1] == "log.cut" || parts[1].hasPrefix("log.cut-")
                || parts[1].hasPrefix("log.damaged-")
            return isKept ? .kept : .unknown
        }
    }
}

extension WorkspaceCheck {
    /// Reports what the faults of a log mean, and repairs them.
    var faults: FaultRepair { FaultRepair(scan: self) }
}
