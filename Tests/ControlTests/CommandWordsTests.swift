// CommandWordsTests: tests how commands are split into words: shell quoting, lines, bytes that are not
// text.

import Control
import Overlay
import Platform
import Testing

@Suite("Words are quoted as in a shell")
struct CommandWordsTests {
    private static func split(_ written: [UInt8]) throws(CommandError) -> [[[UInt8]]] {
        var words = CommandWords(written)
        var commands: [[[UInt8]]] = []
        while let command = try words.next() { commands.append(command) }
        return commands
    }

    static let good: [(written: String, commands: [[String]])] = [
        ("", []),
        ("\n", [[]]),
        ("  \n\t\n \n", [[]]),
        ("one", [["one"]]),
        ("one\n", [["one"]]),
        ("one two\n", [["one", "two"]]),
        ("  one \t two  \n", [["one", "two"]]),
        ("one\ntwo\n", [["one"], ["two"]]),
        ("one\n\n  \ntwo\n\n", [["one"], ["two"]]),
        ("\n\none", [["one"]]),
        ("'a b' \"c d\" e\\ f", [["a b", "c d", "e f"]]),
        ("a'b'\"c\"d", [["abcd"]]),
        ("'' \"\"", [["", ""]]),
        ("'\\'", [["\\"]]),
        ("'a\"b' \"a'b\"", [["a\"b", "a'b"]]),
        ("\"\\\"\\\\\\$\\`\"", [["\"\\$`"]]),
        ("\"\\a\\n\"", [["\\a\\n"]]),
        ("\\a\\'\\\"\\\\", [["a'\"\\"]]),
        ("'a\nb' c\nd", [["a\nb", "c"], ["d"]]),
        ("\"a\nb\"", [["a\nb"]]),
        ("a\\\nb\n", [["ab"]]),
        ("\"a\\\nb\"\n", [["ab"]]),
        ("a\\\n", [["a"]]),
        ("$HOME *.c #x ; | & ~", [["$HOME", "*.c", "#x", ";", "|", "&", "~"]]),
        ("a\r\n", [["a\r"]]),
        ("größe 名", [["größe", "名"]]),
    ]

    @Test(arguments: good)
    func `Words come out as a shell reads them`(
        row: (written: String, commands: [[String]])
    ) throws {
        let commands = try Self.split(bytes(row.written)).map { $0.map(text) }
        #expect(commands == row.commands, "\(row.written)")
    }

    @Test func `Words keep bytes that are no text`() throws {
        let written: [UInt8] = [0xff, 0x20, 0x27, 0xfe, 0x20, 0x01, 0x27, 0x5c, 0x80, 0x0a]
        #expect(try Self.split(written) == [[[0xff], [0xfe, 0x20, 0x01, 0x80]]])
    }

    static let bad: [(written: String, says: String)] = [
        ("'", "' that is not closed"),
        ("a 'b\n", "' that is not closed"),
        ("a \"b\n", "\" that is not closed"),
        ("\"\\\"", "\" that is not closed"),
        ("\"\\", "\" that is not closed"),
        ("a \\", "ends with a backslash"),
        ("a\0b", "NUL"),
        ("'a\0b'", "NUL"),
        ("\"a\0b\"", "NUL"),
        ("\\\0", "NUL"),
    ]

    @Test(arguments: bad)
    func `Words that do not end are refused`(row: (written: String, says: String)) {
        let error = #expect(throws: CommandError.self) { try Self.split(bytes(row.written)) }
        #expect(error?.errno == .invalid)
        #expect(error?.description.contains(row.says) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("line 1") == true)
    }

    @Test func `A mistake names its line and ends the reading`() throws {
        var words = CommandWords(bytes("one 'x\ny'\n\ntwo\n'three\nfour\n"))
        #expect(try words.next()?.map(text) == ["one", "x\ny"])
        #expect(words.line == 1)
        #expect(try words.next()?.map(text) == ["two"])
        #expect(words.line == 4)
        let error = #expect(throws: CommandError.self) { _ = try words.next() }
        #expect(error?.description.contains("line 5") == true)
        #expect(try words.next() == nil)
    }
}
