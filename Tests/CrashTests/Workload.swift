// Workload: a fixed list of operations on one workspace, and a model with the bytes of each file after each
// operation. The crash tests compare the state that they find with the model.

import Overlay
import Platform
import Storage
import TestSupport

enum Step: Sendable {
    case create(String)
    case write(String, at: Int, count: Int)
    case truncate(String, to: Int)
    case rename(String, to: String)
    case unlink(String)
    case link(String, to: String)
    case copy(String, from: Int, to: String, at: Int, count: Int)
    case punch(String, at: Int, count: Int)
    case sync(String)
    case checkpoint
    case backup(String)
    case rollback(String)
    case rollbackPath(String, String)
    case clone(String, to: String)
    /// Undoes the previous step, which must have changed something.
    case undo
    case removeBackup(String)
    case edit(String, at: Int, delete: Int, insert: Int)
    /// Goes on in a fork of the workspace.
    case fork
    /// Releases all history but backups.
    case release
    /// Merges a fork of the workspace, in which the file was written to and another one made.
    case merge(String, new: String)

    /// The steps. The base files are `old`, `base` and `gone`; see `CrashBase`.
    static let workload: [Step] = [
        .create("a"), .write("a", at: 0, count: 5), .sync("a"),
        .write("old", at: 100, count: 3000), .write("a", at: 5, count: 70_000),
        .rename("base", to: "moved"), .sync("old"), .write("moved", at: 20, count: 40),
        .create("tmp"), .write("tmp", at: 0, count: 600), .sync("tmp"),
        .rename("tmp", to: "old"), .unlink("gone"), .sync("moved"),
        .write("a", at: 50_000, count: 40_000),
        .copy("a", from: 10, to: "old", at: 300, count: 66_000),
        .sync("old"), .truncate("a", to: 30), .truncate("a", to: 9000), .checkpoint,
        .create("b"), .write("b", at: 1000, count: 9), .link("b", to: "c"),
        .copy("b", from: 0, to: "a", at: 4000, count: 1009), .punch("a", at: 2, count: 4000),
        .write("c", at: 4, count: 1), .sync("a"), .unlink("b"), .truncate("c", to: 0),
        .write("c", at: 0, count: 513), .sync("c"), .write("c", at: 200, count: 5000),
        .backup("one"), .write("a", at: 3, count: 50), .write("old", at: 90_000, count: 700),
        .unlink("c"), .create("d"), .write("d", at: 0, count: 20), .rename("moved", to: "gone"),
        .edit("a", at: 3, delete: 5, insert: 40), .clone("old", to: "e"),
        .write("e", at: 10, count: 10), .rollback("one"), .write("c", at: 1, count: 100),
        .sync("c"), .backup("two"), .truncate("a", to: 5), .unlink("old"), .checkpoint,
        .rollbackPath("two", "a"), .rollback("two"), .sync("a"), .clone("moved", to: "f"),
        .rollback("one"), .write("a", at: 0, count: 9), .undo, .removeBackup("one"),
        .edit("c", at: 2, delete: 3, insert: 7000), .undo, .backup("one"), .unlink("a"), .undo,
        .removeBackup("two"), .write("a", at: 2, count: 5),
    ]

    /// Whether the tree log is durable when the step returns.
    var isDurable: Bool {
        switch self {
        case .backup, .rollback, .rollbackPath, .undo, .removeBackup, .fork, .merge: true
        default: false
        }
    }

    /// Whether `undo` reverts it as one step.
    var isUndoable: Bool {
        switch self {
        case .sync, .checkpoint, .backup, .removeBackup, .fork, .release: false
        default: true
        }
    }

    /// The names that must exist before the step.
    var needs: [String] {
        switch self {
        case .create, .checkpoint, .backup, .rollback, .undo, .removeBackup, .fork, .release: []
        case .rollbackPath(_, let name), .clone(let name, _), .edit(let name, _, _, _): [name]
        case .merge(let name, _): [name]
        case .write(let name, _, _), .truncate(let name, _), .rename(let name, _),
            .unlink(let name), .link(let name, _), .punch(let name, _, _), .sync(let name): [name]
        case .copy(let source, _, let target, _, _): [source, target]
        }
    }
}

/// The inode number of each name, and the bytes of each inode.
struct Model: Equatable, Sendable {
    var names: [String: InodeNumber] = [:]
    var bytes: [InodeNumber: [UInt8]] = [:]
    /// The state at each backup, as a list of one model.
    var backups: [String: [Model]] = [:]
    /// The state before the last step, as a list of one model. Empty if it is not known.
    var previous: [Model] = []

