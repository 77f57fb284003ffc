// WorkspaceToolTests: the tools for whole workspaces, on a mount that lists them and on one workspace of it.

import Glibc
import MCP
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
struct WorkspaceToolTests {
    private func desk(_ mount: TestMount, below: String = "") throws -> Desk {
        try Desk(mount.directory, root: below.isEmpty ? mount.root : mount(below), mount: mount) {
            $0.allowed = [.read, .write, .workspaces, .commit]
        }
    }

    private func text(_ reply: ToolReply) -> String { reply.texts.joined(separator: "\n") }

    @Test("Workspaces are forked, listed, discarded and restored")
    func list() throws {
        let mount = try TestMount(workspace: nil) { try writeFile("\($0)/f", "base") }
        let desk = try desk(mount)
        try desk.use("create_directory", ["path": "one"])
        try desk.use("write_file", ["path": "one/new", "content": "first"])
        let made = try desk.use("fork_workspace", ["name": "two", "path": "one"])
        #expect(made.structured?["path"]?.text == mount("two"))
        try desk.use("write_file", ["path": "one/new", "content": "second"])
        #expect(try readText(mount("two/new")) == "first")
        try desk.use("fork_workspace", ["name": "three", "path": "one", "moment": "@0"])
        #expect(try listing(mount("three")) == ["f"])
        let lines = try text(desk.use("list_workspaces", [:])).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("one, ") && !lines[0].contains("forked"))
        #expect(lines[1].hasPrefix("two, forked from one@"))
        #expect(lines[2].hasPrefix("three, forked from one@0, "))
        for name in ["one", "three"] { try desk.use("discard_workspace", ["path": .text(name)]) }
        #expect(try listing(mount.root) == ["two"])
        #expect(try readText(mount("two/new")) == "first")
        let gone = try text(desk.use("list_workspaces", ["discarded": true]))
        #expect(gone.contains("one, ") && gone.contains("kept until"))
        try desk.use("create_directory", ["path": "one"])
        let refused = try desk.call("restore_workspace", ["name": "one"])
        #expect(refused.isError && text(refused).contains("another name"))
        try desk.use("restore_workspace", ["name": "one", "destination": "uno"])
        #expect(try readText(mount("uno/new")) == "second")
    }

    @Test("Changes are committed to the base and reach other workspaces, and conflicts are named")
    func commit() throws {
        let mount = try TestMount(workspace: nil) {
            try writeFile("\($0)/f", "base")
            try writeFile("\($0)/g", "base")
        }
        let desk = try desk(mount)
        for name in ["one", "two"] { try desk.use("create_directory", ["path": .text(name)]) }
        for name in ["f", "g"] {
            try desk.use("write_file", ["path": .text("one/\(name)"), "content": "one"])
        }
        let dry = try desk.use("commit_workspace", ["path": "one", "dry_run": true])
        #expect(text(dry).contains("M f") && text(dry).contains("M g"))
        #expect(try readText("\(mount.base)/f") == "base")
        try desk.use("commit_workspace", ["path": "one", "paths": ["one/f"]])
        #expect(try readText("\(mount.base)/f") == "one" && readText("\(mount.base)/g") == "base")
        let made = try desk.use("refresh_workspace", ["path": "two"])
        #expect(text(made).contains("Refreshed from commit 0 to 1"))
        #expect(try readText(mount("two/f")) == "one")
        try desk.use("write_file", ["path": "two/g", "content": "two"])
        try desk.use("commit_workspace", ["path": "one"])
        let refused = try desk.call("commit_workspace", ["path": "two"])
        #expect(refused.isError && text(refused).contains("C g: "))
        let stale = try desk.call("refresh_workspace", ["path": "two"])
        #expect(stale.isError && text(stale).contains("C g: "))
        try desk.use("refresh_workspace", ["path": "two", "choice": "theirs"])
        #expect(try readText(mount("two/g")) == "one")
    }

    @Test("Calls that name no workspace, or a taken name, fail with a sentence")
    func failures() throws {
        let mount = try TestMount(workspace: nil) { try writeFile("\($0)/f", "base") }
        let desk = try desk(mount)
        try desk.use("create_directory", ["path": "one"])
        for (tool, arguments, part) in [
            ("fork_workspace", ["name": "x"], "name the workspace to fork"),
            ("fork_workspace", ["name": "one", "path": "one"], "already"),
            ("fork_workspace", ["name": "x", "path": "none"], "not a workspace"),
            ("fork_workspace", ["name": "x", "path": "one/f"], "not a workspace"),
            ("fork_workspace", ["name": "x", "path": "one", "moment": "none"], "no backup named"),
            ("fork_workspace", ["name": "a/b", "path": "one"], "not the name of a workspace"),
            ("discard_workspace", ["path": "none"], "no workspace named"),
            ("discard_workspace", ["path": "one/f"], "not a workspace"),
            ("restore_workspace", ["name": "one"], "no discarded workspace"),
        ] as [(String, [String: JSON], String)] {
            let reply = try desk.call(tool, arguments)
            #expect(reply.isError && text(reply).contains(part), "\(tool) \(arguments): \(text(reply))")
        }
        #expect(try listing(mount.root) == ["one"])
    }

    @Test("A server of one workspace forks that one, and does not see the list")
    func oneWorkspace() throws {
        let mount = try TestMount(workspace: nil) { try writeFile("\($0)/f", "base") }
        try makeDirectory(mount("one"))
        try writeFile(mount("one/f"), "edited")
        let desk = try desk(mount, below: "one")
        let reply = try desk.use("fork_workspace", ["name": "two"])
        #expect(reply.structured?["path"] == nil)
        #expect(try readText(mount("two/f")) == "edited")
        for tool in ["list_workspaces", "discard_workspace"] {
            let arguments: [String: JSON] = tool == "list_workspaces" ? [:] : ["path": "f"]
            let refused = try desk.call(tool, arguments)
            #expect(refused.isError && text(refused).contains("is one workspace"))
        }
        // Without the group there is no such tool.
        let plain = try Desk(mount.directory, root: mount.root, mount: mount)
        #expect(!plain.catalogue.tools.contains { $0.name.contains("workspace") })
    }

    private func listing(_ path: String) throws -> [String] {
        try names(in: path).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }
}
