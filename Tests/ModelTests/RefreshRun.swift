// RefreshRun: the refreshes of a CommitRun. A refreshed workspace must show the base of now with its own
// changes, and what it showed before must still be there to see and to go back to.

import Overlay
import Past
import Platform
import Storage
import TestSupport

extension CommitRun {
    func refresh(_ name: String) throws {
        let choices: [ConflictChoice] = [.refuse, .ours, .theirs, .theirs]
        let choice = choices.randomElement(using: &random) ?? .refuse
        log.append("-- refresh of \(name), \(choice)")
        let (before, base) = (try images(), try base())
        guard let ours = before[name], let ground = grounds[name] else { throw fail("no \(name)") }
        let tree = try fixture.open(name)
        let sequence = tree.workspace.sequence.last
        let report: RefreshReport
        do {
            report = try Refreshes(fixture.set).refresh(
                tree.workspace, RefreshRequest(choice: choice), caller: tree.caller)
        } catch {
            throw fail("refresh of \(name): \(error)")
        }
        log.append("   from \(report.from) to \(report.to), " + report.changes.map { change in
            let old = change.oldPath.map { " from \(String(decoding: $0, as: UTF8.self))" } ?? ""
            return "\(change.status.rawValue) \(String(decoding: change.path, as: UTF8.self))\(old)"
        }.joined(separator: ", "))
        if !(report.conflicts + report.decided).isEmpty {
            log.append("   conflicts: " + (report.conflicts + report.decided).map {
                "\(String(decoding: $0.path, as: UTF8.self)) (\($0.reason))"
            }.joined(separator: ", "))
        }
        let untouched = base.differences(to: try self.base())
        if !untouched.isEmpty { throw fail("a refresh changed the base: \(untouched)") }
        guard report.outcome != nil else {
            return try compare(before, "after a refresh of \(name) that did nothing")
        }
        refreshes += 1
        let isFirst = refreshed.insert(name).inserted
        try compare(before.filter { $0.key != name }, "after a refresh of \(name)")
        let new = try image(name)
        // What was moved out of a renamed directory and stays in it, by `theirs`, has no line.
        let hasAllLines = report.decided.isEmpty
            || !report.changes.contains { $0.status == .renamed && $0.type == .directory }
        if hasAllLines {
            try check(
                name, new, Self.applied(report.changes, to: base, ours, ground).base, base, ours, choice,
                isPlain: report.decided.isEmpty && isFirst)
        }
        try checkChanges(name, new, base)
        let view: TreeImage
        do {
            view = try TreeImage(PastTree(tree.workspace.moments.view(at: sequence)))
        } catch {
            throw fail("\(name) before the refresh cannot be read: \(error)")
        }
        let past = ours.differences(to: view)
        if !past.isEmpty { throw fail("\(name) before the refresh: \(past)") }
        grounds[name] = base
        if Bool.random(using: &random) { try reopen(isKill: Bool.random(using: &random)) }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            // The refresh is undone.
            _ = try fixture.open(name).workspace.commands.undo(1, paths: [], caller: tree.caller)
            log.append("   undone")
            try compare([name: ours], "after the undo of a refresh", isStarted: true)
            grounds[name] = ground
        default: try noteState(name)
        }
    }

    private func check(
        _ name: String, _ new: TreeImage, _ expected: TreeImage, _ base: TreeImage, _ ours: TreeImage,
        _ choice: ConflictChoice, isPlain: Bool
    ) throws {
        // The differences of a workspace name a file only by the names that were used.
        let linked = Self.linked(base).union(Self.linked(ours))
        let differences = Self.plain(expected, without: linked)
            .differences(to: Self.plain(new, without: linked), comparesLinks: false)
        if !differences.isEmpty {
            throw fail("\(name) after a refresh (\(choice)):\n" + differences.joined(separator: "\n"))
        }
        // Where both changed a file, or the name by which it was known has left the base, the number of its
        // other names there may not be known.
        if !new.linkFaults.isEmpty, isPlain {
            throw fail("\(name) after a refresh: \(new.linkFaults); \(try rows(of: name, new, ours))")
        }
    }

    /// Describes the rows of files with several names.
    private func rows(of name: String, _ new: TreeImage, _ ours: TreeImage) throws -> String {
        let workspace = try fixture.open(name).workspace
        let paths = new.linkFaults.map { $0.prefix { $0 != " " } }
        var text = ""
        for (path, number) in new.identities {
            let name = String(decoding: path, as: UTF8.self)
            if !paths.contains(where: { $0.elementsEqual(name) }) { continue }
            let row = try workspace.withTree { (tree) throws(Errno) in
                "\(try tree.row(number).debug) \(try tree.knownOrigin(number).debug)"
            }
            text += "\n\(name) was \(ours.identities[path] ?? 0): \(row)"
        }
        return text
    }

    /// The base with all that differs from it is the workspace.
    private func checkChanges(_ name: String, _ new: TreeImage, _ base: TreeImage) throws {
        let left = try fixture.set.differences(of: fixture.open(name).workspace, from: .base)
        let linked = Self.linked(base).union(Self.linked(new))
        let applied = Self.applied(left, to: base, new, base).base
        let differences = Self.plain(applied, without: linked)
            .differences(to: Self.plain(new, without: linked), comparesLinks: false)
        if !differences.isEmpty {
            let lines = left.map { "\($0.status.rawValue) \(String(decoding: $0.path, as: UTF8.self))" }
            throw fail(
                "\(name) after a refresh differs in \(lines.joined(separator: ", ")), but:\n"
                    + differences.joined(separator: "\n"))
        }
    }
}

extension Optional {
    fileprivate var debug: String { String(describing: self) }
}