    subscript(name: String) -> [UInt8] {
        get { names[name].flatMap { bytes[$0] } ?? [] }
        set { if let number = names[name] { bytes[number] = newValue } }
    }

    var visible: [String: [UInt8]] { names.mapValues { bytes[$0] ?? [] } }

    /// Returns bytes that no other step writes. Streams 0 to 99 belong to the workload.
    static func data(_ stream: Int, _ count: Int) -> [UInt8] {
        Array(streams[stream % streams.count].prefix(count))
    }

    private static let streams: [[UInt8]] = (0..<128).map { stream in
        var generator = SeededGenerator(seed: UInt64(stream) + 1)
        let words = (0..<10_000).map { _ in generator.next() | 0x0101_0101_0101_0101 }
        return words.withUnsafeBytes { Array($0) }
    }

    /// Returns whether `step` can succeed in this state.
    func allows(_ step: Step) -> Bool {
        switch step {
        case .rollback(let backup), .rollbackPath(let backup, _), .removeBackup(let backup):
            if backups[backup] == nil { return false }
        case .backup(let backup):
            if backups[backup] != nil { return false }
        case .undo:
            if previous.isEmpty { return false }
        default: break
        }
        return step.needs.allSatisfy { names[$0] != nil }
    }

    /// Applies a step.
    /// - Parameters:
    ///   - index: the index of the step, which selects the bytes that it writes.
    ///   - created: the inode number of the file that the step made.
    mutating func apply(_ step: Step, _ index: Int, created: InodeNumber?) {
        var before = self
        before.previous = []
        before.backups = [:]
        applyAlone(step, index, created: created)
        if step.isUndoable { previous = [before] }
        // No undo goes back over it.
        if case .release = step { previous = [] }
    }

    private mutating func applyAlone(_ step: Step, _ index: Int, created: InodeNumber?) {
        switch step {
        case .create(let name):
            guard let created else { return }
            names[name] = created
            bytes[created] = []
        case .write(let name, let offset, let count):
            self[name] = Self.put(Self.data(index, count), at: offset, in: self[name])
        case .truncate(let name, let length):
            self[name] = Self.resized(self[name], to: length)
        case .rename(let old, let new):
            names[new] = names.removeValue(forKey: old)
        case .unlink(let name):
            names[name] = nil
        case .link(let old, let new):
            names[new] = names[old]
        case .copy(let source, let from, let target, let to, let count):
            let part = Array(self[source].dropFirst(from).prefix(count))
            if !part.isEmpty { self[target] = Self.put(part, at: to, in: self[target]) }
        case .punch(let name, let offset, let count):
            let count = min(count, max(0, self[name].count - offset))
            self[name] = Self.put([UInt8](repeating: 0, count: count), at: offset, in: self[name])
        case .sync, .checkpoint, .fork, .release:
            break
        case .backup(let name):
            var copy = self
            copy.backups = [:]
            copy.previous = []
            backups[name] = [copy]
        case .removeBackup(let name):
            backups[name] = nil
        case .rollback(let name):
            if let old = backups[name]?.first { takeBack(to: old) }
        case .undo:
            if let old = previous.first { takeBack(to: old) }
        case .rollbackPath(let backup, let name):
            if let old = backups[backup]?.first { self[name] = old[name] }
        case .merge(let name, let new):
            guard let created else { return }
            self[name] = Self.put(Self.data(index, 50), at: 20, in: self[name])
            names[new] = created
            bytes[created] = Self.data(index, 3_000)
        case .clone(let source, let target):
            guard let created else { return }
            names[target] = created
            bytes[created] = self[source]
        case .edit(let name, let offset, let delete, let insert):
            var bytes = self[name]
            bytes.replaceSubrange(offset..<(offset + delete), with: Self.data(index, insert))
            self[name] = bytes
        }
    }

    private mutating func takeBack(to old: Model) {
        names = old.names
        for number in old.names.values { bytes[number] = old.bytes[number] }
    }

    private static func resized(_ bytes: [UInt8], to length: Int) -> [UInt8] {
        bytes.prefix(length) + [UInt8](repeating: 0, count: max(0, length - bytes.count))
    }

    private static func put(_ data: [UInt8], at offset: Int, in bytes: [UInt8]) -> [UInt8] {
        if data.isEmpty { return bytes }
        var bytes = resized(bytes, to: max(bytes.count, offset + data.count))
        bytes.replaceSubrange(offset..<(offset + data.count), with: data)
        return bytes
    }
}
