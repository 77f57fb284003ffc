// Bench: a ground over its own directory, and random texts for files.

import Platform
import TestSupport
import Tools

struct Bench {
    let directory: TemporaryDirectory
    let ground: HostGround

    init(isReadOnly: Bool = false) throws {
        directory = try TemporaryDirectory("tools")
        try makeDirectory(directory("root"))
        ground = try HostGround([(directory("root"), isReadOnly)], home: nil)
    }

    func callAsFunction(_ name: String) -> String { directory("root/\(name)") }

    func write(_ name: String, _ bytes: [UInt8]) throws { try writeFile(self(name), bytes) }
    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }
    func bytes(_ name: String) throws -> [UInt8] { try readFile(self(name)) }
    func string(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    func path(_ text: String) throws(ToolError) -> ToolPath { try ground.roots.path(text) }

    func text(_ name: String, _ encoding: TextEncoding? = nil) throws(ToolError) -> TextFile {
        try TextFile(try ground.open(try path(name)), encoding: encoding)
    }

    /// Plans edits and makes them.
    @discardableResult
    func edit(_ name: String, _ edits: TextEdit...) throws(ToolError) -> [PlannedEdit] {
        let text = try text(name)
        let planned = try EditPlanner(text).plan(edits)
        _ = try ground.splice(try path(name), planned.map(\.splice), expecting: text.version)
        return planned
    }
}

/// Returns the kind of failure of a call; nil if it succeeds.
func kind(_ body: () throws(ToolError) -> Void) -> ToolError.Kind? {
    do throws(ToolError) {
        try body()
        return nil
    } catch {
        return error.kind
    }
}

/// Returns random text of short lines, with characters of one to four bytes.
func randomText(_ scalars: Int, _ random: inout SeededGenerator, latin: Bool = false) -> String {
    let letters: [Unicode.Scalar] = latin
        ? ["a", "b", " ", "\t", "\n", "é", "ß", "\u{ff}"]
        : ["a", "b", " ", "\t", "\n", "\r", "é", "ß", "語", "😀", "𝄞", "\u{301}"]
    var text = String.UnicodeScalarView()
    for _ in 0..<scalars { text.append(letters[Int.random(in: 0..<letters.count, using: &random)]) }
    return String(text)
}
