// The verbs that read: history, blame, diff, limits, events, verify, top.

import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Readers {
        /// Returns a page of up to ten of the changes 1 to `count`. The page ends at `last`.
        private static func page(_ last: UInt64?, count: UInt64) -> [(line: String, value: JSONValue)] {
            let last = min(last ?? count, count)
            let first = last > 10 ? last - 9 : 1
            return (first...max(first, last)).map { number in
                let path = number % 2 == 0 ? "src/f\(number)" : "srcs"
                let value = JSONValue.members([
                    "seq": .integer(number), "path": .text(path), "op": .text("write"),
                ])
                return (value.line, value)
            }
        }

        private static func numbers(_ limit: Int, _ prefix: String?) throws -> [UInt64] {
            try HistoryCommand.collect(limit: limit, prefix: prefix, newest: nil) {
                last throws(Failure) in
                page(last, count: 35)
            }.compactMap { $0.value["seq"]?.unsigned }
        }

        @Test func `History is paged back until there is enough`() throws {
            #expect(try Self.numbers(3, nil) == [33, 34, 35])
            #expect(try Self.numbers(12, nil) == Array(24...35))
            #expect(try Self.numbers(.max, nil) == Array(1...35))
            #expect(try Self.numbers(7, "/src") == [22, 24, 26, 28, 30, 32, 34])
            #expect(try Self.numbers(.max, "/src/f2") == [2])
            #expect(try Self.numbers(.max, "/sr") == [])
        }

        @Test func `A history that turns in circles ends`() throws {
            let found = try HistoryCommand.collect(limit: .max, prefix: nil, newest: 20) {
                _ throws(Failure) in Self.page(nil, count: 20)
            }
            #expect(found.count == 20)
        }

        @Test func `A page without changes is not the end of history`() throws {
            var asked: [UInt64?] = []
            let found = try HistoryCommand.collect(limit: .max, prefix: nil, newest: 12_000) {
                last throws(Failure) in
                asked.append(last)
                return last ?? 12_000 > 6_000 ? [] : Self.page(last, count: 3)
            }
            #expect(found.count == 3)
            #expect(asked == [nil, 7_000, 2_000])
        }

        @Test func `A rename is of both paths`() {
            let item = JSONValue.members(["path": .text("new/a"), "old_path": .text("old/a")])
            #expect(HistoryCommand.matches(item, "/old"))
            #expect(HistoryCommand.matches(item, "/new/a"))
            #expect(!HistoryCommand.matches(item, "/a"))
        }

        @Test func `History is a table for people and lines of JSON for programs`() throws {
            let fake = try FakeWorkspace()
            let line = #"{"seq":1,"time":"2026-01-31T12:00:00.5Z","pid":47,"comm":"cc","uid":0,"#
                + #""op":"write","path":"a.c","range":[0,17]}"#
            try fake.set("history", line + "\n")
            #expect(try fake.run("history", "--json").text == line + "\n")
            #expect(try fake.run("history").text == """
                SEQUENCE  TIME                  PROCESS  CHANGE  PATH
                       1  2026-01-31T12:00:00Z  cc[47]   write   a.c [0..<17]

                """)
        }

        @Test func `Blame reads the file's place in the mirror of the tree`() throws {
            let fake = try FakeWorkspace()
            try fake.set("blame/a.c", #"{"range":[0,9],"source":"base"}"# + "\n")
            #expect(try fake.run("blame", "a.c").text.hasSuffix("   0   9  base\n"))
            let missing = try fake.run("blame", "b.c")
            #expect(missing.status == 1)
            #expect(missing.errorText.hasPrefix("draftfs: there is no file b.c in the workspace"))
        }

        @Test func `Diff lines are read and written alike`() {
            for line in [
                "M\t18\t19\tdir/text", "A\t-\t0\tempty", "D\t6\t-\tgone", "R\t1\t2\told\tnew",
                "A\t-\t1\t\"q\\\"u\\\\o\\tte\"", "P\t-\t-\t\"gr\\303\\274n\"", "T\t2\t-\ta b",
            ] {
                #expect(DiffLine(parsing: Array(line.utf8)[...])?.line == line)
            }
            for line in ["", "M", "M\t1\t2", "M\t1\t2\t", "MM\t1\t2\tx"] {
                #expect(DiffLine(parsing: Array(line.utf8)[...]) == nil)
            }
        }

        @Test func `A diff is against what the first word says, if that is a moment`() throws {
            let fake = try FakeWorkspace()
            try makeDirectory(fake("src"))
            try makeDirectory(fake(".draft/backups/v1"))
            try fake.put("v2", "")
            try fake.set("diff", "M\t1\t2\tsrc/a\nA\t-\t2\tb\n")
            try fake.set("diff.v1", "A\t-\t3\tsrc/c\nD\t1\t-\td\n")
            try fake.set("diff.@3", "A\t-\t3\te\n")
            #expect(try fake.run("diff").text == "M\t1\t2\tsrc/a\nA\t-\t2\tb\n")
            #expect(try fake.run("diff", "src").text == "M\t1\t2\tsrc/a\n")
            #expect(try fake.run("diff", "v1").text == "A\t-\t3\tsrc/c\nD\t1\t-\td\n")
            #expect(try fake.run("diff", "v1", "src").text == "A\t-\t3\tsrc/c\n")
            #expect(try fake.run("diff", "v1", ".", below: "src").text == "A\t-\t3\tsrc/c\n")
            #expect(try fake.run("diff", "@3").text == "A\t-\t3\te\n")
            try fake.set("diff.@3..v1", "D\t3\t-\te\n")
            #expect(try fake.run("diff", "@3..v1").text == "D\t3\t-\te\n")
            #expect(try fake.run("diff", "@3..v1", "src").text == "")
            try fake.put("a..b", "")
            #expect(try fake.run("diff", "a..b").text == "", "a file of that name is a path")
            #expect(try fake.run("diff", "-1d..v1").errorText.contains("there is no moment @"))
            #expect(try fake.run("diff", "..", below: "src").text == "M\t1\t2\tsrc/a\nA\t-\t2\tb\n")
            #expect(try fake.run("diff", "v2").text == "")
            let json = try fake.run("diff", "src", "--json").output
            #expect(JSONValue(parsing: json)?["new_size"]?.unsigned == 2)
            let missing = try fake.run("diff", "v3")
            #expect(missing.status == 1)
            #expect(missing.errorText.contains("there is no moment v3"))
        }

        @Test func `Limits are shown whole, or one by one`() throws {
            let fake = try FakeWorkspace()
            try fake.set("limits", "bytes 10G\nfiles 500\nmemory none\n")
            #expect(try fake.run("limits", "files").text == "files  500\n")
            #expect(try fake.run("limits", "--json").text
                == #"{"bytes": "10G", "files": 500, "memory": null}"# + "\n")
            let missing = try fake.run("limits", "size")
            #expect(missing.status == 1)
            #expect(missing.errorText.contains("bytes, files, memory"))
        }

        @Test func `Following events shows each once, also when old ones go`() {
            #expect(EventsCommand.firstNew(in: ["a", "b"], after: []) == 0)
            #expect(EventsCommand.firstNew(in: ["a", "b", "c"], after: ["a", "b"]) == 2)
            #expect(EventsCommand.firstNew(in: ["b", "c", "d"], after: ["a", "b", "c"]) == 2)
            #expect(EventsCommand.firstNew(in: ["a", "a", "a"], after: ["a", "a"]) == 2)
            #expect(EventsCommand.firstNew(in: ["x"], after: ["a", "b"]) == 0)
            #expect(EventsCommand.firstNew(in: [], after: ["a"]) == 0)
        }

        @Test(arguments: [
            (#"{"state":"done","clean":true,"errors":0,"findings":[]}"#, false),
            (#"{"state":"done"}"#, false),
            (#"{"state":"done","clean":true,"findings":[{"severity":"warning"}]}"#, false),
            (#"{"state":"done","clean":false,"errors":1,"findings":[]}"#, true),
            (#"{"state":"done","errors":2}"#, true),
        ])
        func `Damage is what verify exits with 1 for`(report: String, isDamaged: Bool) throws {
            #expect(VerifyReport(Array(report.utf8)).isDamaged == isDamaged)
            // The command's own line end overwrites the first byte, which it would not do in a mount.
            let fake = try FakeWorkspace()
            try fake.set("verify", "\n" + report)
            let result = try fake.run("verify", "--json")
            #expect(result.status == (isDamaged ? 1 : 0))
            #expect(JSONValue(parsing: result.output) == JSONValue(parsing: report.utf8))
        }

        @Test(arguments: [
            (#"{"state":"failed","error":"the store went"}"#, "the store went"),
            (#"{"state":"none"}"#, "none"), ("", "no report"),
        ])
        func `A check that came to no end is a failure`(report: String, reason: String) throws {
            let fake = try FakeWorkspace()
            try fake.set("verify", "\n" + report)
            let result = try fake.run("verify")
            #expect(result.status == 1)
            #expect(result.errorText == "draftfs: the check did not finish: \(reason)\n")
        }

        @Test func `A finding is a sentence`() {
            let report = VerifyReport(Array(#"""
                {"state":"done","bytes":17,"findings":[{"severity":"error","file":"logs/1","path":"a",
                 "from":0,"to":9,"what":"it has a wrong checksum","advice":"roll back"}]}
                """#.utf8))
            #expect(report.text == """
                state                   done
                bytes                   17
                findings
                  error: a (logs/1, bytes 0 to 9): it has a wrong checksum; roll back

                """)
        }

        @Test func `Top reads the workspaces that are open`() throws {
            let (list, inner) = (try FakeWorkspace(), try FakeWorkspace())
            try list.set("status", #"""
                {"workspaces": [{"name": "one", "open": true}, {"name": "two", "open": false}],
                 "requests": {"read": 5, "write": 6}, "resident_bytes": 2048, "event_count": 1}
                """#)
            try list.set("events", #"{"severity":"warning","workspace":"one","message":"it drifts"}"#)
            try inner.set("status", #"{"workspace": "one", "sequence": 9, "log_bytes": 1024}"#)
            try ChildProcess.check(["mv", inner.root, list("one")])
            let result = try list.run("top", "--once")
            #expect(result.text == """
                1 open, 1 closed   0.0 requests/s   2.0 KiB resident   1 events

                WORKSPACE  CHANGES/S     LOGS  MEMORY  LAST EVENT
                one              0.0  1.0 KiB     0 B  it drifts

                """)
            let json = try list.run("top", "--once", "--json")
            #expect(JSONValue(parsing: json.output)?["log_bytes"]?.unsigned == 1024)
        }

        @Test func `Rates are changes over time, and a counter that began again has none`() {
            #expect(TopSample.rate(30, 10, nanoseconds: 2_000_000_000) == 10)
            #expect(TopSample.rate(3, 10, nanoseconds: 2_000_000_000) == 0)
            #expect(TopSample.rate(3, nil, nanoseconds: 1) == 0)
            #expect(TopSample.rate(3, 1, nanoseconds: 0) == 0)
        }
    }
}
