// ModelRun: runs a workspace and the reference in lockstep. One seed gives one sequence of steps.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport

/// An event of the workspace between two chunks of steps.
enum Interlude: CaseIterable {
    case nothing, checkpoint, sweep, maintain, reopen, kill, lostDatabase
    case backup, rollback, rollbackToNumber, rollbackPath, clone, edit, undo
    case fork, freeze
}

final class ModelRun {
    let seed: UInt64
    let fixture: WorkspaceFixture
    let reference: ReferenceFileSystem
    var ours: Interpreter<WorkspaceTree>
    let theirs: Interpreter<ReferenceFileSystem>
    var generator: OperationGenerator
    var random: SeededGenerator
    var recent: [String] = []
    /// The workspace's inode number of each inode of the reference.
    var numbers: [UInt64: UInt64] = [:]
    private(set) var succeeded = 0
    /// The moments of the run, with the whole state at each.
    var moments: [Moment] = []
    /// The workspaces that were left at a fork, with the state that each must keep.
    var left: [String: ReferenceFileSystem] = [:]

    struct Moment {
        var name: FileName
        var sequence: UInt64
        var state: ReferenceFileSystem
    }

    static var tinyLimits: Limits {
        var limits = Limits()
        limits.cacheBytes = 0
        limits.dirtyKeys = 10
        limits.replayRecords = 2
        limits.listedNames = 10
        limits.openBaseDirectories = 2
        limits.openBaseFiles = 2
        limits.transactionPart = 150
        limits.layers = 1
        return limits
    }

