// PathRollbackLinkTests: tests rollbacks of paths over hard links and moved directories. The link count of
// each file is the number of its names, and restored names of one file lead to one file again.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

/// All names of a tree by inode.
private struct Names {
    var byInode: [InodeNumber: [String]] = [:]
    var facts: [InodeNumber: NodeFacts] = [:]
    private var subdirectories: [InodeNumber: UInt32] = [:]

    init(_ tree: WorkspaceTree) throws(Errno) {
        var open = [("", tree.root)]
        while let (path, node) = open.popLast() {
            let found = try tree.facts(node)
            byInode[node, default: []].append(path)
            facts[node] = found
            guard FileType(mode: found.mode) == .directory else { continue }
            for (name, type) in try tree.list(node) {
                if type == .directory { subdirectories[node, default: 0] += 1 }
                let text = String(decoding: name, as: UTF8.self)
                open.append((
                    path.isEmpty ? text : "\(path)/\(text)",
                    try tree.lookup(FileName(name), in: node)
                ))
            }
        }
    }

    var faults: [String] {
        byInode.compactMap { number, names in
            guard let found = facts[number] else { return nil }
            let isDirectory = FileType(mode: found.mode) == .directory
            let right = isDirectory ? 2 + subdirectories[number, default: 0] : UInt32(names.count)
            if found.links == right, !isDirectory || names.count == 1 { return nil }
            return "\(names.sorted()) count \(found.links) links, not \(right)"
        }
    }

    var paths: [String] { byInode.values.flatMap { $0 }.filter { !$0.isEmpty }.sorted() }
    var directories: [String] {
        byInode.filter { FileType(mode: facts[$0.key]?.mode ?? 0) == .directory }
            .values.flatMap { $0 }.sorted()
    }
}

@Suite struct PathRollbackLinkTests {
    private static func prepare(_ base: String) throws {
        for path in ["top", "top/d", "top/d/in", "out"] { try makeDirectory("\(base)/\(path)") }
        for name in ["f", "g", "in/h"] { try writeFile("\(base)/top/d/\(name)", "content of \(name)") }
        for (from, to) in [("f", "one"), ("g", "two"), ("in/h", "three")] {
            try must("link", Glibc.link("\(base)/top/d/\(from)", "\(base)/out/\(to)"))
        }
    }

