// FlipSample: makes a small closed store with each kind of record, and keeps the expected content.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport

final class FlipSample {
    let directory: TemporaryDirectory
    private let base: BaseTree
    private let basePath: String
    private let limits: Limits
    let name = FileName(trusted: Array("main".utf8))
    private(set) var copy: StoreCopy
    /// The expected description of each path, see `describe`.
    private(set) var expected: [String: [UInt8]] = [:]
    /// The edit logs that hold the bytes of each path.
    private(set) var logs: [String: Set<String>] = [:]

    private static let paths = [
        "edited", "big", "sparse", "moved/inner", "hard-a", "hard-b", "untouched", "new", "large",
        "many", "clone", "cut", "punched", "linked", "attributed", "made/deep/file", "link", "empty",
    ]

    init() throws {
        var limits = Limits()
        limits.replayRecords = 20
        // Some transactions are split into parts.
        limits.transactionPart = 150
        self.limits = limits
        directory = try TemporaryDirectory("flips", inMemory: true)
        basePath = directory("base")
        try Self.makeBase(basePath)
        base = try BaseTree(basePath, limits: limits)
        let store = directory("store")
        copy = try { try makeDirectory(store); return try StoreCopy(store) }()
        try StoreCopy.remove(store)
        let set = try open(store)
        let tree = WorkspaceTree(try set.workspace(try set.create(name)))
        try Self.edit(tree)
        tree.workspace.maintenance.sweep()
        tree.workspace.maintenance.checkpoint()
        try Self.editMore(tree)
        let clone = try tree.resolve("clone")
        for path in Self.paths {
            expected[path] = try Self.describe(path, tree)
            let node = try tree.resolve(path)
            logs[path] = [LogDirectory.path(node)]
        }
        let big = LogDirectory.path(try tree.resolve("big"))
        logs["clone"] = [LogDirectory.path(clone), big]
        let log = try tree.resolve("cut")
        for name in [".cut", ".cut-64"] {
            try KeptBytes(log: log, position: 64, bytes: [1, 2, 3]).write(
                to: LogDirectory.path(log) + name, on: set.store.disk)
        }
        tree.forget()
        guard set.close() else { throw CheckFailure("the store did not close") }
        copy = try StoreCopy(store)
    }

    func open(_ path: String) throws -> WorkspaceSet {
        WorkspaceSet(
            store: try Store.open(
                path, basePath: Array(basePath.utf8), baseInode: base.rootStatus.inode,
                holder: "a test", now: 1),
            base: base, limits: limits, events: EventLog())
    }

    private static func makeBase(_ base: String) throws {
        try makeDirectory(base)
        for name in ["edited", "untouched", "hard-a", "removed"] {
            try writeFile("\(base)/\(name)", "of the base: \(name)")
        }
        try writeFile("\(base)/big", bytes(30_000, fill: 1))
        try makeDirectory("\(base)/d")
        try writeFile("\(base)/d/inner", bytes(2_000, fill: 2))
        try must("link", link("\(base)/hard-a", "\(base)/hard-b"))
        try writeFile("\(base)/sparse", "start")
        try must("truncate", truncate("\(base)/sparse", 100_000))
    }

    private static func edit(_ tree: WorkspaceTree) throws {
        try tree.write("edited", "EDITED", at: 3)
        try tree.write(try tree.resolve("big"), bytes(3_000, fill: 4), at: 10_000)
        try tree.write("sparse", "far out", at: 90_000)
        try tree.write("hard-b", "both names", at: 0)
        try tree.rename("d", to: "moved")
        try tree.unlink("removed")
        for name in ["new", "large", "many", "clone", "cut", "punched", "attributed", "gone", "empty"] {
            try tree.makeFile(name)
        }
        try tree.write("new", "some text")
        try tree.write(try tree.resolve("large"), bytes(70_001, fill: 5), at: 0)
        let many = try tree.resolve("many")
        for index in 0..<60 {
            try tree.write(many, bytes(20, fill: UInt64(index + 1)), at: UInt64(index * 13))
        }
        _ = try tree.copyRange(
            from: try tree.resolve("big"), at: 5_000, to: try tree.resolve("clone"), at: 0,
            length: 12_000)
        try tree.write("cut", "this is cut somewhere")
        try tree.truncate("cut", to: 9)
        try tree.write(try tree.resolve("punched"), bytes(9_000, fill: 6), at: 0)
        try tree.allocate(
            try tree.resolve("punched"), mode: [.punchHole, .keepSize], offset: 1_000, length: 5_000)
        try tree.write("gone", "not for long")
        try tree.unlink("gone")
    }

    private static func editMore(_ tree: WorkspaceTree) throws {
        try tree.link("new", to: "linked")
        try tree.setXattr(
            Array("user.a".utf8), of: try tree.resolve("attributed"), to: [7, 8], mode: .create)
        try tree.changeMode("attributed", 0o600)
        try tree.makeDirectory("made")
        try tree.makeDirectory("made/deep")
        try tree.makeFile("made/deep/file")
        try tree.write("made/deep/file", "deep")
        _ = try tree.makeNode(
            FileName("link"), in: tree.root, mode: 0o120777, device: 0, target: Array("new".utf8))
        try tree.write("moved/inner", "INNER", at: 50)
        try tree.write("new", "TEXT", at: 5)
    }

    /// Returns the attributes and the bytes of a path as one value.
    static func describe(_ path: String, _ tree: WorkspaceTree) throws(Errno) -> [UInt8] {
        let node = try tree.resolve(path)
        let facts = try tree.facts(node)
        var writer = ByteWriter()
        writer.integer(facts.mode)
        writer.integer(facts.links)
        writer.integer(facts.size)
        for name in try tree.xattrNames(of: node).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            writer.string(name)
            writer.string(try tree.xattr(name, of: node))
        }
        if FileType(mode: facts.mode) == .symlink {
            writer.string(try tree.symlinkTarget(node))
        } else {
            writer.raw(try tree.contents(node))
        }
        return writer.bytes
    }
}
