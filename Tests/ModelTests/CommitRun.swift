// CommitRun: several workspaces over one base, in which random operations, forks, rollbacks, commits and
// refreshes take turns. A commit must not change what any workspace shows, nor an inode number. The base must
// become what a plain comparison of three whole trees says.

import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport

/// Ends a commit or a release before one of its steps.
final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let hits = Mutex<Int>(0)

    init(_ count: Int) { left = Mutex(count) }

    func hit() -> Bool {
        let isNow = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isNow { hits.withLock { $0 += 1 } }
        return isNow
    }

    var wasHit: Bool { hits.withLock { $0 > 0 } }
}

final class CommitRun {
    let seed: UInt64
    let fixture: WorkspaceFixture
    var random: SeededGenerator
    var names: [String] = []
    private var generators: [String: OperationGenerator] = [:]
    /// The base as each workspace knows it: at its beginning, and at what it committed since.
    var grounds: [String: TreeImage] = [:]
    var sequences: [String: [UInt64]] = [:]
    /// The parent of each fork, and its last change then.
    private var parents: [String: (name: String, last: UInt64)] = [:]
    /// Workspaces that went back, perhaps over a commit.
    var rolledBack: Set<String> = []
    var log: [String] = []
    private(set) var commits = 0
    private(set) var conflicts = 0
    private(set) var stops = 0
    var refreshes = 0
    var refreshed: Set<String> = []
    var starts = 0
    /// The bytes that releases gave back.
    var released: UInt64 = 0
    /// What each workspace showed after its last changes.
    var states: [String: [(sequence: UInt64, image: TreeImage, ground: TreeImage)]] = [:]
    private static let mostStates = 4

