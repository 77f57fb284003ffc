// EditTests: tests the JSON of the control file `edit`: valid edits, JSON strings, and the errors of
// invalid edits.

import Control
import Overlay
import Platform
import Storage
import Testing

@Suite("Edits")
struct EditTests {
    private static func one(_ edits: String) -> String { #"{"path":"a","edits":["# + edits + "]}" }

    static let good: [(edits: String, splices: [Splice])] = [
        (#"{"at":0,"insert":"x"}"#, [Splice(offset: 0, insert: bytes("x"))]),
        (#"{"at":5,"delete":2}"#, [Splice(offset: 5, delete: 2)]),
        (#"{"delete":2,"insert":"","at":5}"#, [Splice(offset: 5, delete: 2)]),
        (#"{"at":"end","insert":"x"}"#, [Splice(offset: Splice.end, insert: bytes("x"))]),
        (#"{"at":"\u0065nd","insert":"x"}"#, [Splice(offset: Splice.end, insert: bytes("x"))]),
        (#"{"at":0,"insert_base64":"AP+A"}"#, [Splice(offset: 0, insert: [0, 0xff, 0x80])]),
        (#"{"at":0,"insert_base64":""}"#, [Splice(offset: 0)]),
        (#"{"at":-0,"delete":0}"#, [Splice(offset: 0)]),
        (#"{"at":9223372036854775807,"insert":"x"}"#, [
            Splice(offset: UInt64(Int64.max), insert: bytes("x")),
        ]),
        (#"{"at":9223372036854775800,"delete":7}"#, [
            Splice(offset: UInt64(Int64.max) - 7, delete: 7),
        ]),
        // Splices are sorted by offset. At the same offset, insertions precede deletions.
        (#"{"at":"end","insert":"z"},{"at":5,"delete":3},{"at":5,"insert":"b"},{"at":1,"delete":4}"#, [
            Splice(offset: 1, delete: 4), Splice(offset: 5, insert: bytes("b")),
            Splice(offset: 5, delete: 3), Splice(offset: Splice.end, insert: bytes("z")),
        ]),
        (#"{"at":5,"insert":"1"},{"at":5,"insert":"2"},{"at":8,"insert":"3"},{"at":5,"delete":3}"#, [
            Splice(offset: 5, insert: bytes("1")), Splice(offset: 5, insert: bytes("2")),
            Splice(offset: 5, delete: 3), Splice(offset: 8, insert: bytes("3")),
        ]),
    ]

    @Test(arguments: good)
    func `Splices are read`(row: (edits: String, splices: [Splice])) {
        let result = read(Self.one(row.edits), .edit)
        #expect(result.error == nil, "\(row.edits): \(result.error?.description ?? "")")
        #expect(result.commands == [.edit(bytes("a"), row.splices)], "\(row.edits)")
    }

    static let strings: [(json: String, bytes: [UInt8])] = [
        ("", []),
        ("größe 名", Array("größe 名".utf8)),
        (#"\"\\\/\b\f\n\r\t"#, [0x22, 0x5c, 0x2f, 0x08, 0x0c, 0x0a, 0x0d, 0x09]),
        (#"a\u0000b"#, [0x61, 0, 0x62]),
        (#"\u0000"#, [0]),
        (#"\u0041\u00e9\u20AC"#, Array("Aé€".utf8)),
        (#"\ud83d\ude00"#, Array("😀".utf8)),
        (#"\uD83D\uDE00x"#, Array("😀x".utf8)),
        (#"\\u0041"#, Array(#"\u0041"#.utf8)),
        ("\u{7f}\u{2028}", Array("\u{7f}\u{2028}".utf8)),
        ("}]{[,", Array("}]{[,".utf8)),
    ]

    @Test(arguments: strings)
    func `Strings mean the bytes that JSON says`(row: (json: String, bytes: [UInt8])) {
        let result = read(Self.one(#"{"at":0,"insert":"\#(row.json)"}"#), .edit)
        #expect(result.error == nil, "\(row.json): \(result.error?.description ?? "")")
        #expect(result.commands == [.edit(bytes("a"), [Splice(offset: 0, insert: row.bytes)])])
    }

    @Test func `Bytes that are no text stay as they are`() {
        let written = bytes(#"{"path":"p"#) + [0xff] + bytes(#"","edits":[{"at":0,"insert":""#)
            + [0xfe, 0x80] + bytes(#""}]}"#)
        let result = read(written, .edit)
        #expect(result.error == nil, "\(result.error?.description ?? "")")
        #expect(
            result.commands == [
                .edit([0x70, 0xff], [Splice(offset: 0, insert: [0xfe, 0x80])]),
            ])
    }

    @Test func `Several edits follow one another, and a mistake ends them`() {
        let first = Self.one(#"{"at":0,"insert":"x"}"#)
        let command = Command.edit(bytes("a"), [Splice(offset: 0, insert: bytes("x"))])
        for gap in ["", "\n", " \r\n\t"] {
            let result = read(gap + first + gap + first + gap, .edit)
            #expect(result.error == nil)
            #expect(result.commands == [command, command])
        }
        let result = read(first + "\n{\n" + first, .edit)
        #expect(result.commands == [command])
        #expect(result.error?.description.hasPrefix("edit 2 ") == true)
    }

    static let bad: [(written: String, says: String)] = [
        ("\n", "nothing was written"),
        ("x", "must begin with {"),
        ("[]", "must begin with {"),
        ("\u{feff}{}", "must begin with {"),
        ("{", "is not closed"),
        (#"{"path":"a"#, "a string in the object at byte 0 is not closed"),
        (#"{"path":"\"#, "a string in the object at byte 0 is not closed"),
        ("{]", "is not JSON"), ("{}}", "it has no \"path\""), ("{,}", "is not JSON"),
        (#"{'path':'a'}"#, "is not JSON"), (#"{path:"a"}"#, "is not JSON"),
        (#"{"path":"a",}"#, "is not JSON"), (#"{"path":"a" /* x */}"#, "is not JSON"),
        ("{\"path\":\"a\nb\"}", "is not JSON"), ("{\"path\":\"a\0\"}", "is not JSON"),
        (#"{"path":"\x"}"#, "is not JSON"), (#"{"path":"\u12"}"#, "is not JSON"),
        ("{}", "it has no \"path\""),
        (#"{"path":"a"}"#, "it has no \"edits\""),
        (#"{"path":1,"edits":[]}"#, "\"path\" must be a string, not a whole number"),
        (#"{"path":null,"edits":[]}"#, "must be a string, not null"),
        (#"{"path":"","edits":[{"at":0,"delete":1}]}"#, "a path is empty"),
        (#"{"path":"../a","edits":[{"at":0,"delete":1}]}"#, "leaves the workspace"),
        (#"{"path":"a\u0000b","edits":[{"at":0,"delete":1}]}"#, "NUL"),
        (#"{"path":"a","edits":{}}"#, "must be a list, not an object"),
        (#"{"path":"a","edits":"x"}"#, "must be a list, not a string"),
        (#"{"path":"a","edits":[]}"#, "is empty"),
        (#"{"path":"a","edits":[],"more":1}"#, "it has the key \"more\""),
        (#"{"path":"a","path":"b","edits":[]}"#, "has the key \"path\" twice"),
        (#"{"path\u0000":"a","path":"b","edits":[]}"#, "has the key \"path\""),
        (#"{"p\u0061th":"a","edits":[]}"#, "written with an escape"),
        (#"{"a\"'$.b":"a"}"#, "which is none of path, edits"),
        (#"{"":"a"}"#, "which is none of path, edits"),
        (one("3"), "number 1 of \"edits\" must be an object, not a whole number"),
        (one("{}"), "number 1 of \"edits\" has no \"at\""),
        (one(#"{"at":1,"delete":1},[]"#), "number 2 of \"edits\" must be an object, not a list"),
        (one(#"{"at":1}"#), "neither deletes nor inserts"),
        (one(#"{"at":1,"remove":1}"#), "has the key \"remove\""),
        (one(#"{"at":1,"delete":1,"delete":2}"#), "has the key \"delete\" twice"),
        (one(#"{"at":"begin","insert":"x"}"#), "neither a number nor \"end\""),
        (one(#"{"at":true,"insert":"x"}"#), "must be a whole number, not a boolean"),
        (one(#"{"at":[1],"insert":"x"}"#), "must be a whole number, not a list"),
        (one(#"{"at":1.0,"insert":"x"}"#), "with a fraction"),
        (one(#"{"at":1e3,"insert":"x"}"#), "exponent"),
        (one(#"{"at":-1,"insert":"x"}"#), "is negative"),
        (one(#"{"at":1,"delete":-1}"#), "is negative"),
        (one(#"{"at":01,"insert":"x"}"#), "is not JSON"),
        (one(#"{"at":9223372036854775808,"insert":"x"}"#), "is larger than"),
        (one(#"{"at":99999999999999999999999,"insert":"x"}"#), "is larger than"),
        (one(#"{"at":9223372036854775807,"delete":1}"#), "reaches beyond"),
        (one(#"{"at":1,"delete":"1"}"#), "must be a whole number, not a string"),
        (one(#"{"at":1,"insert":1}"#), "must be a string, not a whole number"),
        (one(#"{"at":1,"insert":null}"#), "must be a string, not null"),
        (one(#"{"at":1,"insert":"\ud83d"}"#), "half of a surrogate pair"),
        (one(#"{"at":1,"insert":"\ud83dx"}"#), "half of a surrogate pair"),
        (one(#"{"at":1,"insert":"\ud83d\u0041"}"#), "half of a surrogate pair"),
        (one(#"{"at":1,"insert":"\ude00"}"#), "half of a surrogate pair"),
        (one(#"{"at":1,"insert":"x","insert_base64":"eA=="}"#), "has both"),
        (one(#"{"at":1,"insert_base64":"eA"}"#), "is not base64"),
        (one(#"{"at":1,"insert_base64":"e==="}"#), "is not base64"),
        (one(#"{"at":1,"insert_base64":"eB=="}"#), "is not base64"),
        (one(#"{"at":1,"insert_base64":"e A="}"#), "is not base64"),
        (one(#"{"at":1,"insert_base64":"-_=="}"#), "is not base64"),
        (one(#"{"at":1,"insert_base64":"===="}"#), "is not base64"),
        (one(#"{"at":"end","delete":1}"#), "deletes after the end"),
        (one(#"{"at":1,"delete":3},{"at":3,"insert":"x"}"#), "numbers 1 and 2 of \"edits\" overlap"),
        (one(#"{"at":3,"delete":1},{"at":3,"delete":1}"#), "numbers 1 and 2 of \"edits\" overlap"),
        (one(#"{"at":9,"delete":1},{"at":0,"delete":9},{"at":4,"delete":1}"#), "numbers 2 and 3"),
    ]

    @Test(arguments: bad)
    func `An edit that is wrong says why`(row: (written: String, says: String)) {
        let result = read(row.written, .edit)
        // In inputs such as "{}}" the mistake of the first object is reported.
        expectFailure(row.written, .edit, says: row.says)
        #expect(result.error?.description.hasPrefix("the edit ") == true)
    }

    @Test func `A path that is too long is ENAMETOOLONG`() {
        let long = String(repeating: "n", count: 256)
        expectFailure(
            #"{"path":"\#(long)","edits":[{"at":0,"delete":1}]}"#, .edit, .nameTooLong,
            says: "256 bytes")
    }

    @Test func `Depth and number of values are bounded before anything is parsed`() {
        let deep = String(repeating: #"{"a":["#, count: 50_000)
        expectFailure(deep, .edit, says: "nested deeper than 16")
        let many = #"{"path":"a","edits":["# + String(repeating: "0,", count: 1_000_001) + "0]}"
        expectFailure(many, .edit, says: "more than 1000000 values")
    }

    @Test func `Large edits are read, and those beyond the limit are EFBIG`() {
        let count = 4 << 20
        let big = read(Self.one(#"{"at":0,"insert":"\#(String(repeating: "x", count: count))"}"#), .edit)
        #expect(
            big.commands == [
                .edit(
                    bytes("a"),
                    [Splice(offset: 0, insert: [UInt8](repeating: 0x78, count: count))]),
            ])
        let result = read([UInt8](repeating: 0x20, count: (16 << 20) + 1), .edit)
        #expect(result.error?.errno == .fileTooBig)
    }

    @Test func `Many splices of one edit are read`() throws {
        let count: UInt64 = 20_000
        let edits = (0..<count).reversed().map { #"{"at":\#($0 * 2),"delete":1,"insert":"y"}"# }
        let result = read(Self.one(edits.joined(separator: ",")), .edit)
        let wanted = (0..<count).map { Splice(offset: $0 * 2, delete: 1, insert: bytes("y")) }
        #expect(result.commands == [.edit(bytes("a"), wanted)])
    }
}
