// Random edits of each kind, compared with the simplest possible edits of bytes in memory. The windows
// are so small that everything crosses their edges.

import Platform
import TestSupport
import Testing
import Tools

@Suite struct EditModelTests {
    /// Bytes in memory, edited in the most naive way. A nil result means that the edit must be refused.
    struct Model {
        var bytes: [UInt8]

        /// The start of each line, and the end of the last one.
        var starts: [Int] {
            var starts = [0]
            for (index, byte) in bytes.enumerated() where byte == 0x0a { starts.append(index + 1) }
            return starts.last == bytes.count ? starts : starts + [bytes.count]
        }

        var lineEnd: [UInt8] {
            guard let first = bytes.firstIndex(of: 0x0a) else { return [0x0a] }
            return first > 0 && bytes[first - 1] == 0x0d ? [0x0d, 0x0a] : [0x0a]
        }

        func withLineEnds(_ text: [UInt8]) -> [UInt8] {
            var result: [UInt8] = []
            for (index, byte) in text.enumerated() {
                if byte == 0x0d, index + 1 < text.count, text[index + 1] == 0x0a { continue }
                result += byte == 0x0a ? lineEnd : [byte]
            }
            return result
        }

        func places(_ needle: [UInt8], everywhere: Bool) -> [Int] {
            var places: [Int] = []
            var index = 0
            while index + needle.count <= bytes.count {
                if bytes[index..<index + needle.count].elementsEqual(needle) {
                    places.append(index)
                    // One place is meant, so places that overlap count as two.
                    index += everywhere ? needle.count : 1
                } else {
                    index += 1
                }
            }
            return places
        }

        func replaced(_ old: [UInt8], _ new: [UInt8], everywhere: Bool) -> [UInt8]? {
            var needle = old
            var found = places(needle, everywhere: everywhere)
            if found.isEmpty {
                needle = withLineEnds(old)
                found = places(needle, everywhere: everywhere)
            }
            guard everywhere ? !found.isEmpty : found.count == 1 else { return nil }
            let isVerbatim = needle == old && old.contains(0x0a)
                || zip(new, new.dropFirst()).contains { $0 == (0x0d, 0x0a) }
            let insert = isVerbatim ? new : withLineEnds(new)
            var result = bytes
            for place in found.reversed() {
                result.replaceSubrange(place..<place + needle.count, with: insert)
            }
            return result
        }

        func lines(_ first: Int, _ last: Int, _ new: [UInt8]) -> [UInt8]? {
            let count = starts.count - 1
            guard first >= 1, last >= first - 1, first <= count + 1, last <= count else { return nil }
            let (low, high) = (starts[first - 1], starts[last < first ? first - 1 : last])
            var insert = withLineEnds(new)
            let endsLine = high > 0 && bytes[high - 1] == 0x0a
            if !insert.isEmpty, insert.last != 0x0a, high < bytes.count || endsLine { insert += lineEnd }
            if low == bytes.count, low > 0, bytes[low - 1] != 0x0a, !insert.isEmpty {
                insert = lineEnd + insert
            }
            var result = bytes
            result.replaceSubrange(low..<high, with: insert)
            return result
        }
    }

    private static func text(_ random: inout SeededGenerator, _ parts: Int) -> [UInt8] {
        var text = ""
        for _ in 0..<parts {
            text += ["a", "b", "ab", " ", "\t", "\n", "\r\n", "\r", "é", "ß", "語", "😀", "long line "]
                .randomElement(using: &random) ?? ""
        }
        return Array(text.utf8)
    }

    /// Returns a part of the bytes that begins and ends between characters.
    private static func part(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        let starts = bytes.indices.filter { bytes[$0] & 0xc0 != 0x80 }
        guard let from = starts.randomElement(using: &random) else { return Array("a".utf8) }
        let to = starts.first { $0 >= from + Int.random(in: 1...9, using: &random) } ?? bytes.count
        return Array(bytes[from..<to])
    }

