// MomentTests: tests each notation of a moment, and compares the calendar with known values.

import Control
import Overlay
import Past
import Platform
import TestSupport
import Testing

@Suite("Moments and times")
struct MomentTests {
    private static let second: Int64 = 1_000_000_000

    static let moments: [(word: String, moment: Moment?)] = [
        ("one", .backup(name("one"))),
        ("17", .backup(name("17"))),
        ("2026-01-31", .backup(name("2026-01-31"))),
        ("@0", .sequence(0)),
        ("@17", .sequence(17)),
        ("@18446744073709551615", .sequence(.max)),
        ("@18446744073709551616", nil),
        ("@2026-01-31", .time(noon - 43_200 * second)),
        ("@2026-01-31T12:00:00Z", .time(noon)),
        ("@2026-01-31T12:00Z", .time(noon)),
        ("@2026-01-31t12:00:00z", .time(noon)),
        ("@2026-01-31T13:00:00+01:00", .time(noon)),
        ("@2026-01-31T06:30:00-05:30", .time(noon)),
        ("@2026-02-01T00:00:00+12:00", .time(noon)),
        ("@2026-01-31T12:00:00.5Z", .time(noon + second / 2)),
        ("@2026-01-31T12:00:00,000000001Z", .time(noon + 1)),
        ("@2026-01-31T12:00:00.123456789+00:00", .time(noon + 123_456_789)),
        ("-30s", .time(noon - 30 * second)),
        ("-10m", .time(noon - 600 * second)),
        ("-2h", .time(noon - 7200 * second)),
        ("-1d", .time(noon - 86_400 * second)),
        ("-1w", .time(noon - 604_800 * second)),
        ("-0s", .time(noon)),
        ("", nil), ("@", nil), ("-", nil), ("--", nil), ("-10", nil), ("-m", nil), ("-10M", nil),
        ("-1.5h", nil), ("--10m", nil), ("-10 m", nil), ("-+1m", nil), ("-99999w", nil),
        ("-99999999999999999999s", nil), ("@-1", nil), ("@+1", nil), ("@1 ", nil), ("@١", nil),
        ("@one", nil), (".one", nil), ("a/b", nil),
        ("@2026-01-31T12:00:00", nil), ("@2026-01-31T12Z", nil), ("@2026-01-31T", nil),
        ("@2026-01-31Z", nil), ("@2026-01-31T24:00:00Z", nil), ("@2026-01-31T12:60:00Z", nil),
        ("@2026-01-31T12:00:60Z", nil), ("@2026-01-31T12:00:00.Z", nil),
        ("@2026-01-31T12:00:00.1234567890Z", nil), ("@2026-01-31T12:00:00+1:00", nil),
        ("@2026-01-31T12:00:00+0100", nil), ("@2026-01-31T12:00:00+24:00", nil),
        ("@2026-01-31T12:00:00+01:60", nil), ("@2026-01-31T12:00:00ZZ", nil),
        ("@2026-01-31T12.5Z", nil), ("@2026-01-31 12:00:00Z", nil), ("@2026-02-29", nil),
        ("@2100-02-29", nil), ("@2026-04-31", nil), ("@2026-13-01", nil), ("@2026-00-01", nil),
        ("@2026-01-00", nil), ("@26-01-31", nil), ("@2026-1-31", nil), ("@1600-01-01", nil),
        ("@2262-01-01", nil), ("@9999-12-31", nil), ("@+026-01-31", nil),
    ]

    @Test(arguments: moments)
    func `A moment is read as it is written`(row: (word: String, moment: Moment?)) {
        #expect((try? Moment(bytes(row.word), now: noon)) == row.moment, "\(row.word)")
    }

