// Session: one process on a simulated disk: opens the store and the workspace, runs steps, and reads the
// resulting state.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport

/// The base that the sessions share: a real directory, which the sessions do not change.
final class CrashBase: Sendable {
    private let directory: TemporaryDirectory
    let tree: BaseTree
    /// The bytes of each base file.
    let files: [String: [UInt8]]
    let limits: Limits
    private let maximumPayload: Int

    /// - Parameters:
    ///   - transactionPart: the maximum length in bytes of the changes in one record of the tree log.
    ///   - maximumPayload: the maximum length in bytes of the payload of a record of an edit log.
    ///   - releasePage: the least number of bytes that are released.
    init(
        transactionPart: Int = Format.partLength, maximumPayload: Int = Format.maximumPayloadLength,
        releasePage: UInt64 = Format.pageLength
    ) throws {
        var limits = Limits()
        limits.releasePage = releasePage
        if releasePage == 1 { (limits.leastShared, limits.leastTreeLog) = (1, 1) }
        limits.transactionPart = transactionPart
        self.limits = limits
        self.maximumPayload = maximumPayload
        directory = try TemporaryDirectory("crash")
        var files: [String: [UInt8]] = [:]
        for (seed, item) in [("old", 10_000), ("base", 100), ("gone", 5000)].enumerated() {
            let bytes = Model.data(100 + seed, item.1)
            try File.open(directory(item.0), flags: O_RDWR | O_CREAT).writeBytes(bytes, at: 0)
            files[item.0] = bytes
        }
        self.files = files
        tree = try BaseTree(directory.path)
    }

    /// Returns a disk with a store and one workspace, all durable.
    func newDisk(seed: UInt64) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        let store = try openStore(disk)
        _ = try store.createWorkspace(FileName("one"), now: 1)
        try disk.synchronizeAll()
        return disk.afterKill(seed: seed)
    }

    func openStore(_ disk: SimulatedDisk) throws -> Store {
        try Store.open(
            on: disk, basePath: [0x2f], baseInode: 1, now: 1, key: testKey,
            maximumPayload: maximumPayload)
    }
}

/// The error of a command that succeeded but could not sync its changes.
struct DoneButNotDurable: Error {
    let errno: Errno
}

/// A process with the store open. It works in one workspace: the last one that was made.
final class Session {
    private(set) var workspace: Workspace
    let events: EventLog
    private let set: WorkspaceSet
    private let caller = Caller(user: getuid(), group: getgid(), pid: 1, umask: 0o022)

    init(_ disk: SimulatedDisk, _ base: CrashBase) throws {
        let store = try base.openStore(disk)
        guard let record = store.workspaces.last(where: { !$0.name.bytes.starts(with: Self.side) })
        else { throw CheckFailure("no workspace") }
        events = EventLog()
        set = WorkspaceSet(store: store, base: base.tree, limits: base.limits, events: events)
        workspace = try set.workspace(record)
    }

    /// The beginning of the names of workspaces that are merged.
    private static let side = Array("side".utf8)

    private var root: InodeNumber { workspace.rootNumber }

    private func number(_ name: String) throws -> InodeNumber {
        try workspace.lookup(FileName(name), in: root).number
    }

    /// Returns the model of a workspace without changes.
    func firstModel(_ base: CrashBase) throws -> Model {
        var model = Model()
        for (name, bytes) in base.files {
            let number = try number(name).local
            model.names[name] = number
            model.bytes[number] = bytes
        }
        return model
    }

    /// Runs one step.
    /// - Returns: the inode number of the file that it made, without the bits of the workspace, or nil.
    func run(_ step: Step, _ index: Int) throws -> InodeNumber? {
        switch step {
        case .create(let name):
            return try workspace.makeNode(
                FileName(name), in: root, mode: S_IFREG | 0o644, caller: caller
            ).number.local
        case .write(let name, let offset, let count):
            let number = try number(name)
            try Model.data(index, count).withUnsafeBytes { raw in
                _ = try workspace.content.write(
                    number, raw, at: UInt64(offset), killSetID: false, caller: caller)
            }
        case .truncate(let name, let length):
            var change = AttributeChange()
            change.size = UInt64(length)
            _ = try workspace.setAttributes(number(name), change, caller: caller)
        case .rename(let old, let new):
            try workspace.rename(
                FileName(old), in: root, to: FileName(new), in: root, flags: [], caller: caller)
        case .unlink(let name):
            try workspace.unlink(FileName(name), in: root, caller: caller)
        case .link(let old, let new):
            _ = try workspace.makeLink(
                to: number(old), name: FileName(new), in: root, caller: caller)
        case .copy(let source, let from, let target, let to, let count):
            _ = try workspace.content.copyRange(
                from: number(source), at: UInt64(from), to: number(target), at: UInt64(to),
                length: UInt64(count), caller: caller)
        case .punch(let name, let offset, let count):
            try workspace.content.allocate(
                number(name), mode: [.punchHole, .keepSize], offset: UInt64(offset),
                length: UInt64(count), caller: caller)
        case .sync(let name):
            try workspace.synchronize(number(name))
        case .checkpoint:
            workspace.maintenance.maintain(checkpointNow: true)
        case .fork:
            let id = workspace.id
            guard let record = set.records.first(where: { $0.id == id }) else { throw Errno.noEntry }
            let fork = try set.forks.fork(record, as: FileName("fork \(index)"), caller: caller)
            // The fork exists. A call that fails once while it is opened must not harm it.
            workspace = try (try? set.workspace(fork)) ?? set.workspace(fork)
        case .release: try release()
        case .backup, .rollback, .rollbackPath, .clone, .edit, .undo, .removeBackup, .merge:
            return try command(step, index)
        }
        return nil
    }