    @Test("Edits of each kind agree with naive ones in memory", arguments: TestSeeds.all())
    func random(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        var model = Model(bytes: Self.text(&random, Int.random(in: 0...150, using: &random)))
        for step in 0..<120 {
            if model.bytes.count > 4_000 { model.bytes = Self.text(&random, 40) }
            try bench.write("f", model.bytes)
            let text = try bench.text("f", .utf8)
            text.window = UInt64.random(in: 16...80, using: &random)
            let new = Self.text(&random, Int.random(in: 0...4, using: &random))
            let newText = String(decoding: new, as: UTF8.self)
            let edit: TextEdit
            let expected: [UInt8]?
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let old = Self.part(model.bytes, &random)
                let everywhere = Bool.random(using: &random)
                edit = .replace(
                    old: String(decoding: old, as: UTF8.self), new: newText, everywhere: everywhere,
                    match: .exact)
                expected = model.replaced(old, new, everywhere: everywhere)
            case 2:
                let count = model.starts.count
                let first = Int.random(in: 0...count + 1, using: &random)
                let last = max(0, first - 1 + Int.random(in: 0...3, using: &random))
                edit = .lines(first: UInt64(first), last: UInt64(last), new: newText)
                expected = model.lines(first, last, new)
            default:
                let at = Int.random(in: 0...model.bytes.count, using: &random)
                let count = Int.random(in: 0...10, using: &random)
                edit = .bytes(offset: UInt64(at), delete: UInt64(count), insert: new)
                var result = model.bytes
                if at + count <= result.count { result.replaceSubrange(at..<at + count, with: new) }
                expected = at + count <= model.bytes.count ? result : nil
            }
            let place = "step \(step), \(edit), window \(text.window)"
            do throws(ToolError) {
                var result = model.bytes
                for splice in try EditPlanner(text).plan([edit]).map(\.splice).reversed() {
                    let start = Int(splice.offset)
                    result.replaceSubrange(start..<start + Int(splice.delete), with: splice.insert)
                }
                #expect(result == expected, "\(place)")
                model.bytes = expected ?? []
            } catch {
                #expect(expected == nil, "\(place): \(error)")
            }
            // A cut character would change the encoding of the file.
            if String(validating: model.bytes, as: UTF8.self) == nil {
                model.bytes = Self.text(&random, 40)
            }
        }
    }

    @Test(
        "Lines are found despite other white space, which the file keeps",
        arguments: TestSeeds.all(memorable: [533_260_842]))
    func whitespace(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        var met = 0
        for round in 0..<30 {
            let lineEnd = Bool.random(using: &random) ? "\n" : "\r\n"
            let count = Int.random(in: 2...12, using: &random)
            // Each line occurs once and in no other line, so that each run of lines occurs once.
            let words = (10..<10 + count).map { "word \($0)" + (Bool.random(using: &random) ? " é" : "") }
            func blanks() -> String {
                (0..<Int.random(in: 0...5, using: &random))
                    .map { _ in Bool.random(using: &random) ? " " : "\t" }.joined()
            }
            let file = words.map { blanks() + $0 + blanks() }
            try bench.write("f", file.joined(separator: lineEnd) + (round % 2 == 0 ? lineEnd : ""))
            let first = Int.random(in: 0..<count, using: &random)
            let last = Int.random(in: first..<count, using: &random)
            let changed = Int.random(in: first...last, using: &random)
            let old = words[first...last].map { blanks() + $0 + blanks() }
            var new = old
            new[changed - first] = String(old[changed - first].prefix { $0 == " " || $0 == "\t" }) + "new"
            let text = try bench.text("f", .utf8)
            text.window = 32
            let edit = TextEdit.replace(
                old: old.joined(separator: "\n"), new: new.joined(separator: "\n"), everywhere: false)
            let planned = try EditPlanner(text).plan([edit])
            // By chance the text may match exactly.
            guard planned.map(\.foundBy) == [.loose] else { continue }
            met += 1
            _ = try bench.ground.splice(try bench.path("f"), planned.map(\.splice), expecting: nil)
            var expected = file
            expected[changed] = String(file[changed].prefix { $0 == " " || $0 == "\t" }) + "new"
            #expect(
                try bench.string("f")
                    == expected.joined(separator: lineEnd) + (round % 2 == 0 ? lineEnd : ""),
                "round \(round): \(old) becomes \(new)")
        }
        #expect(met > 5)
    }

    @Test("New lines are indented like the file's lines, with its tabs or blanks")
    func indentation() throws {
        let bench = try Bench()
        for (file, old, new, expected) in [
            ("\tif a {\n\t\tb\n\t}\n", "if a {\n    b\n}",
             "if a {\n    b\n    if c {\n        d\n    }\n}",
             "\tif a {\n\t\tb\n\t\tif c {\n\t\t\td\n\t\t}\n\t}\n"),
            ("        x\n        y\n", "    x\n    y", "    x\n  z\n    y",
             "        x\n      z\n        y\n"),
            ("  a\n  b\n", "a\nb\n", "", ""),
            ("1\n  a  \n  b\n2\n", "a\nb\n", "a\n", "1\n  a  \n2\n"),
            ("  a\r\n  b \r\n", "a\nb", "a\nc\nb", "  a\r\n  c\r\n  b \r\n"),
        ] {
            try bench.write("f", file)
            let planned = try bench.edit("f", .replace(old: old, new: new, everywhere: false))
            #expect(planned.map(\.foundBy) == [.loose])
            #expect(try bench.string("f") == expected, "\(old)")
            try bench.write("f", file)
            let exact = kind { () throws(ToolError) in
                try bench.edit("f", .replace(old: old, new: new, everywhere: false, match: .exact))
            }
            #expect(exact == .noMatch)
        }
    }
}
