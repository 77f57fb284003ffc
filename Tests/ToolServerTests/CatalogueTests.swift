// The catalogue as a whole: names and arguments that frameworks know, names that they reserve, schemas of
// which every keyword is checked, and paths that lead outside.

import Glibc
import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct CatalogueTests {
    /// The reference server's tools and their arguments, required ones first.
    static let reference: [String: (required: Set<String>, all: Set<String>)] = [
        "read_file": (["path"], ["path", "head", "tail"]),
        "read_text_file": (["path"], ["path", "head", "tail"]),
        "read_media_file": (["path"], ["path"]),
        "read_multiple_files": (["paths"], ["paths"]),
        "write_file": (["path", "content"], ["path", "content"]),
        "edit_file": (["path", "edits"], ["path", "edits", "dryRun"]),
        "create_directory": (["path"], ["path"]),
        "list_directory": (["path"], ["path"]),
        "list_directory_with_sizes": (["path"], ["path", "sortBy"]),
        "directory_tree": (["path"], ["path", "excludePatterns"]),
        "move_file": (["source", "destination"], ["source", "destination"]),
        "search_files": (["path", "pattern"], ["path", "pattern", "excludePatterns"]),
        "get_file_info": (["path"], ["path"]),
        "list_allowed_directories": ([], []),
    ]

    /// One of these names makes a whole server unusable for some frameworks.
    static let reserved: Set<String> = [
        "connect", "disconnect", "list", "help", "version", "status", "health", "ping", "debug",
        "admin", "system", "config", "settings", "auth", "login", "logout", "exit", "quit",
    ]

    private static let tools = FileToolCatalogue.all.map(\.description)

    @Test("The catalogue has the reference server's tools, with their arguments")
    func names() {
        for (name, wanted) in Self.reference {
            guard let tool = Self.tools.first(where: { $0.name == name }) else {
                Issue.record("\(name) is missing")
                continue
            }
            let properties = Set((tool.inputSchema["properties"]?.members ?? [:]).keys)
            let required = Set((tool.inputSchema["required"]?.items ?? []).compactMap(\.text))
            #expect(properties.isSuperset(of: wanted.all) && required == wanted.required, "\(name)")
        }
    }

    @Test("Frameworks accept all names, and the name of a tool that changes files says so")
    func framework() {
        let changing = [
            "write", "edit", "create", "move", "copy", "delete", "remove", "fork", "discard", "restore",
            "refresh", "merge", "commit",
        ]
        for tool in Self.tools {
            #expect(!Self.reserved.contains(tool.name))
            #expect(tool.name.utf8.allSatisfy { $0 == 0x5f || (0x61...0x7a).contains($0) })
            // It ends a call and touches no file itself.
            if tool.name == "cancel_job" { continue }
            #expect(
                tool.hints.isReadOnly != changing.contains { tool.name.contains($0) }, "\(tool.name)")
            let keys = Set((tool.inputSchema["properties"]?.members ?? [:]).keys)
            if !tool.hints.isReadOnly {
                let targets: Set<String> = ["path", "destination", "destination_path", "base_path",
                    "destination_base_path"]
                #expect(!keys.isDisjoint(with: targets), "\(tool.name)")
            }
        }
        #expect(Set(Self.tools.map(\.name)).count == Self.tools.count)
    }

    @Test("Every keyword of every schema is checked, and unknown arguments are refused")
    func schemas() {
        for tool in Self.tools {
            #expect(Schema(tool.inputSchema).unknownKeywords == [], "\(tool.name)")
            #expect(tool.inputSchema["additionalProperties"] == false, "\(tool.name)")
            if let output = tool.outputSchema {
                #expect(Schema(output).unknownKeywords == [], "\(tool.name)")
            }
        }
    }

    @Test("Paths that lead outside are refused by tools that read, write, move, list and search")
    func escapes() throws {
        let desk = try Desk()
        try writeFile(desk.directory("secret"), "secret")
        try must("link", symlink("../secret", desk("link")))
        try must("link", symlink("..", desk("up")))
        let edits: JSON = [["oldText": "secret", "newText": "x"]]
        for path in ["../secret", "link", "up/secret", desk.directory("secret"), "/etc/passwd"] {
            let path = JSON.text(path)
            for (tool, arguments) in [
                ("read_file", ["path": path]), ("read_file_range", ["path": path]),
                ("write_file", ["path": path, "content": "x"]),
                ("edit_file", ["path": path, "edits": edits]),
                ("edit_file_append_chunk", ["path": path, "content": "x", "chunk_index": 0]),
                ("get_file_info", ["path": path]),
                ("move_file", ["source": path, "destination": "/etc/none"]),
            ] as [(String, [String: JSON])] {
                #expect(try desk.failure(tool, arguments).kind == "denied", "\(tool) \(path)")
            }
            let several = try desk.use("read_multiple_files", ["paths": [path]])
            #expect(several["failed"] == 1 && !several.text.contains("\nsecret"))
        }
        for tool in ["list_directory", "list_directory_with_sizes", "directory_tree"] {
            #expect(try desk.failure(tool, ["path": "up"]).kind == "denied")
            #expect(try desk.failure(tool, ["path": "/"]).kind == "denied")
        }
        #expect(try desk.failure("search_files", ["path": "up", "pattern": "*"]).kind == "denied")
        #expect(try readText(desk.directory("secret")) == "secret")
    }

    @Test("Invalid paths are refused")
    func badPaths() throws {
        let desk = try Desk()
        for path in ["", "a\0b", String(repeating: "x", count: 300), String(repeating: "y/", count: 3_000)] {
            #expect(try desk.call("read_file", ["path": .text(path)]).isError)
            #expect(try desk.call("write_file", ["path": .text(path), "content": "x"]).isError)
        }
        #expect(try TestSupport.names(in: desk.root).isEmpty)
    }
}