    init(seed: UInt64, limits: Limits) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        fixture = try WorkspaceFixture(limits: limits) { try Self.populate($0, seed: seed) }
        reference = try ReferenceFileSystem(copyOf: fixture.basePath)
        ours = Interpreter(fixture.tree)
        theirs = Interpreter(reference)
        generator = OperationGenerator(seed: seed, tops: ["t", "u"])
    }

    /// Makes a base with each kind of file, hard links across directories, holes and xattrs.
    static func populate(_ base: String, seed: UInt64) throws {
        let paths = ["a", "b", "c", "a/a", "a/b", "b/c"]
        for top in ["t", "u"] {
            try makeDirectory("\(base)/\(top)")
            for path in paths { try makeDirectory("\(base)/\(top)/\(path)") }
        }
        var generator = OperationGenerator(seed: seed &+ 1, tops: ["t", "u"])
        let target = OperationTarget(root: base)
        for _ in 0..<300 {
            let operation = generator.next()
            // The reference has no ACLs; they have their own tests.
            if case .setAttribute(_, let name, _, _) = operation, name.hasPrefix("system.") {
                continue
            }
            _ = target.apply(operation)
        }
        target.releaseAll()
    }

    func run(chunks: Int, steps: Int) throws {
        try compare("at the start")
        for chunk in 0..<chunks {
            for step in 0..<steps { try self.step("chunk \(chunk), step \(step)") }
            if chunk % 3 == 1 { try listWhileChanging() }
            var choice = Interlude.allCases[
                Int.random(in: 0..<Interlude.allCases.count, using: &random)]
            // Forks are what other events have to get along with.
            if chunk % 4 == 0, left.count < 8 { choice = Bool.random(using: &random) ? .fork : .freeze }
            try compare("after chunk \(chunk)")
            recent.append("-- \(choice)")
            try perform(choice)
            try compare("after chunk \(chunk) and \(choice)")
            try checkDifferences("after chunk \(chunk) and \(choice)")
        }
        for name in left.keys.sorted() { try checkLeft(name) }
    }

    private func step(_ place: String) throws {
        let operation = generator.next()
        guard let found = ours.apply(operation) else { return }
        let expected = theirs.apply(operation)
        recent.append("\(operation): \(expected.map { "\($0)" } ?? "")".prefix(300).description)
        if recent.count > 12 { recent.removeFirst(recent.count - 12) }
        if found != expected {
            throw CheckFailure(
                "seed \(seed), \(place): the workspace answered \(found) at the last of these:\n"
                    + recent.joined(separator: "\n"))
        }
        if found.error == nil { succeeded += 1 }
        // A kernel forgets inodes at any time, but never one that is open.
        if Int.random(in: 0..<3, using: &random) == 0 { forget() }
    }

    func forget() { fixture.tree.forget(except: Set(ours.held.compactMap { $0 })) }

    private func perform(_ choice: Interlude) throws {
        switch choice {
        case .nothing: break
        case .checkpoint:
            if !fixture.workspace.maintenance.checkpoint() { throw CheckFailure("no checkpoint") }
        case .sweep: fixture.workspace.maintenance.sweep()
        case .backup: try backup()
        case .rollback, .rollbackToNumber: try rollback(byName: choice == .rollback)
        case .rollbackPath: try rollbackPath()
        case .undo: try undo()
        case .clone: try clone()
        case .edit: for _ in 0..<5 { try edit() }
        case .fork, .freeze:
            // Each workspace keeps descriptors.
            if left.count < 8 { try fork(follows: choice == .fork) }
        case .maintain:
            forget()
            for workspace in fixture.set.opened { workspace.maintenance.maintain(checkpointNow: true) }
            for _ in 0..<3 { fixture.set.layerMerge.run() }
        case .reopen, .kill, .lostDatabase:
            ours.releaseAll()
            theirs.releaseAll()
            forget()
            switch choice {
            case .reopen: try fixture.reopen()
            case .kill: try fixture.reopenAfterKill()
            default:
                try fixture.reopenAfterKill { path in
                    // Of the first workspace, and of all layers above the first one.
                    for name in try names(of: path) where name.hasPrefix("tree.") && name.contains(".db") {
                        unlink("\(path)/\(name)")
                    }
                }
            }
            ours = Interpreter(fixture.tree)
        }
        fixture.tree.listedAtOnce = [1, 2, 3, 1_000].randomElement(using: &random) ?? 1
    }

    func compare(_ when: String) throws {
        let (found, expected) = (try TreeImage(fixture.tree), try TreeImage(reference))
        let differences = expected.differences(to: found)
        if !differences.isEmpty {
            throw CheckFailure(
                "seed \(seed), \(when):\n" + differences.joined(separator: "\n") + "\nlast steps:\n"
                    + recent.joined(separator: "\n"))
        }
        var owners: [UInt64: UInt64] = [:]
        for (path, identity) in expected.identities {
            let number = found.identities[path] ?? 0
            let known = numbers[identity] ?? number
            let shown = String(decoding: path, as: UTF8.self)
            if known != number {
                throw CheckFailure(
                    "seed \(seed), \(when): \(shown): inode \(known) became \(number)")
            }
            if let other = owners[number], other != identity {
                throw CheckFailure("seed \(seed), \(when): \(shown): inode \(number) is two files")
            }
            numbers[identity] = number
            owners[number] = identity
        }
        try compareTimes(when)
        forget()
    }

    private func compareTimes(_ when: String) throws {
        func walk(_ node: ReferenceFileSystem.Node, _ number: InodeNumber, _ path: String) throws {
            let found = try fixture.workspace.attributes(number).modificationTime
            if let expected = node.modified, expected != found {
                throw CheckFailure(
                    "seed \(seed), \(when): \(path): mtime \(found), not \(expected)")
            }
            guard FileType(mode: try reference.facts(node).mode) == .directory else { return }
            for name in try reference.list(node).keys {
                let name = try FileName(name)
                try walk(
                    try reference.lookup(name, in: node), try fixture.tree.lookup(name, in: number),
                    "\(path)/\(name)")
            }
        }
        try walk(reference.root, fixture.tree.root, "")
    }

    /// Reads a directory in parts while names are made and removed. A name that remains must be listed
    /// once, and a name that never existed must not be listed.
    private func listWhileChanging() throws {
        for top in ["t", "u"] {
            let directory = try fixture.tree.resolve(top)
            let before = Set(try reference.list(try reference.resolve(top)).keys)
            var (staying, ever) = (before, before)
            var seen: [[UInt8]] = []
            var cookie: UInt64 = 0
            while true {
                let (names, next) = try fixture.tree.listPart(directory, after: cookie, count: 2)
                if next == cookie { break }
                seen += names.map(\.name.bytes)
                cookie = next
                for _ in 0..<8 { try step("while \(top) is listed") }
                // The steps may have forgotten the directory, so it is looked up again before the next
                // part.
                let now = Set(try reference.list(try reference.resolve(top)).keys)
                guard try fixture.tree.resolve(top) == directory else { return }
                staying.formIntersection(now)
                ever.formUnion(now)
            }
            if Set(seen).count != seen.count {
                throw CheckFailure("seed \(seed): \(top) listed a name twice")
            }
            let missing = staying.subtracting(seen)
            let surplus = Set(seen).subtracting(ever)
            if !missing.isEmpty || !surplus.isEmpty {
                let texts = [missing, surplus].map { names in
                    names.map { String(decoding: $0, as: UTF8.self) }
                }
                throw CheckFailure("seed \(seed): \(top) missed \(texts[0]), showed \(texts[1])")
            }
        }
    }
}
