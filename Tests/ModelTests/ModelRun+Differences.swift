// ModelRun+Differences: checks diffs and undo of a model run against whole trees.

import Overlay
import Past
import Platform
import TestSupport

extension ModelRun {
    /// Checks the diff against the base and the diff against a random moment.
    func checkDifferences(_ when: String) throws {
        let now = try TreeImage(fixture.tree)
        try check(
            try TreeImage(ReferenceFileSystem(copyOf: fixture.basePath)), now, .base,
            "\(when), against the base")
        guard let moment = moments.randomElement(using: &random) else { return }
        let then = try TreeImage(PastTree(fixture.workspace.moments.view(at: moment.sequence)))
        try check(
            then, now, .moment(.sequence(moment.sequence)), "\(when), against \(moment.name)")
        if let other = moments.randomElement(using: &random) {
            let later = try TreeImage(PastTree(fixture.workspace.moments.view(at: other.sequence)))
            try check(
                then, later, .moments(.sequence(moment.sequence), .sequence(other.sequence)),
                "\(when), from \(moment.name) to \(other.name)")
        }
        forget()
    }

    /// Checks the diff against a workspace that was left, and against one of its moments.
    func checkDifferences(to name: String, _ image: TreeImage) throws {
        let now = try TreeImage(fixture.tree)
        let other = try FileName(name)
        try check(image, now, .workspace(other), "against \(name)")
        guard let moment = moments.randomElement(using: &random) else { return }
        let here = try TreeImage(PastTree(fixture.workspace.moments.view(at: moment.sequence)))
        try check(
            image, here, .points(DiffPoint(other), DiffPoint(at: .sequence(moment.sequence))),
            "from \(name) to \(moment.name)")
        let left = try fixture.open(name).workspace
        let sequence = UInt64.random(in: 0...left.accounts.statistics.sequence, using: &random)
        let there = try TreeImage(PastTree(left.moments.view(at: sequence)))
        try check(
            there, here,
            .points(DiffPoint(other, at: .sequence(sequence)), DiffPoint(at: .sequence(moment.sequence))),
            "from \(name) at \(sequence) to \(moment.name)")
        forget()
    }

    private func check(
        _ old: TreeImage, _ new: TreeImage, _ ground: DiffGround, _ when: String
    ) throws {
        let found: [Difference]
        do {
            found = try fixture.set.differences(of: fixture.workspace, from: ground)
        } catch {
            throw CheckFailure("seed \(seed), \(when): \(error)")
        }
        let problems = DiffCheck(old, new, found).problems
        if problems.isEmpty { return }
        let lines = found.map { line in
            let from = line.oldPath.map { String(decoding: $0, as: UTF8.self) + " > " } ?? ""
            return "\(line.status.rawValue) \(from)\(String(decoding: line.path, as: UTF8.self))"
        }
        throw CheckFailure(
            "seed \(seed), \(when):\n" + problems.sorted().prefix(8).joined(separator: "\n")
                + "\nlines:\n" + lines.joined(separator: "\n"))
    }

    /// Undoes the last step, and checks that the tree has its state before the step.
    func undo() throws {
        let items = try fixture.workspace.changes.history(1...UInt64.max)
            .filter { !$0.operation.hasPrefix("backup") }
        guard var first = items.last else { return }
        var starts = [first.sequence]
        for earlier in items.dropLast().reversed() {
            guard isOneStep(earlier, first) else { break }
            first = earlier
            starts.append(first.sequence)
        }
        // The history has only paths: it cannot tell a new file from an earlier one whose name it took.
        // Then the step is shorter, so each possible start is accepted.
        let expected = try starts.reversed().map {
            try TreeImage(PastTree(fixture.workspace.moments.view(at: $0 - 1)))
        }
        ours.releaseAll()
        theirs.releaseAll()
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
        recent.append("undo to before change \(first.sequence)")
        let found = try TreeImage(fixture.tree)
        let differences = expected.map { $0.differences(to: found) }
        if !differences.contains(where: \.isEmpty) {
            throw CheckFailure(
                "seed \(seed), undone to before change \(first.sequence):\n"
                    + (differences.first ?? []).joined(separator: "\n"))
        }
        try adopt()
    }

    private func isOneStep(_ earlier: HistoryItem, _ later: HistoryItem) -> Bool {
        let writes = ["write", "share"]
        let empties = { (item: HistoryItem) in
            item.operation == "truncate" && item.range?.lowerBound == 0
        }
        guard earlier.path == later.path, earlier.pid == later.pid else { return false }
        let isWrite = writes.contains(later.operation)
        if earlier.operation == "create" { return isWrite || empties(later) }
        if empties(earlier) { return isWrite }
        return isWrite && writes.contains(earlier.operation)
            && earlier.range?.upperBound == later.range?.lowerBound
    }
}
