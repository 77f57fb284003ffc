// TextTests: tests the texts that are read from the control files.

import Control
import Overlay
import Past
import Platform
import Testing

@Suite("Texts of control files")
struct TextTests {
    private static let item = HistoryItem(
        sequence: 17, time: noon + 1, pid: 12, uid: 1000, command: bytes("sh"), operation: "rename",
        path: [0x61, 0xff], oldPath: bytes("o\"\n"), range: 4..<9)

    @Test func `Whatever ends a line is escaped in a quoted text`() {
        let ends = "\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}"
        let quoted = JSONText.quoted(ends)
        #expect(quoted == #""\n\r\u000b\u000c\u0085\u2028\u2029""#)
        let hasEnd = quoted.contains(where: \.isNewline)
        #expect(!hasEnd)
    }

    @Test func `Backups are JSON lines`() {
        let backups = [
            Backup(name: name("one"), sequence: 3, time: 0, comment: bytes("a \"b\""), isAutomatic: true),
            Backup(name: name("größe"), sequence: .max, time: noon),
        ]
        #expect(
            text(ChangeTexts.backups(backups)) == #"""
                {"name":"one","sequence":3,"time":"1970-01-01T00:00:00.000000000Z",\#
                "automatic":true,"comment":"a \"b\""}
                {"name":"größe","sequence":18446744073709551615,\#
                "time":"2026-01-31T12:00:00.000000000Z","automatic":false,"comment":""}

                """#)
        #expect(ChangeTexts.backups([]) == [])
    }

    @Test func `History is JSON lines, and bytes that are no text become U+FFFD`() {
        var short = Self.item
        short.oldPath = nil
        short.range = nil
        short.operation = "write"
        #expect(
            text(ChangeTexts.history([Self.item, short])) == #"""
                {"seq":17,"time":"2026-01-31T12:00:00.000000001Z","pid":12,"comm":"sh","uid":1000,\#
                "op":"rename","path":"a\#u{fffd}","old_path":"o\"\n","range":[4,9]}
                {"seq":17,"time":"2026-01-31T12:00:00.000000001Z","pid":12,"comm":"sh","uid":1000,\#
                "op":"write","path":"a\#u{fffd}"}

                """#)
    }

    @Test func `Blame is JSON lines`() {
        let ranges = [
            BlameRange(range: 0..<4, source: .base), BlameRange(range: 4..<5, source: .hole),
            BlameRange(range: 5..<9, source: .change(Self.item)),
        ]
        #expect(
            text(ChangeTexts.blame(ranges)) == #"""
                {"range":[0,4],"source":"base"}
                {"range":[4,5],"source":"hole"}
                {"range":[5,9],"source":"change","seq":17,"time":"2026-01-31T12:00:00.000000001Z",\#
                "pid":12,"comm":"sh","uid":1000,"op":"rename"}

                """#)
    }

    @Test func `Differences are lines of fields`() {
        func difference(
            _ status: Difference.Status, _ path: String, _ old: UInt64?, _ new: UInt64?,
            from oldPath: String? = nil
        ) -> Difference {
            Difference(
                status: status, path: bytes(path), oldPath: oldPath.map(bytes), type: .regular,
                oldSize: old, newSize: new)
        }
        let lines = DiffText.lines([
            difference(.added, "a b", nil, 5), difference(.deleted, "d", 7, nil),
            difference(.modified, "a\tb\u{e4}", 1, 2),
            difference(.renamed, "new", 3, 3, from: "old\n"), difference(.type, "t", 0, nil),
            difference(.attributes, "p", 0, 0),
        ])
        #expect(
            text(lines) == "A\t-\t5\ta b\nD\t7\t-\td\nM\t1\t2\t\"a\\tb\\303\\244\"\n"
                + "R\t3\t3\t\"old\\n\"\tnew\nT\t0\t-\tt\nP\t0\t0\tp\n")
    }

    static let quoted: [(path: [UInt8], text: String)] = [
        ([], ""), (bytes("a b'$*~!"), "a b'$*~!"), (bytes("\"\\"), #""\"\\""#),
        ([7, 8, 9, 10, 11, 12, 13], #""\a\b\t\n\v\f\r""#),
        ([1, 0x1f, 0x7f, 0x80, 0xff], #""\001\037\177\200\377""#),
    ]

    @Test(arguments: quoted)
    func `Paths are quoted as git does it`(row: (path: [UInt8], text: String)) {
        #expect(text(DiffText.quoted(row.path)) == row.text)
    }

    @Test func `Drift, events and limits are lines`() {
        #expect(
            text(
                StateTexts.drift([
                    DriftLine(
                        path: bytes("a"), reason: "the base has another size", isKept: true, version: nil)
                ])) == #"{"path":"a","reason":"the base has another size","kept":true,"base":null}"#
                + "\n")
        let events = [
            EventLine(time: noon, severity: .warning, workspace: "one", message: "x"),
            EventLine(time: noon, severity: .error, workspace: nil, message: "y\u{1}"),
        ]
        #expect(
            text(StateTexts.events(events)) == #"""
                {"time":"2026-01-31T12:00:00.000000000Z","severity":"warning","workspace":"one","message":"x"}
                {"time":"2026-01-31T12:00:00.000000000Z","severity":"error","message":"y\u0001"}

                """#)
        let values: [LimitKey: UInt64] = [
            .bytes: 10 << 30, .files: 1024, .memory: 1000, .retention: 604_800_000_000_000,
        ]
        let limits = text(StateTexts.limits(values))
        #expect(
            limits == "bytes 10G\nfiles 1024\nfile-size none\nmemory 1000\nlarge-file none\n"
                + "retention 1w\npin none\n")
        let again = read(limits, .limits)
        #expect(again.error == nil)
        let written = LimitKey.allCases.map { key in
            Command.limit(key, values[key].map { LimitValue.value($0) } ?? .none)
        }
        #expect(again.commands == written)
    }

    @Test func `JSON is written indented, or on one line`() {
        let value = JSONText.Value.object([
            ("a", .list([.integer(-1), .null, .list([])])), ("b\n", .boolean(false)),
            ("c", .object([])), ("d", .bytes([0x61, 0xc3])),
        ])
        let line = #"{"a":[-1,null,[]],"b\n":false,"c":{},"d":"a\#u{fffd}"}"# + "\n"
        #expect(text(JSONText.line(value)) == line)
        let indented = text(JSONText.render(value))
        #expect(indented.filter { $0 != " " && $0 != "\n" } + "\n" == line)
        #expect(indented.hasPrefix("{\n  \"a\": [\n    -1,\n"))
    }

    @Test func `The last error is one line, and goes with the next success`() {
        let errors = LastErrors()
        #expect(errors.text(workspace: 1) == [])
        errors.set(CommandError(.noEntry, "there is no\nbackup one"), workspace: 1)
        #expect(text(errors.text(workspace: 1)) == "there is no backup one\n")
        #expect(errors.text(workspace: 2) == [])
        errors.set(nil, workspace: 1)
        #expect(errors.text(workspace: 1) == [])
    }
}