    /// Times with their numbers from `date -u -d … +%s`.
    static let times: [(seconds: Int64, text: String)] = [
        (0, "1970-01-01T00:00:00"),
        (68_169_599, "1972-02-28T23:59:59"),
        (68_169_600, "1972-02-29T00:00:00"),
        (68_256_000, "1972-03-01T00:00:00"),
        (951_782_400, "2000-02-29T00:00:00"),
        (951_868_800, "2000-03-01T00:00:00"),
        (978_220_800, "2000-12-31T00:00:00"),
        (1_709_164_800, "2024-02-29T00:00:00"),
        (1_769_860_800, "2026-01-31T12:00:00"),
        (2_147_483_648, "2038-01-19T03:14:08"),
        (4_107_542_399, "2100-02-28T23:59:59"),
        (4_107_542_400, "2100-03-01T00:00:00"),
        (4_133_980_799, "2100-12-31T23:59:59"),
        (-1, "1969-12-31T23:59:59"),
        (-2_203_891_200, "1900-03-01T00:00:00"),
    ]

    @Test(arguments: times)
    func `Times are those of date(1)`(row: (seconds: Int64, text: String)) {
        let time = row.seconds * Self.second
        #expect(ISOTime.text(time) == row.text + ".000000000Z")
        #expect(ISOTime.time(bytes(row.text + "Z")) == time)
        #expect(ISOTime.time(bytes(row.text + ".000000001Z")) == time + 1)
    }

