// MergeRun: two workspaces that change different parts of a tree and are merged into each other, in both
// directions, while they are rolled back, closed, killed, forked and their history is released. No merge may
// meet a conflict, and the result is what the two trees say. In the second part both change the same files.

import Overlay
import Past
import Platform
import TestSupport

final class MergeRun {
    let seed: UInt64
    private let fixture: WorkspaceFixture
    private var random: SeededGenerator
    private var generators: [String: OperationGenerator] = [:]
    private var log: [String] = []
    private(set) var merges = 0
    private(set) var conflicts = 0
    /// The top directory that each workspace changes.
    private var tops = ["one": "t", "two": "u"]

    init(seed: UInt64, limits: Limits = Limits()) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        fixture = try WorkspaceFixture(limits: limits) { base in
            try Self.populate(base, seed)
        }
        // Half of the work of before is the parent's, and half is in the base.
        try change("main", OperationGenerator(seed: seed &+ 3, tops: ["t"]), 60)
        try change("main", OperationGenerator(seed: seed &+ 4, tops: ["u"]), 60)
        for (index, name) in ["one", "two"].enumerated() {
            try fork("main", name)
            generators[name] = OperationGenerator(
                seed: seed &+ UInt64(index) &* 7_919, tops: [tops[name] ?? ""])
        }
    }

    /// Makes a base without hard links between its two parts.
    private static func populate(_ base: String, _ seed: UInt64) throws {
        let target = OperationTarget(root: base)
        for (index, top) in ["t", "u"].enumerated() {
            try makeDirectory("\(base)/\(top)")
            for path in ["a", "b", "c", "a/a", "a/b", "b/c"] { try makeDirectory("\(base)/\(top)/\(path)") }
            var generator = OperationGenerator(seed: seed &+ 1 &+ UInt64(index), tops: [top])
            for _ in 0..<120 {
                let operation = generator.next()
                if case .setAttribute(_, let name, _, _) = operation, name.hasPrefix("system.") { continue }
                _ = target.apply(operation)
            }
        }
        target.releaseAll()
    }

    private func fail(_ text: String) -> CheckFailure {
        CheckFailure("seed \(seed): \(text)\nlast events:\n" + log.suffix(400).joined(separator: "\n")
                + fixture.messages.suffix(5).joined(separator: "\n"))
    }

    private func image(_ name: String) throws -> TreeImage {
        let tree = try fixture.open(name)
        defer { tree.forget() }
        do {
            return try TreeImage(tree)
        } catch {
            throw fail("\(name) cannot be read: \(error)")
        }
    }

    private func fork(_ name: String, _ new: String) throws {
        guard let record = fixture.set.find(try FileName(name)) else { throw fail("no \(name)") }
        _ = try fixture.set.forks.fork(
            record, as: try FileName(new), caller: Caller(user: 0, group: 0, pid: 1, umask: 0))
    }

    @discardableResult
    private func change(_ name: String, _ generator: OperationGenerator, _ count: Int) throws
        -> OperationGenerator {
        var generator = generator
        let tree = try fixture.open(name)
        defer { tree.forget() }
        let interpreter = Interpreter(tree)
        for _ in 0..<count {
            let operation = generator.next()
            if let result = interpreter.apply(operation), result.error == nil {
                log.append("\(name): \(operation)".prefix(160).description)
            }
        }
        interpreter.releaseAll()
        return generator
    }

    private func change(_ name: String) throws {
        guard let generator = generators[name] else { return }
        generators[name] = try change(name, generator, Int.random(in: 1...40, using: &random))
    }

    // MARK: Different parts

    func run(rounds: Int) throws {
        defer { fixture.set.close() }
        for round in 0..<rounds {
            let source = Bool.random(using: &random) ? "one" : "two"
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4: try change(source)
            case 4..<7: try merge(source, source == "one" ? "two" : "one")
            case 7: try restart(isKill: Bool.random(using: &random))
            case 8: try release()
            default: try fork(source, "fork\(round)")
            }
        }
        try change("one")
        try merge("one", "two")
        try merge("two", "one")
        let (one, two) = (try image("one"), try image("two"))
        let differences = one.differences(to: two, comparesLinks: false)
        if !differences.isEmpty { throw fail("after merges in both directions: \(differences)") }
        try mergeSamePart()
    }

    private func release() throws {
        log.append("-- release")
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        let (one, two) = (try image("one"), try image("two"))
        let report = Releases(fixture.set).run(request)
        if let fault = report.parts.compactMap(\.fault).first { throw fail("release: \(fault)") }
        for (name, before) in [("one", one), ("two", two)] {
            let differences = before.differences(to: try image(name))
            if !differences.isEmpty { throw fail("\(name) after a release: \(differences)") }
        }
    }

    private func restart(isKill: Bool) throws {
        log.append(isKill ? "-- kill" : "-- reopen")
        let before = [("one", try image("one")), ("two", try image("two"))]
        if isKill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
        for (name, known) in before {
            let differences = known.differences(to: try image(name))
            if !differences.isEmpty { throw fail("\(name) after a start: \(differences)") }
        }
    }

    private func report(
        _ source: String, _ target: String, _ choice: ConflictChoice = .refuse, isDryRun: Bool = false
    ) throws -> MergeReport {
        let tree = try fixture.open(source)
        do {
            return try Merges(fixture.set).merge(
                tree.workspace,
                MergeRequest(into: try FileName(target), isDryRun: isDryRun, choice: choice),
                caller: tree.caller)
        } catch {
            throw fail("merge of \(source) into \(target): \(error)")
        }
    }

    private func note(_ report: MergeReport) {
        func shown(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
        log.append("   up to \(report.sequence), from \(report.ancestor.map { "\($0)" } ?? "the base"): "
                + report.changes.map { change in
                    "\(change.status.rawValue) \(shown(change.path)) \(change.oldPath.map(shown) ?? "")"
                }.joined(separator: ", ")
                + "; conflicts: " + (report.conflicts + report.decided).map {
                    "\(shown($0.path)) (\($0.reason))"
                }.joined(separator: ", "))
    }

    private func merge(_ source: String, _ target: String) throws {
        log.append("-- merge of \(source) into \(target)")
        let (from, before) = (try image(source), try image(target))
        let dry = try report(source, target, isDryRun: true)
        note(dry)
        let untouched = before.differences(to: try image(target))
        if !untouched.isEmpty { throw fail("a dry run changed \(target): \(untouched)") }
        let found = try report(source, target)
        if let conflict = found.conflicts.first { throw fail("a conflict: \(conflict)") }
        merges += 1
        let after = try image(target)
        try check(after, from, before, target)
        let same = from.differences(to: try image(source))
        if !same.isEmpty { throw fail("\(source), which was merged: \(same)") }
        if !after.linkFaults.isEmpty { throw fail("\(target): \(after.linkFaults)") }
        if found.outcome != nil, Int.random(in: 0..<3, using: &random) == 0 {
            try takeBack(source, target, before, after)
        }
    }

    /// The target has its own part, and the other one of the source.
    private func check(
        _ after: TreeImage, _ source: TreeImage, _ before: TreeImage, _ target: String
    ) throws {
        let own = Array((tops[target] ?? "").utf8)
        let other = Array((target == "one" ? "u" : "t").utf8)
        let kept = before.subtree(own).differences(to: after.subtree(own))
        if !kept.isEmpty { throw fail("\(target)'s own part: \(kept)") }
        for (path, number) in before.identities where path.starts(with: own) {
            if after.identities[path] != number { throw fail("an inode of \(target)'s own part changed") }
        }
        // Two equal files that become one file are no difference, so they stay two.
        let taken = source.subtree(other).differences(to: after.subtree(other), comparesLinks: false)
        if !taken.isEmpty {
            throw fail(
                "what \(target) got: \(taken)" + Self.names(source, other, taken)
                    + Self.names(before, other, taken))
        }
    }

    /// Names the other names of paths that differ.
    private static func names(_ image: TreeImage, _ top: [UInt8], _ differences: [String]) -> String {
        let paths = differences.compactMap { line in
            line.firstRange(of: ": ").map { top + [0x2f] + Array(line[..<$0.lowerBound].utf8) }
        }
        let numbers = Set(paths.compactMap { image.identities[$0] })
        return "\nfiles: " + image.identities.filter { numbers.contains($0.value) }
            .map { "\($0.value) \(String(decoding: $0.key, as: UTF8.self))" }.sorted().joined(separator: ", ")
    }

    private func takeBack(
        _ source: String, _ target: String, _ before: TreeImage, _ after: TreeImage
    ) throws {
        log.append("-- undo")
        let tree = try fixture.open(target)
        do {
            _ = try tree.workspace.commands.undo(1, paths: [], caller: tree.caller)
        } catch {
            throw fail("undo of a merge: \(error)")
        }
        let undone = before.differences(to: try image(target))
        if !undone.isEmpty { throw fail("\(target) after an undo: \(undone)") }
        let again = try report(source, target)
        if let conflict = again.conflicts.first { throw fail("a conflict after an undo: \(conflict)") }
        let differences = after.differences(to: try image(target))
        if !differences.isEmpty { throw fail("\(target), merged once more: \(differences)") }
    }

    // MARK: The same part

    /// Both change the same files. Each file has then what one of them had.
    private func mergeSamePart() throws {
        generators["one"] = OperationGenerator(seed: seed &+ 11, tops: ["t", "u"])
        generators["two"] = OperationGenerator(seed: seed &+ 12, tops: ["t", "u"])
        for choice in [ConflictChoice.ours, .theirs, .ours, .theirs] {
            for name in ["one", "two"] { try change(name) }
            log.append("-- merge of one into two, \(choice)")
            let (from, before) = (try image("one"), try image("two"))
            let found = try report("one", "two", choice)
            note(found)
            conflicts += found.decided.count + found.conflicts.count
            let after = try image("two")
            if !found.conflicts.isEmpty {
                let differences = before.differences(to: after)
                if !differences.isEmpty { throw fail("a refused merge: \(differences)") }
                continue
            }
            if !after.linkFaults.isEmpty { throw fail("two: \(after.linkFaults)") }
            let known = Set((Array(from.items.values) + before.items.values).map(Self.content))
            for (path, item) in after.items where !known.contains(Self.content(item)) {
                throw fail("\(String(decoding: path, as: UTF8.self)) has what neither had")
            }
            for (path, item) in from.items where before.items[path] == item && after.items[path] == nil {
                throw fail("\(String(decoding: path, as: UTF8.self)), which both have, is gone")
            }
            let again = try report("one", "two")
            if !again.changes.isEmpty || !again.conflicts.isEmpty {
                throw fail("a second merge has something to do: \(again.changes) \(again.conflicts)")
            }
        }
    }

    private static func content(_ item: TreeImage.Item) -> [UInt8] {
        [UInt8(FileType(mode: item.facts.mode).modeBits >> 12)] + item.content
    }
}
