// Listings, trees, searches and facts: the form of the replies, parts, links, hostile names.

import MCP
import Platform
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct ListingTests {
    private func tree(_ place: Place) throws -> Desk {
        let desk = try Desk(place)
        for name in ["src", "src/deep", "empty"] { try desk.makeDirectory(name) }
        try desk.write("src/a.py", "print(1)\n")
        try desk.write("src/deep/b.py", "print(22)\n")
        try desk.write("top.py", String(repeating: "x", count: 2_000))
        try desk.symlink("src", at: "link")
        return desk
    }

    @Test("A listing has a line for each name and marks directories", arguments: Place.every)
    func list(place: Place) throws {
        let desk = try tree(place)
        let reply = try desk.use("list_directory", ["path": "."])
        #expect(reply.text == "[DIR] empty\n[FILE] link\n[DIR] src\n[FILE] top.py")
        #expect(reply["total"] == 4 && reply["next_start"] == nil)
        #expect(try desk.use("list_directory", ["path": "empty"]).text == "")
        #expect(try desk.use("list_directory", ["path": "link"]).text == "[FILE] a.py\n[DIR] deep")
        #expect(try desk.failure("list_directory", ["path": "top.py"]).kind == "missing")
        #expect(try desk.failure("list_directory", ["path": "none"]).kind == "missing")
    }

    @Test("A listing with sizes is sorted as requested, and has the sums", arguments: Place.every)
    func sizes(place: Place) throws {
        let desk = try tree(place)
        let reply = try desk.use("list_directory_with_sizes", ["path": ".", "sortBy": "size"])
        let lines = reply.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.contains { $0.hasPrefix("[FILE] top.py ") && $0.hasSuffix(" 1.95 KB") })
        #expect(reply.text.contains("\n\nTotal: 2 files, 2 directories\nCombined size: 1.96 KB"))
        #expect(reply["files"] == 2 && reply["bytes"] == 2003)
        for (bytes, text) in [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KB"), (1536, "1.50 KB"), (5 << 20, "5.00 MB"),
            (3 << 40, "3.00 TB"),
        ] as [(UInt64, String)] {
            #expect(Reply.size(bytes) == text)
        }
    }

    @Test("A long listing comes in parts that make up the whole", arguments: Place.every)
    func parts(place: Place) throws {
        let desk = try Desk(place)
        let names = (0..<700).map { "file-with-a-long-name-\(1000 + $0)" }
        for name in names { try desk.write(name, "") }
        for tool in ["list_directory", "list_directory_with_sizes"] {
            var found: [String] = []
            var start: JSON = 0
            while true {
                let reply = try desk.use(tool, ["path": ".", "start": start])
                #expect(reply.texts.joined().utf8.count <= 4096)
                for line in reply.text.split(separator: "\n") where line.hasPrefix("[FILE] ") {
                    found.append(String(line.dropFirst(7).prefix { $0 != " " }))
                }
                guard let next = reply["next_start"] else { break }
                start = next
            }
            #expect(found == names)
        }
    }

    @Test(
        "Names with line ends stay on their line, and names that are not text are shown",
        arguments: Place.every)
    func hostileNames(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("a\n[DIR] b", "")
        let name = FileName(trusted: [0x66, 0xff])
        try desk.ground.create(try desk.path(".").appending(name), [])
        let reply = try desk.use("list_directory", ["path": "."])
        #expect(reply.text == "[FILE] a\\n[DIR] b\n[FILE] f\u{fffd}")
    }

    @Test("A tree is JSON, omits excluded names, and does not follow links", arguments: Place.every)
    func directoryTree(place: Place) throws {
        let desk = try tree(place)
        let reply = try desk.use("directory_tree", ["path": "."])
        let json = try JSON(parsing: Array(reply.text.utf8))
        #expect(
            json == [
                ["name": "empty", "type": "directory", "children": []],
                ["name": "link", "type": "file"],
                [
                    "name": "src", "type": "directory",
                    "children": [
                        ["name": "a.py", "type": "file"],
                        [
                            "name": "deep", "type": "directory",
                            "children": [["name": "b.py", "type": "file"]],
                        ],
                    ],
                ],
                ["name": "top.py", "type": "file"],
            ])
        let less = try desk.use("directory_tree", ["path": ".", "excludePatterns": ["deep", "*.py"]])
        #expect(!less.text.contains("deep") && !less.text.contains(".py"))
        #expect(try desk.failure("directory_tree", ["path": "none"]).kind == "missing")
    }

    @Test("A large tree is cut at the bottom, and the reply counts the omissions", arguments: Place.every)
    func largeTree(place: Place) throws {
        let desk = try Desk(place)
        for outer in 0..<20 {
            try desk.makeDirectory("d\(outer)")
            for inner in 0..<60 { try desk.write("d\(outer)/file-\(inner)", "") }
        }
        var path = "deep"
        for _ in 0..<150 {
            try desk.makeDirectory(path)
            path += "/d"
        }
        let reply = try desk.use("directory_tree", ["path": "."])
        #expect(reply.texts.joined().utf8.count <= 4096)
        let json = try JSON(parsing: Array(reply.text.utf8))
        #expect(json.items?.count == 21)
        #expect((reply["omitted"]?.integer ?? 0) + (reply["unopened"]?.integer ?? 0) > 0)
        let deep = try desk.use("directory_tree", ["path": "deep", "max_bytes": 200_000])
        #expect(deep["unopened"] == 1)
    }

    @Test("A search finds names at any depth, except for excluded ones", arguments: Place.every)
    func search(place: Place) throws {
        let desk = try tree(place)
        func finds(_ pattern: String, _ exclude: [String] = []) throws -> [String] {
            let reply = try desk.use(
                "search_files",
                [
                    "path": ".", "pattern": .text(pattern),
                    "excludePatterns": .list(exclude.map(JSON.text)),
                ])
            return reply.text.split(separator: "\n").map(String.init)
        }
        #expect(try finds("*.py") == ["src/a.py", "src/deep/b.py", "top.py"].map { desk($0) })
        #expect(try finds("**/*.py") == ["src/a.py", "src/deep/b.py", "top.py"].map { desk($0) })
        #expect(try finds("/*.py") == [desk("top.py")])
        #expect(try finds("*.py", ["deep"]) == ["src/a.py", "top.py"].map { desk($0) })
        #expect(try finds("deep/") == [desk("src/deep")])
        #expect(try finds("*.rs") == ["No matches found"])
        #expect(try desk.failure("search_files", ["path": ".", "pattern": "[a"]).kind == "usage")
        #expect(try desk.failure("search_files", ["path": ".", "pattern": ""]).kind == "usage")
        #expect(try desk.failure("search_files", ["path": "none", "pattern": "*"]).kind == "missing")
    }

    @Test("Facts of a file follow a link that stays inside, and name its target", arguments: Place.every)
    func facts(place: Place) throws {
        let desk = try tree(place)
        try desk.setMode("top.py", 0o640)
        let reply = try desk.use("get_file_info", ["path": "top.py"])
        let lines = reply.text.split(separator: "\n")
        #expect(lines[0] == "size: 2000")
        #expect(lines.contains("isFile: true") && lines.contains("isDirectory: false"))
        #expect(lines.contains("permissions: 640"))
        #expect(reply["type"] == "file" && reply["path"] == .text(desk("top.py")))
        let link = try desk.use("get_file_info", ["path": "link"])
        #expect(link["type"] == "directory" && link["target"] == "src")
        #expect(link["path"] == .text(desk("src")))
        try desk.symlink("/etc", at: "out")
        #expect(try desk.failure("get_file_info", ["path": "out"]).kind == "denied")
    }

    @Test("The allowed directories are listed, and read-only ones are marked")
    func allowed() throws {
        let desk = try Desk()
        #expect(
            try desk.use("list_allowed_directories", [:]).text == "Allowed directories:\n\(desk.root)")
        let closed = try Desk(isReadOnly: true)
        #expect(
            try closed.use("list_allowed_directories", [:]).text
                == "Allowed directories:\n\(closed.root) (read-only)")
    }
}