    init(seed: UInt64, limits: Limits = Limits()) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        fixture = try WorkspaceFixture(limits: limits) { try ModelRun.populate($0, seed: seed) }
        for name in ["main", "two", "three"] { try add(name, ground: try base()) }
    }

    private func add(_ name: String, ground: TreeImage) throws {
        _ = try fixture.open(name)
        names.append(name)
        grounds[name] = ground
        sequences[name] = []
        generators[name] = OperationGenerator(
            seed: seed &+ UInt64(names.count) &* 7_919, tops: ["t", "u"])
    }

    func base() throws -> TreeImage {
        try TreeImage(try ReferenceFileSystem(copyOf: fixture.basePath))
    }

    func image(_ name: String) throws -> TreeImage {
        let tree = try fixture.open(name)
        defer { tree.forget() }
        do {
            return try TreeImage(tree)
        } catch {
            throw fail("\(name) cannot be read: \(error)")
        }
    }

    func images() throws -> [String: TreeImage] {
        var found: [String: TreeImage] = [:]
        for name in names { found[name] = try image(name) }
        return found
    }

    func fail(_ text: String) -> CheckFailure {
        CheckFailure("seed \(seed): \(text)\nlast events:\n" + log.suffix(3_000).joined(separator: "\n")
                + fixture.messages.suffix(5).joined(separator: "\n"))
    }

    func run(rounds: Int, releasesOften: Bool = false) throws {
        // Views refer to their workspaces: without this the descriptors stay.
        defer { fixture.set.close() }
        for round in 0..<rounds {
            let name = names.randomElement(using: &random) ?? "main"
            try change(name, count: Int.random(in: 1...50, using: &random))
            switch Int.random(in: 0..<(releasesOften ? 18 : 11), using: &random) {
            case 0 where names.count < 7: try fork(name, "fork\(round)")
            case 1 where names.count < 7: try begin("new\(round)")
            case 2: try rollback(name)
            case 3: try reopen(isKill: Bool.random(using: &random))
            case 4, 5: try refresh(name)
            case 6, 11...: try release()
            default: try commit(names.randomElement(using: &random) ?? "main")
            }
        }
    }

    private func change(_ name: String, count: Int) throws {
        let tree = try fixture.open(name)
        defer { tree.forget() }
        let interpreter = Interpreter(tree)
        for _ in 0..<count {
            guard let operation = generators[name]?.next() else { continue }
            if let result = interpreter.apply(operation), result.error == nil {
                log.append("\(name): \(operation)".prefix(200).description)
            }
        }
        interpreter.releaseAll()
        sequences[name]?.append(tree.workspace.sequence.last)
        try noteState(name)
    }

    /// Notes what a workspace shows now, for a later rollback.
    func noteState(_ name: String) throws {
        let sequence = try fixture.open(name).workspace.sequence.last
        guard let ground = grounds[name] else { return }
        states[name, default: []].append((sequence, try image(name), ground))
        if states[name, default: []].count > Self.mostStates { states[name]?.removeFirst() }
    }

    private func fork(_ name: String, _ new: String) throws {
        log.append("-- fork of \(name): \(new)")
        guard let record = fixture.set.find(try FileName(name)) else { throw fail("no \(name)") }
        _ = try fixture.set.forks.fork(
            record, as: try FileName(new), caller: Caller(user: 0, group: 0, pid: 1, umask: 0))
        if rolledBack.contains(name) { rolledBack.insert(new) }
        if refreshed.contains(name) { refreshed.insert(new) }
        parents[new] = (name, try fixture.open(new).workspace.fork?.sequence ?? 0)
        let expected = try image(name)
        try add(new, ground: grounds[name] ?? expected)
        let differences = expected.differences(to: try image(new))
        if !differences.isEmpty { throw fail("fork \(new): \(differences.joined(separator: "\n"))") }
    }

    /// Whether a fork has all changes of a workspace up to a sequence number.
    private func isOwn(_ name: String, _ sequence: UInt64, of fork: String) -> Bool {
        var at = fork
        while let (parent, last) = parents[at] {
            if parent == name { return last >= sequence }
            at = parent
        }
        return false
    }

    private func begin(_ new: String) throws {
        log.append("-- \(new) begins with the base")
        let expected = try base()
        try add(new, ground: expected)
        let differences = expected.differences(to: try image(new))
        if !differences.isEmpty { throw fail("\(new): \(differences.joined(separator: "\n"))") }
    }

    func rollback(_ name: String) throws {
        let known = states[name]?.randomElement(using: &random)
        guard let sequence = known?.sequence ?? sequences[name]?.randomElement(using: &random) else { return }
        log.append("-- \(name) goes back to \(sequence)")
        let tree = try fixture.open(name)
        guard tree.workspace.horizon.shows(sequence) else {
            do throws(CommandError) {
                _ = try tree.workspace.commands.rollback(
                    to: .sequence(sequence), paths: [], keepsTimes: false, caller: tree.caller)
            } catch {
                if error.errno == .stale { return }
                throw fail("\(name), to the released \(sequence): \(error)")
            }
            throw fail("\(name) went back to the released \(sequence)")
        }
        rolledBack.insert(name)
        _ = try tree.workspace.commands.rollback(
            to: .sequence(sequence), paths: [], keepsTimes: false, caller: tree.caller)
        guard let known else { return }
        let differences = known.image.differences(to: try image(name))
        if !differences.isEmpty {
            throw fail("\(name), gone back to \(sequence): " + differences.joined(separator: "\n"))
        }
        grounds[name] = known.ground
    }

    func reopen(isKill: Bool) throws {
        log.append(isKill ? "-- kill" : "-- reopen")
        starts += 1
        let before = try images()
        // The databases can be made again from the tree logs.
        let losesDatabases = fixture.limits.leastTreeLog == 1 && Bool.random(using: &random)
        if isKill, losesDatabases { log.append("   without databases of main") }
        if isKill {
            try fixture.reopenAfterKill { if losesDatabases { try Self.removeDatabases($0) } }
        } else {
            try fixture.reopen()
        }
        try compare(before, "after the start", isStarted: true)
    }

    private static func removeDatabases(_ directory: String) throws {
        for name in try TestSupport.names(in: directory).map({ String(decoding: $0, as: UTF8.self) })
        where name.contains(".db") {
            try must("unlink", unlink("\(directory)/\(name)"))
        }
    }

    /// - Parameter isStarted: whether the store was opened again since.
    func compare(_ before: [String: TreeImage], _ when: String, isStarted: Bool = false) throws {
        for (name, expected) in before {
            let found = try image(name)
            let differences = expected.differences(to: found)
            if !differences.isEmpty {
                throw fail(
                    "\(name), \(when): " + differences.joined(separator: "\n")
                        + Self.links(expected, differences) + Self.links(found, differences))
            }
            // A base file whose number was in use before may get another one with each start.
            if refreshed.contains(name), isStarted { continue }
            for (path, number) in expected.identities where found.identities[path] != number {
                throw fail(
                    "\(name), \(when): the inode of \(String(decoding: path, as: UTF8.self)) became another")
            }
        }
    }

    // MARK: Commits

    private func commit(_ name: String) throws {
        let choices: [ConflictChoice] = [.refuse, .refuse, .ours, .theirs]
        let choice = choices.randomElement(using: &random) ?? .refuse
        log.append("-- commit of \(name), \(choice)")
        let (before, old) = (try images(), try base())
        guard let ours = before[name], let ground = grounds[name] else { throw fail("no \(name)") }
        let workspace = try fixture.open(name).workspace
        let isPlain = ground.differences(to: old).isEmpty
        let starting = starts
        let dry = try Commits(fixture.set).commit(
            workspace, CommitRequest(isDryRun: true, choice: choice), time: 1)
        note(dry)
        let untouched = old.differences(to: try base())
        if dry.number != nil || !untouched.isEmpty { throw fail("a dry run committed") }
        var report = dry
        let stop = Countdown(Int.random(in: 0..<60, using: &random))
        let alwaysCopies = Int.random(in: 0..<4, using: &random) == 0
        do {
            report = try Commits(fixture.set)
                .observed(alwaysCopies: alwaysCopies) { stop.hit() ? .inputOutput : nil }
                .commit(workspace, CommitRequest(choice: choice), time: 1)
        } catch {
            guard stop.wasHit else { throw fail("commit of \(name): \(error)") }
            stops += 1
            log.append("   stopped after some steps")
            try compare(before, "in the middle of a commit of \(name)")
            if Bool.random(using: &random) { try reopen(isKill: Bool.random(using: &random)) }
            try Commits(fixture.set).finishInterrupted()
            report.number = fixture.set.epochs.newest
        }
        log.append("   commit \(report.number.map { "\($0)" } ?? "none")")
        try compare(before, "after a commit of \(name)", isStarted: starts > starting)
        let new = try base()
        if !report.conflicts.isEmpty {
            conflicts += 1
            // A commit may have changed what the base does not have, as modes of symlinks.
            let isNew = refreshed.contains(name) && workspace.base.hiddenCommits > 0
            if isPlain, !rolledBack.contains(name), !isNew {
                throw fail("the base is as \(name) knows it, but there are conflicts: \(report.conflicts)")
            }
            let differences = old.differences(to: new)
            if report.number != nil || !differences.isEmpty { throw fail("committed with conflicts") }
            return
        }
        if report.number != nil { commits += 1 }
        let excluded = report.decided.map(\.path)
        // If the base is another one, what comes together is more than single paths: names of one directory
        // that was renamed, files in place of others. Then the report says what was committed.
        let expected = isPlain && excluded.isEmpty
            ? Self.merged(old, ours, ground) : Self.applied(report.changes, to: old, ours, ground)
        // The differences of a workspace name a file only by the names that were used. So an edited file with
        // several names may have one that nothing tells of.
        let linked = Self.linked(old).union(Self.linked(ours)).union(Self.linked(ground))
        let differences = Self.plain(expected.base, without: linked)
            .differences(to: Self.plain(new, without: linked), comparesLinks: false)
        if !differences.isEmpty, isPlain {
            throw fail(
                "the base after a commit of \(name) (\(choice), decided \(excluded.count)):\n"
                    + differences.joined(separator: "\n") + Self.links(old, differences))
        }
        if !new.linkFaults.isEmpty { throw fail("the base: \(new.linkFaults)") }
        grounds[name] = expected.ground
        // A fork that was made after the last change has what was committed.
        for fork in names where isOwn(name, workspace.sequence.last, of: fork) {
            let (known, was) = (expected.ground.items, ground.items)
            for path in Set(known.keys).union(was.keys) where known[path] != was[path] {
                grounds[fork]?.items[path] = known[path]
            }
        }
        // After a rollback over a commit, what differs from the committed state is found by inodes, and a few
        // differences may be left that are none.
        if isPlain, excluded.isEmpty, !rolledBack.contains(name) {
            let left = try fixture.set.differences(of: fixture.open(name).workspace, from: .base)
                .filter { !linked.contains($0.path) }
            if !left.isEmpty { throw fail("\(name) still differs: \(left)") }
        }
    }

    /// Names the other names of a path that differs.
    private static func links(_ image: TreeImage, _ differences: [String]) -> String {
        let paths = differences.compactMap { line in
            line.firstRange(of: ": ").map { line[..<$0.lowerBound] }
        }
        let numbers = image.identities.filter {
            paths.contains(Substring(String(decoding: $0.key, as: UTF8.self)))
        }
        let names = image.identities.filter { numbers.values.contains($0.value) }
        return "\nfiles before: " + names.map { "\($0.value) \(String(decoding: $0.key, as: UTF8.self))" }
            .sorted().joined(separator: ", ")
    }

    private func note(_ report: CommitReport) {
        log.append(
            "   "
                + report.changes.map { change in
                    let old = change.oldPath.map { " from \(String(decoding: $0, as: UTF8.self))" } ?? ""
                    return "\(change.status.rawValue) \(String(decoding: change.path, as: UTF8.self))\(old)"
                }.joined(separator: ", "))
        if report.conflicts.isEmpty, report.decided.isEmpty { return }
        log.append(
            "   conflicts: " + (report.conflicts + report.decided).map {
                "\(String(decoding: $0.path, as: UTF8.self)) (\($0.reason))"
            }.joined(separator: ", "))
    }
}
