// Random calls on all grounds at once: each returns the same, and the trees are the same at the end. The
// expected content of a text file is also checked against a string in memory.

import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct RandomCallTests {
    private static let names = ["a", "b.txt", "d", "d/c.txt", "d/e", "d/e/f", "x/y/z", "ü 'q'", "link"]

    private static func name(_ random: inout SeededGenerator) -> JSON {
        .text(names.randomElement(using: &random) ?? "a")
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let words = ["one", "two", "drei", "größer", "\n", "\n", "\r\n", " ", "{{v}}", "😀", "語"]
        return (0..<Int.random(in: 0...40, using: &random)).map { _ in
            words.randomElement(using: &random) ?? ""
        }.joined()
    }

    private static func edit(_ random: inout SeededGenerator) -> JSON {
        let new = JSON.text(text(&random))
        let word = JSON.text(["one", "two", "drei", "r", "\n"].randomElement(using: &random) ?? "")
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return ["oldText": word, "newText": new]
        case 1: return ["oldText": word, "newText": "1", "all": true]
        case 2:
            let first = Int64.random(in: 1...6, using: &random)
            return [
                "start_line": .integer(first), "newText": new,
                "end_line": .integer(first + Int64.random(in: -1...2, using: &random)),
            ]
        case 3:
            return [
                "offset": .integer(Int64.random(in: 0...30, using: &random)), "newText": new,
                "length": .integer(Int64.random(in: 0...10, using: &random)),
            ]
        case 4:
            return [
                "oldText": "(o|d)(\\w+)", "newText": "$2$1", "match": "regex",
                "all": .boolean(Bool.random(using: &random)),
            ]
        default: return ["append": true, "newText": new]
        }
    }

    private static func call(_ random: inout SeededGenerator) -> (String, [String: JSON]) {
        let (one, other) = (name(&random), name(&random))
        let paths: [String: JSON] = ["source_path": one, "destination_path": other]
        func flag() -> JSON { .boolean(Bool.random(using: &random)) }
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1, 2: return ("write_file", ["path": one, "content": .text(text(&random))])
        case 3, 4, 5:
            let edits = (0..<Int.random(in: 1...3, using: &random)).map { _ in edit(&random) }
            return ("edit_file", ["path": one, "edits": .list(edits), "dryRun": flag()])
        case 6:
            let index = Int64.random(in: 0...2, using: &random)
            return (
                "edit_file_append_chunk",
                [
                    "path": one, "content": .text(text(&random)), "chunk_index": .integer(index),
                    "final": flag(), "overwrite": flag(),
                ]
            )
        case 7: return ("create_directory", ["path": one])
        case 8: return ("move_file", ["source": one, "destination": other])
        case 9: return ("copy_file", paths.merging(["overwrite": flag()]) { $1 })
        case 10, 11:
            let rule = ["fail", "skip", "overwrite", "rename"].randomElement(using: &random) ?? "fail"
            var arguments = paths.merging(["on_conflict": .text(rule), "flatten": flag()]) { $1 }
            if Bool.random(using: &random) { arguments["exclude"] = ["*.txt"] }
            if Bool.random(using: &random) { arguments["rename"] = "{stem}-{n}{ext}" }
            if Bool.random(using: &random) { arguments["variables"] = ["v": "value"] }
            return ("copy_files", arguments)
        case 12: return ("edit_file_copy", paths.merging(["edits": .list([edit(&random)])]) { $1 })
        case 13: return ("delete_file", ["path": one, "recursive": flag()])
        case 14:
            return ("compare_directories", ["dir1": one, "dir2": other, "show_content_diff": flag()])
        default:
            let line = Int64.random(in: 1...5, using: &random)
            return ("read_file_range", ["path": one, "start_line": .integer(line), "line_count": 2])
        }
    }

    /// Returns a reply without the parts that depend on the ground: its location, versions, times, shared
    /// bytes.
    private static func facts(_ reply: ToolReply, _ desk: Desk) -> String {
        if reply.isError { return "error " + (reply["error"]?["kind"]?.text ?? "") }
        var members = reply.structured?.members ?? [:]
        for key in ["version", "elapsed_ms", "shared_bytes", "content"] { members[key] = nil }
        if var details = members["details"]?.members {
            details["shared_bytes"] = nil
            members["details"] = .object(details)
        }
        if members["error"] != nil { members["error"] = "some" }
        let text = JSON.object(members).line ?? ""
        return desk.root.isEmpty ? text : text.replacing(desk.root, with: "")
    }

    /// Returns a whole tree: names, types, contents.
    private static func tree(_ desk: Desk) throws -> String {
        let found = try desk.use("search_files", ["path": ".", "pattern": "*", "max_bytes": 200_000])
        var lines: [String] = []
        for line in found.text.split(separator: "\n") where found["total"] != 0 {
            let path = JSON.text(String(line))
            let info = try desk.use("get_file_info", ["path": path])
            var content = ""
            if info["type"] == "file" {
                let bytes = try desk.use(
                    "read_file_range", ["path": path, "format": "base64", "max_bytes": 200_000])
                content = bytes.text
            }
            let name = String(desk.root.isEmpty ? line : line.replacing(desk.root, with: "")[...])
            lines.append("\(name) \(info["type"]?.text ?? "") \(info["permissions"]?.text ?? "") \(content)")
        }
        return lines.joined(separator: "\n")
    }

    @Test(
        "Every ground returns the same for the same calls",
        arguments: TestSeeds.all(memorable: [549_555_478]))
    func same(seed: TestSeed) throws {
        var random = seed.generator
        // Two of the fixed seeds use a mount: the grounds without a mount are quick.
        let places = seed.value % 8 == 0 ? Place.every : [.plain, .store]
        let desks = try places.map { try Desk($0) }
        for step in 0..<40 {
            let (tool, arguments) = Self.call(&random)
            let replies = try desks.map { Self.facts(try $0.call(tool, arguments), $0) }
            for reply in replies.dropFirst() {
                #expect(reply == replies[0], "step \(step): \(tool) \(JSON.object(arguments).line ?? "")")
            }
            if Set(replies).count > 1 { return }
        }
        let trees = try desks.map(Self.tree)
        for tree in trees.dropFirst() { #expect(tree == trees[0]) }
        for desk in desks { #expect(!(try Self.tree(desk)).contains(".draftfs-stage")) }
    }

    /// Returns a text after the edits of a list; nil if they must be refused.
    private static func expected(_ text: String, _ edits: [JSON]) -> String? {
        var splices: [(start: Int, end: Int, new: [UInt8])] = []
        let bytes = Array(text.utf8)
        for edit in edits {
            let new = Array((edit["newText"]?.text ?? "").utf8)
            if let offset = edit["offset"]?.integer.map(Int.init) {
                let end = offset + Int(edit["length"]?.integer ?? 0)
                guard end <= bytes.count else { return nil }
                splices.append((offset, end, new))
            } else if edit["append"] == true {
                splices.append((bytes.count, bytes.count, new))
            } else if let old = edit["oldText"]?.text {
                let needle = Array(old.utf8)
                let places = bytes.indices.filter { bytes[$0...].starts(with: needle) }
                guard places.count == 1, let place = places.first else { return nil }
                splices.append((place, place + needle.count, new))
            }
        }
        splices.sort { $0.start < $1.start }
        for (one, next) in zip(splices, splices.dropFirst()) where one.end > next.start { return nil }
        var result = bytes
        for splice in splices.reversed() {
            result.replaceSubrange(splice.start..<splice.end, with: splice.new)
        }
        return String(decoding: result, as: UTF8.self)
    }

    // 337173533: a text with two places that overlap.
    @Test("Edits equal those of a string in memory", arguments: TestSeeds.all(memorable: [337_173_533]))
    func edits(seed: TestSeed) throws {
        var random = seed.generator
        let desks = [try Desk(.plain), try Desk(.store)]
        var text = Self.text(&random)
        for desk in desks { try desk.use("write_file", ["path": "f", "content": .text(text)]) }
        for _ in 0..<60 {
            // ASCII words without line ends: what is found and inserted is the same in any encoding.
            let edits: [JSON] = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                let word = ["x", "yy", "one", "two"].randomElement(using: &random) ?? ""
                let offset = Int64.random(in: 0...Int64(text.utf8.count + 2), using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    // At the start of a character, so that the file stays text.
                    let place = text.utf8.index(
                        text.utf8.startIndex, offsetBy: Int(min(offset, Int64(text.utf8.count))))
                    let start = text.unicodeScalars.indices.last { $0 <= place } ?? text.startIndex
                    let at = text.utf8.distance(from: text.startIndex, to: start)
                    return ["offset": .integer(Int64(at)), "newText": .text(word)]
                case 1: return ["append": true, "newText": .text(word)]
                default: return ["oldText": .text(word), "newText": "zz", "match": "exact"]
                }
            }
            let wanted = Self.expected(text, edits)
            for desk in desks {
                let reply = try desk.call("edit_file", ["path": "f", "edits": .list(edits)])
                #expect(reply.isError == (wanted == nil), "\(edits) on \(text): \(reply.texts)")
                let found = try desk.use("read_file", ["path": "f", "max_bytes": 200_000]).text
                #expect(found == wanted ?? text)
            }
            text = wanted ?? text
        }
    }
}