    private func rollback(_ fixture: WorkspaceFixture, to moment: UInt64, _ path: String) throws {
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(moment), paths: [Array(path.utf8)], keepsTimes: false,
            caller: fixture.tree.caller)
    }

    private func check(_ fixture: WorkspaceFixture, _ step: String) throws {
        let faults = try Names(fixture.tree).faults
        #expect(faults.isEmpty, "\(step): \(faults)")
        let report = try fixture.workspace.verify()
        #expect(report.isClean, "\(step): \(report.findings.map(\.sentence))")
    }

    /// - Parameter touched: the names that are edited before the moment.
    @Test("Hard links into a moved base directory are links again after a rollback of its parent",
        arguments: [[], ["out/one"], ["top/d/g"], ["out/one", "out/two", "top/d/in/h"]])
    func moved(touched: [String]) throws {
        let fixture = try WorkspaceFixture(prepare: Self.prepare)
        let tree = fixture.tree!
        for path in touched { try tree.write(path, "EDITED") }
        let moment = fixture.workspace.accounts.statistics.sequence
        try tree.rename("top/d", to: "top/e")
        try rollback(fixture, to: moment, "top")
        try check(fixture, "at once")
        for (inner, outer) in [("f", "one"), ("g", "two"), ("in/h", "three")] {
            #expect(try tree.resolve("top/d/\(inner)") == tree.resolve("out/\(outer)"), "\(inner)")
            #expect(try tree.facts(tree.resolve("out/\(outer)")).links == 2)
            let isEdited = touched.contains("top/d/\(inner)") || touched.contains("out/\(outer)")
            #expect(
                try tree.text("top/d/\(inner)").hasPrefix(isEdited ? "EDITED" : "content"), "\(inner)")
        }
        try fixture.reopenAfterKill()
        try check(fixture, "after a kill")
        #expect(try fixture.tree.resolve("top/d/f") == fixture.tree.resolve("out/one"))
    }

    @Test("A base directory that a rollback removed is restored with its content")
    func twice() throws {
        let fixture = try WorkspaceFixture(prepare: Self.prepare)
        let tree = fixture.tree!
        try tree.makeDirectory("s")
        try tree.write("out/one", "EDITED")
        let empty = fixture.workspace.accounts.statistics.sequence
        try tree.rename("top", to: "s/top")
        let full = fixture.workspace.accounts.statistics.sequence
        try rollback(fixture, to: empty, "s")
        try check(fixture, "removed")
        #expect(try tree.names("s").isEmpty && !tree.exists("top"))
        try rollback(fixture, to: full, "s")
        try check(fixture, "back")
        #expect(try tree.text("s/top/d/f").hasPrefix("EDITED"))
        #expect(try tree.text("s/top/d/in/h") == "content of in/h")
        try rollback(fixture, to: empty, "top")
        try check(fixture, "at its place")
        try fixture.reopen()
        try check(fixture, "reopened")
        #expect(try fixture.tree.text("top/d/g") == "content of g")
    }

    @Test("Names of one file that were two files are restored as two, in either order",
        arguments: ["ab", "ba"])
    func splits(names: String) throws {
        let (own, other) = ("top/\(names.prefix(1))", "top/\(names.suffix(1))")
        let fixture = try WorkspaceFixture(prepare: Self.prepare)
        let tree = fixture.tree!
        for name in [own, other] {
            _ = try tree.makeFile(name)
            try tree.write(name, name)
        }
        let moment = fixture.workspace.accounts.statistics.sequence
        try tree.unlink(other)
        try tree.link(own, to: other)
        try rollback(fixture, to: moment, "top")
        try check(fixture, "split")
        #expect(try tree.text(own) == own)
        #expect(try tree.text(other) == other)
        #expect(try tree.resolve(own) != tree.resolve(other))
    }

    @Test("Link counts are right after random moves, links, removals and rollbacks",
        arguments: TestSeeds.all())
    func random(seed: TestSeed) throws {
        var random = seed.generator
        let fixture = try WorkspaceFixture(prepare: Self.prepare)
        var moments = [Moment(sequence: 0, texts: try Self.texts(fixture.tree))]
        for step in 0..<120 {
            let tree = fixture.tree!
            let names = try Names(tree)
            let path = names.paths.randomElement(using: &random) ?? "top"
            let directory = names.directories.randomElement(using: &random) ?? ""
            let target = (directory.isEmpty ? "" : directory + "/")
                + ["x", "y", "d", "e", "f", "one"][Int.random(in: 0..<6, using: &random)]
            var done = "\(path) and \(target)"
            do throws(Errno) {
                switch Int.random(in: 0..<9, using: &random) {
                case 0, 1: try tree.rename(path, to: target)
                case 2: try tree.link(path, to: target)
                case 3: try tree.unlink(path)
                case 4: try Self.removeAll(path, tree)
                case 5: try tree.makeDirectory(target)
                case 6: try tree.write(path, "step \(step)")
                case 7:
                    moments.append(
                        Moment(
                            sequence: fixture.workspace.accounts.statistics.sequence,
                            texts: try Self.texts(tree)))
                default:
                    let moment = moments[Int.random(in: 0..<moments.count, using: &random)]
                    done = "rollback of \(path) to \(moment.sequence)"
                    try Self.rollback(fixture, to: moment.sequence, path)
                    let (found, then) = (try Self.texts(tree), moment.texts)
                    for (name, text) in then where name == path || name.hasPrefix(path + "/") {
                        #expect(found[name] == text, "\(seed), step \(step), \(done): \(name)")
                    }
                }
            } catch {
                #expect(error != .inputOutput && error != .stale, "\(seed), \(done): \(error)")
                continue
            }
            let faults = try Names(tree).faults
            guard faults.isEmpty else {
                Issue.record("\(seed), step \(step), \(done): \(faults)")
                return
            }
            if step % 20 == 19 {
                let report = try fixture.workspace.verify()
                #expect(report.isClean, "\(seed): \(report.findings.map(\.sentence))")
                if Bool.random(using: &random) { tree.forget() }
                if Bool.random(using: &random) { try fixture.reopenAfterKill() }
            }
        }
    }

    private struct Moment {
        var sequence: UInt64
        var texts: [String: String]
    }

    /// Returns the content of each regular file by path.
    private static func texts(_ tree: WorkspaceTree) throws(Errno) -> [String: String] {
        var found: [String: String] = [:]
        for path in try Names(tree).paths {
            guard FileType(mode: try tree.facts(tree.resolve(path)).mode) == .regular else { continue }
            found[path] = try tree.text(path)
        }
        return found
    }

    private static func rollback(
        _ fixture: WorkspaceFixture, to moment: UInt64, _ path: String
    ) throws(Errno) {
        do throws(CommandError) {
            _ = try fixture.workspace.commands.rollback(
                to: .sequence(moment), paths: [Array(path.utf8)], keepsTimes: moment % 2 == 0,
                caller: fixture.tree.caller)
        } catch {
            throw error.errno
        }
    }

    private static func removeAll(_ path: String, _ tree: WorkspaceTree) throws(Errno) {
        let node = try tree.resolve(path)
        guard FileType(mode: try tree.facts(node).mode) == .directory else {
            return try tree.unlink(path)
        }
        for name in try tree.names(path) { try removeAll("\(path)/\(name)", tree) }
        try tree.removeDirectory(path)
    }
}