    private func release() throws {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        let report = Releases(set).run(request)
        // The only faults on this disk are the planned ones.
        if report.parts.contains(where: { $0.fault != nil }) { throw Errno.inputOutput }
    }

    private func merge(_ name: String, _ new: String, _ index: Int) throws {
        let id = workspace.id
        guard let record = set.records.first(where: { $0.id == id }) else { throw Errno.noEntry }
        let fork = try set.forks.fork(record, as: FileName("side \(index)"), caller: caller)
        let side: Workspace
        do throws(StorageError) {
            side = try set.workspace(fork)
        } catch {
            throw error.errno
        }
        let made = try side.makeNode(
            FileName(new), in: side.rootNumber, mode: S_IFREG | 0o644, caller: caller).number
        let known = try side.lookup(FileName(name), in: side.rootNumber).number
        for (number, count, offset) in [(made, 3_000, UInt64(0)), (known, 50, 20)] {
            try Model.data(index, count).withUnsafeBytes { raw in
                _ = try side.content.write(number, raw, at: offset, killSetID: false, caller: caller)
            }
        }
        let report = try Merges(set).merge(side, MergeRequest(into: record.name), caller: caller)
        guard report.conflicts.isEmpty else { throw CheckFailure("conflicts: \(report.conflicts)") }
    }

    /// Returns the file that a merge made although it reported an error.
    func made(by step: Step) -> InodeNumber? {
        guard case .merge(_, let new) = step else { return nil }
        return (try? number(new))?.local
    }

    private func command(_ step: Step, _ index: Int) throws -> InodeNumber? {
        do {
            switch step {
            case .backup(let name):
                _ = try workspace.moments.backup(FileName(name), comment: [], caller: caller)
            case .rollback(let name):
                _ = try workspace.commands.rollback(
                    to: .backup(FileName(name)), paths: [], keepsTimes: false, caller: caller)
            case .rollbackPath(let backup, let name):
                _ = try workspace.commands.rollback(
                    to: .backup(FileName(backup)), paths: [Array(name.utf8)], keepsTimes: false,
                    caller: caller)
            case .undo:
                _ = try workspace.commands.undo(1, paths: [], caller: caller)
            case .removeBackup(let name):
                try workspace.moments.removeBackup(FileName(name), caller: caller)
            case .merge(let name, let new):
                try merge(name, new, index)
                return try number(new).local
            case .clone(let source, let target):
                _ = try workspace.commands.clone(
                    Array(source.utf8), to: Array(target.utf8), caller: caller)
                return try number(target).local
            case .edit(let name, let offset, let delete, let insert):
                let splice = Splice(
                    offset: UInt64(offset), delete: UInt64(delete),
                    insert: Model.data(index, insert))
                _ = try workspace.content.edit(Array(name.utf8), [splice], caller: caller)
            default: break
            }
            return nil
        } catch let error as CommandError {
            if error.done != nil { throw DoneButNotDurable(errno: error.errno) }
            throw error.errno
        }
    }

    /// Returns the inode number, without the bits of the workspace, and the bytes of each name. The bytes are
    /// nil if a read fails with EIO.
    func look() throws -> [String: (number: InodeNumber, bytes: [UInt8]?)] {
        var found: [String: (number: InodeNumber, bytes: [UInt8]?)] = [:]
        var names: [FileName] = []
        try workspace.list(root, after: 2, withInodes: false) { listed, _, _ in
            names.append(listed.name)
            return true
        }
        for name in names {
            let attributes = try workspace.lookup(name, in: root)
            found[name.description] = (attributes.number.local, try bytes(attributes))
            workspace.forget(attributes.number, count: 1)
        }
        return found
    }

    private func bytes(_ attributes: InodeAttributes) throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0xee, count: 200_000)
        do {
            let count = try buffer.withUnsafeMutableBytes {
                try workspace.content.read(attributes.number, into: $0, at: 0)
            }
            guard UInt64(count) == attributes.size else {
                throw CheckFailure("read \(count) bytes of a file of \(attributes.size)")
            }
            return Array(buffer[..<count])
        } catch {
            if error as? Errno == .inputOutput { return nil }
            throw error
        }
    }

    /// Returns the bytes of each name. Throws if a file cannot be read.
    func visible() throws -> [String: [UInt8]] {
        try look().mapValues { try $0.bytes ?? { throw CheckFailure("a file answers EIO") }() }
    }
}
