// Edits of a text that is large enough to be searched past the page cache by several threads. They see
// what any process wrote last, and the new places after an insertion.

import Glibc
import MCP
import Platform
import TestSupport
import Testing

@testable import ToolServer

@Suite struct LargeEditTests {
    private static let lines = 400_000

    private static func line(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 8 - digits.count) + digits + " some text here\n"
    }

    @Test("Searches of a large text see what was written last", arguments: Place.every)
    func edits(place: Place) throws {
        let desk = try Desk(place)
        var expected = Array((0..<Self.lines).map(Self.line).joined().utf8)
        let lineBytes = Self.line(0).utf8.count
        #expect(expected.count > 8 << 20)
        try desk.write("f", expected)
        func replace(_ number: Int, _ text: String) {
            let old = Array(Self.line(number).utf8)
            let near = max(0, number * lineBytes - 100)
            guard let place = (near..<near + 300).first(where: { expected[$0...].starts(with: old) })
            else { return }
            expected.replaceSubrange(place..<place + old.count, with: Array(text.utf8))
        }
        func edit(_ edit: [String: JSON]) throws {
            try desk.use("edit_file", ["path": "f", "edits": .list([.object(edit)])])
        }
        func check() throws { #expect(try desk.bytes("f") == expected) }

        // So that the kernel has pages of the file.
        try check()
        let late = "not yet on its way here\n"
        if place == .store {
            try edit(["offset": .integer(Int64(300_000 * lineBytes)), "length": 24, "newText": .text(late)])
        } else {
            // Pages that the kernel has not sent to the daemon yet.
            let held = try must("open", open(desk("f"), O_WRONLY | O_CLOEXEC))
            defer { close(held) }
            try writeAll(held, Array(late.utf8), at: Int64(300_000 * lineBytes))
        }
        try edit(["oldText": "not yet on its way", "newText": "now it is"])
        replace(300_000, "now it is here\n")
        try check()
        try edit(["start_line": 1, "end_line": 0, "newText": "a new first line"])
        expected.insert(contentsOf: Array("a new first line\n".utf8), at: 0)
        try edit(["oldText": "  00200000 some text here\t", "newText": "found by its words"])
        replace(200_000, "found by its words\n")
        try edit([
            "oldText": "^(00399999) (\\w+) text (\\w+)$", "newText": "$3 $2 $1", "match": "regex",
        ])
        replace(399_999, "here some 00399999\n")
        try edit(["oldText": "(?s)00000007.{20,30}8 some", "newText": "seven", "match": "regex"])
        let seven = 7 * lineBytes + "a new first line\n".utf8.count
        expected.replaceSubrange(seven..<seven + lineBytes + 13, with: Array("seven".utf8))
        try check()
        let twice = try desk.failure(
            "edit_file", ["path": "f", "edits": [["oldText": "some text", "newText": "x"]]])
        #expect(twice.kind == "ambiguous")
    }

    @Test("Text in a file with holes is found, also when just written into a hole", arguments: Place.every)
    func holes(place: Place) throws {
        let desk = try Desk(place)
        // Outside of workspaces each edit rewrites the file.
        let size: UInt64 = place == .plain ? 32 << 20 : 2 << 30
        let middle = size / 2
        // With zeros in the first 64 KiB the file would not be text.
        try desk.write("f", (0..<4_000).map(Self.line).joined())
        try desk.setSize("f", size)
        try desk.use(
            "edit_file", ["path": "f", "edits": [["append": true, "newText": "\nthe last line\n"]]])
        // The middle of the hole is empty: the kernel may cache that.
        #expect(
            try desk.failure(
                "edit_file", ["path": "f", "edits": [["oldText": "in the hole", "newText": "x"]]]
            ).kind == "no_match")
        let bytes = Array("\nin the hole\n".utf8)
        if place == .store {
            let edit: JSON = [["offset": .integer(Int64(middle)), "length": 13, "newText": "\nin the hole\n"]]
            try desk.use("edit_file", ["path": "f", "edits": edit])
        } else {
            let held = try must("open", open(desk("f"), O_WRONLY | O_CLOEXEC))
            defer { close(held) }
            try writeAll(held, bytes, at: Int64(middle))
        }
        try desk.use(
            "edit_file", ["path": "f", "edits": [["oldText": "in the hole", "newText": "IN THE HOLE"]]])
        let edit: JSON = [["oldText": "^the (last) line$", "newText": "$1", "match": "regex"]]
        let reply = try desk.use("edit_file", ["path": "f", "edits": edit])
        #expect(reply["lines"] == [4_004])
        let tail = try desk.use("read_file_range", ["path": "f", "tail_lines": 1])
        #expect(tail.text == "last\n")
        let part = try desk.use(
            "read_file_range", ["path": "f", "offset": .integer(Int64(middle)), "length": 13])
        #expect(part.text == "\nIN THE HOLE\n")
        if place != .plain { #expect(try desk.status("f").blocks < 1_000) }
    }
}