    /// Compares the calendar with an independent one that counts the days one by one.
    @Test func `Each day from 1970 to 2100 follows the one before`() {
        var day: Int64 = 0
        for year in 1970...2100 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let months = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            for (month, length) in months.enumerated() {
                for date in 1...length {
                    let time = day * 86_400 * Self.second + 86_399_999_999_999
                    let text = "\(year)-\(month < 9 ? "0" : "")\(month + 1)-"
                        + "\(date < 10 ? "0" : "")\(date)T23:59:59.999999999Z"
                    if ISOTime.text(time) != text || ISOTime.time(bytes(text)) != time {
                        Issue.record("\(text) is \(ISOTime.text(time))")
                    }
                    day += 1
                }
            }
        }
        #expect(day == 47_847)
    }

    @Test func `Any time can be written, and read again where its year can be`() {
        let seed: UInt64 = 11
        var random = SeededGenerator(seed: seed)
        #expect(ISOTime.text(.max) == "2262-04-11T23:47:16.854775807Z")
        #expect(ISOTime.text(.min) == "1677-09-21T00:12:43.145224192Z")
        for _ in 0..<2000 {
            let bound = 9_200_000_000 * Self.second
            let time = Int64.random(in: -bound...bound, using: &random)
            #expect(ISOTime.time(bytes(ISOTime.text(time))) == time, "seed \(seed), \(time)")
        }
    }

    static let namesInAt: [(name: String, moment: Moment?)] = [
        ("17", .sequence(17)), ("@17", .sequence(17)), ("2026-01-31T12:00:00Z", .time(noon)),
        ("@2026-01-31T12:00:00Z", .time(noon)), ("-10m", .time(noon - 600 * second)),
        ("one", nil), ("17x", nil), ("-", nil), ("@", nil), (".git", nil),
    ]

    @Test(arguments: namesInAt)
    func `Names in at are moments, but no backups`(row: (name: String, moment: Moment?)) {
        #expect(Moment(nameInAt: name(row.name), now: noon) == row.moment, "\(row.name)")
    }

    static let grounds: [(name: String, ground: DiffGround?)] = [
        ("diff", .base), ("diff.one", .moment(.backup(name("one")))),
        ("diff.a.b", .moment(.backup(name("a.b")))), ("diff.@17", .moment(.sequence(17))),
        ("diff.@2026-01-31T12:00:00Z", .moment(.time(noon))),
        ("diff.-10m", .moment(.time(noon - 600 * second))),
        ("diff.@3..one", .moments(.sequence(3), .backup(name("one")))),
        ("diff.a.b..-10m", .moments(.backup(name("a.b")), .time(noon - 600 * second))),
        ("diff.@3..@x", nil), ("diff.@3..", nil), ("diff...@3", nil),
        ("diff.workspace:agent", .workspace(name("agent"))),
        ("diff.workspace:agent:@17", .point(DiffPoint(name("agent"), at: .sequence(17)))),
        ("diff.workspace:agent:one", .point(DiffPoint(name("agent"), at: .backup(name("one"))))),
        ("diff.workspace:agent:x y", .point(DiffPoint(name("agent"), at: .backup(name("x y"))))),
        ("diff.workspace:agent:@x", .workspace(name("agent:@x"))),
        (
            "diff.workspace:agent:@17..@3",
            .points(DiffPoint(name("agent"), at: .sequence(17)), DiffPoint(at: .sequence(3)))
        ),
        (
            "diff.one..workspace:agent",
            .points(DiffPoint(at: .backup(name("one"))), DiffPoint(name("agent")))
        ),
        (
            "diff.workspace:a:one..workspace:b:-10m",
            .points(
                DiffPoint(name("a"), at: .backup(name("one"))),
                DiffPoint(name("b"), at: .time(noon - 600 * second)))
        ),
        // Workspaces of these names are there.
        ("diff.workspace:known:@1..@2", .workspace(name("known:@1..@2"))),
        ("diff.workspace:known:x:@3", .point(DiffPoint(name("known:x"), at: .sequence(3)))),
        (
            "diff.workspace:known:x..@3", .points(DiffPoint(name("known:x")), DiffPoint(at: .sequence(3)))
        ),
        ("diff.workspace:", nil), ("diff.workspace:..", nil), ("diff.", nil), ("diff..x", nil),
        ("diff.@x", nil), ("differ", nil), ("Diff", nil),
    ]

    @Test(arguments: grounds)
    func `Names of diff files say what they are taken against`(
        row: (name: String, ground: DiffGround?)
    ) {
        let known = ["known:x", "known:@1..@2"].map(name)
        let found = DiffGround(
            controlFile: name(row.name), now: noon, isWorkspace: { known.contains($0) })
        #expect(found == row.ground, "\(row.name)")
    }

    @Test func `History is cut into parts of 5,000 changes`() {
        #expect(HistoryName.sequence(controlFile: name("history.17")) == 17)
        for other in ["history", "history.", "history.x", "history.@1", "history.1 ", "xhistory.1"] {
            #expect(HistoryName.sequence(controlFile: name(other)) == nil, "\(other)")
        }
        #expect(HistoryName.range(upTo: 0) == nil)
        #expect(HistoryName.range(upTo: 1) == 1...1)
        #expect(HistoryName.range(upTo: 5000) == 1...5000)
        #expect(HistoryName.range(upTo: 5001) == 2...5001)
        #expect(HistoryName.range(upTo: .max)?.count == 5000)
    }

    static let sizes: [(text: String, size: UInt64?, back: String)] = [
        ("0", 0, "0"), ("4096", 4096, "4K"), ("1000", 1000, "1000"), ("64K", 65_536, "64K"),
        ("1m", 1 << 20, "1M"), ("1024M", 1 << 30, "1G"), ("2T", 2 << 40, "2T"),
        ("9223372036854775807", UInt64(Int64.max), "9223372036854775807"),
        ("9223372036854775808", nil, ""), ("8388608T", nil, ""), ("", nil, ""), ("K", nil, ""),
        ("1.5G", nil, ""), ("1KB", nil, ""), ("-1", nil, ""), ("+1", nil, ""), ("1 K", nil, ""),
    ]

    @Test(arguments: sizes)
    func `Sizes are read and written`(row: (text: String, size: UInt64?, back: String)) {
        let size = Amounts.size(bytes(row.text))
        #expect(size == row.size, "\(row.text)")
        if let size { #expect(Amounts.sizeText(size) == row.back) }
    }

    @Test func `Ages are written in their largest exact unit`() {
        for text in ["0s", "1s", "59s", "1m", "61s", "90m", "2h", "1d", "25h", "6d", "1w", "30d"] {
            #expect(Amounts.age(bytes(text)).map(Amounts.ageText) == text)
        }
        #expect(Amounts.ageText(-1) == "0s")
    }
}
