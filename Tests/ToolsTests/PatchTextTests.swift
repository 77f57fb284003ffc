// Patches: the tool makes what diff(1) describes, also if the file has changed since. A patch that does
// not fit changes nothing.

import Platform
import TestSupport
import Testing
import Tools

@Suite struct PatchTextTests {
    private func apply(_ bench: Bench, _ patch: String) throws(ToolError) -> Int {
        try apply(bench, try PatchText(patch))
    }

    private func apply(
        _ bench: Bench, _ patch: [UInt8], window: UInt64 = 1 << 20, at path: String = "f"
    ) throws(ToolError) -> Int {
        try apply(bench, try PatchText(patch), window: window, at: path)
    }

    private func apply(
        _ bench: Bench, _ patch: PatchText, window: UInt64 = 1 << 20, at path: String = "f"
    ) throws(ToolError) -> Int {
        var run = PatchRun(bench.ground)
        run.open = { path throws(ToolError) in
            let text = try TextFile(try bench.ground.open(path))
            text.window = window
            return text
        }
        let targets = try run.plan(patch, at: try bench.path(path))
        _ = try run.make(targets)
        return targets.reduce(0) { $0 + $1.shifted }
    }

    /// Returns lines of a small alphabet, with all line ends.
    private static func lines(_ random: inout SeededGenerator, _ most: Int) -> [[UInt8]] {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in
            let line = ["a", "b", "c", "", "a longer line", "grün", "-- x", "++ y", "@@ -1 +1 @@", "\\ No"]
                .randomElement(using: &random) ?? ""
            let end = Int.random(in: 0..<5, using: &random) == 0 ? "\r\n" : "\n"
            let bad: [UInt8] = Int.random(in: 0..<12, using: &random) == 0 ? [0xff, 0x80] : []
            return Array(line.utf8) + bad + Array(end.utf8)
        }
    }

    private static func joined(_ lines: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
        let bytes = Array(lines.joined())
        return Bool.random(using: &random) && bytes.last == 0x0a ? bytes.dropLast() : bytes
    }

    @Test("A patch from diff turns one random text into another, byte for byte", arguments: TestSeeds.all())
    func random(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        for round in 0..<12 {
            let old = Self.lines(&random, 40)
            var new = old
            for _ in 0..<Int.random(in: 0...6, using: &random) where !new.isEmpty {
                let place = Int.random(in: 0..<new.count, using: &random)
                let end = min(new.count, place + Int.random(in: 0...2, using: &random))
                new.replaceSubrange(place..<end, with: Self.lines(&random, 3))
            }
            let before = Self.joined(old, &random)
            var after = Self.joined(new, &random)
            if after == before { after += Array("another\n".utf8) }
            try bench.write("f", before)
            try bench.write("new", after)
            let context = Int.random(in: 0...3, using: &random)
            let patch = try ChildProcess.run(["diff", "-a", "-U\(context)", bench("f"), bench("new")]).output
            #expect(!patch.isEmpty, "round \(round)")
            _ = try apply(bench, patch, window: UInt64.random(in: 16...64, using: &random))
            let words = "round \(round): \(String(decoding: patch, as: UTF8.self))"
            #expect(try bench.bytes("f") == after, "\(words)")
        }
    }

    @Test("A text that has changed since is patched as patch(1) does it", arguments: TestSeeds.all())
    func likePatch(seed: TestSeed) throws {
        let bench = try Bench()
        var patches = 0
        var random = seed.generator
        for round in 0..<8 {
            // The ends do not change: patch requires that a hunk at an end of the text stays there.
            let ends = (0..<4).map { Array("end \($0)\n".utf8) }
            let middle = Self.lines(&random, 30)
            let old = ends + middle + ends.reversed()
            var new = old
            if !middle.isEmpty {
                let place = Int.random(in: 4..<4 + middle.count, using: &random)
                new.replaceSubrange(place..<place + 1, with: Self.lines(&random, 3))
            }
            var other = old
            other.insert(contentsOf: Self.lines(&random, 12), at: Int.random(in: 3...4, using: &random))
            try bench.write("old", Array(old.joined()))
            try bench.write("new", Array(new.joined()))
            try bench.write("f", Array(other.joined()))
            let patch = try ChildProcess.run(["diff", "-a", "-u", bench("old"), bench("new")]).output
            // By chance the text may be the same.
            if patch.isEmpty { continue }
            patches += 1
            try bench.write("p", patch)
            let theirs = try ChildProcess.run([
                "patch", "--binary", "-F0", "-s", "-f", "-r", "-", "-o", bench("out"), bench("f"), bench("p"),
            ])
            let words = "round \(round): \(String(decoding: patch, as: UTF8.self))"
            if theirs.succeeded {
                _ = try apply(bench, patch, window: 64)
                let (found, wanted) = (try bench.string("f"), try bench.string("out"))
                #expect(found == wanted, "\(words)\n\(theirs.text)\nis \(found)\nnot \(wanted)")
            } else {
                let found = kind { () throws(ToolError) in _ = try apply(bench, patch) }
                #expect(found == .noMatch, "\(words)")
                #expect(try bench.bytes("f") == Array(other.joined()))
            }
        }
        #expect(patches > 0)
    }

    @Test("A patch without the file's line ends or encoding fits anyway")
    func spellings() throws {
        let bench = try Bench()
        let patch = "@@ -1,2 +1,3 @@\n eins\n-grün\n+blau\n+süß\n"
        try bench.write("f", "eins\r\ngrün\r\nende")
        _ = try apply(bench, patch)
        #expect(try bench.string("f") == "eins\r\nblau\r\nsüß\r\nende")
        try bench.write("f", "eins\ngrün\n")
        _ = try apply(bench, patch.split(separator: "\n").joined(separator: "\r\n") + "\r\n")
        #expect(try bench.string("f") == "eins\nblau\nsüß\n")
        try bench.write("f", Array("eins\ngr".utf8) + [0xfc] + Array("n\n".utf8))
        _ = try apply(bench, patch)
        #expect(try bench.bytes("f") == Array("eins\nblau\ns".utf8) + [0xfc, 0xdf, 0x0a])
        let utf16 = "eins\ngrün\n".utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        try bench.write("f", [0xff, 0xfe] + utf16)
        #expect(kind { () throws(ToolError) in _ = try apply(bench, patch) } == .noMatch)
        try bench.write("f", utf16)
        _ = try apply(bench, patch)
        let patched = "eins\nblau\nsüß\n".utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        #expect(try bench.bytes("f") == patched)
    }

    @Test("Files are changed, made and removed together, or none is")
    func several() throws {
        let bench = try Bench()
        let patch = """
            diff --git a/one b/one
            index 1..2 100644
            --- a/one
            +++ b/one
            @@ -1 +1 @@
            -one
            +1
            diff --git a/dir/deep/new b/dir/deep/new
            new file mode 100644
            --- /dev/null
            +++ b/dir/deep/new
            @@ -0,0 +1,2 @@
            +first
            +second
            \\ No newline at end of file
            diff --git a/empty b/empty
            new file mode 100644
            index 000..000
            diff --git a/two b/two
            deleted file mode 100644
            --- a/two
            +++ /dev/null
            @@ -1 +0,0 @@
            -two
            """
        try bench.write("one", "one\n")
        try bench.write("two", "two\n")
        func names() throws -> [String] {
            try TestSupport.names(in: bench("")).map { String(decoding: $0, as: UTF8.self) }.sorted()
        }
        // Everything that does not fit is named, and nothing is changed.
        try bench.write("two", "other\n")
        try bench.write("empty", "there\n")
        do throws(ToolError) {
            _ = try apply(bench, Array(patch.utf8), at: ".")
            Issue.record("it was applied")
        } catch {
            for word in ["2 files", "two", "empty"] { #expect(error.description.contains(word)) }
        }
        #expect(try bench.string("one") == "one\n" && bench.string("two") == "other\n")
        try bench.ground.remove(try bench.path("empty"))
        try bench.write("two", "two\n")
        _ = try apply(bench, Array(patch.utf8), at: ".")
        #expect(try bench.string("one") == "1\n")
        #expect(try bench.string("dir/deep/new") == "first\nsecond")
        #expect(try bench.string("empty") == "")
        #expect(try names() == ["dir", "empty", "one"])
    }

    @Test("A failure while files are changed undoes the earlier changes")
    func takenBack() throws {
        let bench = try Bench()
        try bench.write("one", "one\nmore\n")
        try bench.write("two", "two\n")
        let patch = "--- one\n+++ one\n@@ -1 +1,2 @@\n-one\n+1\n+2\n"
            + "--- /dev/null\n+++ d/new\n@@ -0,0 +1 @@\n+x\n"
            + "--- two\n+++ two\n@@ -1 +1 @@\n-two\n+2\n"
        let run = PatchRun(bench.ground)
        let targets = try run.plan(try PatchText(patch), at: try bench.path("."))
        try bench.write("two", "changed\n")
        #expect(kind { () throws(ToolError) in _ = try run.make(targets) } == .stale)
        #expect(try bench.string("one") == "one\nmore\n")
        #expect(try bench.string("two") == "changed\n")
        #expect(!exists(bench("d")))
    }

    @Test("Names that lead outside are refused")
    func escapes() throws {
        let bench = try Bench()
        try makeDirectory(bench("d"))
        try bench.write("f", "one\n")
        for name in ["../f", "/etc/passwd", "\"\\056\\056/f\"", bench("f")] {
            let patch = "--- \(name)\n+++ \(name)\n@@ -1 +1 @@\n-one\n+x\n"
            let found = kind { () throws(ToolError) in _ = try apply(bench, Array(patch.utf8), at: "d") }
            #expect(found == .denied, "\(name)")
        }
        #expect(try bench.string("f") == "one\n")
    }

    @Test("Names in quotes are read as git writes them")
    func quotedNames() throws {
        let bench = try Bench()
        let name = "x\u{7}\u{8}\u{b}\u{c}\t\r\n\"\\é"
        try bench.write(name, "one\n")
        let quoted = #""x\a\b\v\f\t\r\n\"\\\303\251""#
        let patch = "--- \(quoted)\n+++ \(quoted)\n@@ -1 +1 @@\n-one\n+1\n"
        _ = try apply(bench, Array(patch.utf8), at: ".")
        #expect(try bench.string(name) == "1\n")
    }

    @Test("Without prefixes the names of a patch keep their directories")
    func withoutPrefixes() throws {
        let bench = try Bench()
        let made = "new file mode 100644\nindex 000..000\n"
        let patch = "diff --git x/f x/f\n\(made)diff --git g g\n\(made)"
            + "diff --git \"x/\\303\\251\" \"x/\\303\\251\"\n\(made)"
            + "diff --git b/h b/h\n\(made)--- /dev/null\n+++ b/h\n@@ -0,0 +1 @@\n+h\n"
            + "diff --git a/x/i b/x/i\n\(made)diff --git \"a/x/\\t\" \"b/x/\\t\"\n\(made)"
        _ = try apply(bench, Array(patch.utf8), at: ".")
        for name in ["x/f", "g", "x/é", "b/h", "x/i", "x/\t"] { #expect(exists(bench(name)), "\(name)") }
        #expect(!exists(bench("f")) && !exists(bench("h")) && !exists(bench("a")))
    }

    @Test("Random patches end with an error or with a change", arguments: TestSeeds.all())
    func fuzz(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        let parts = [
            "--- f\n", "+++ f\n", "--- /dev/null\n", "+++ /dev/null\n", "@@ -1 +1 @@\n", "@@ -0,0 +1,2 @@\n",
            "@@ -1,2 +1,1 @@ x\n", "@@ -9223372036854775807,1 +1 @@\n", "@@ -1,-1 +1 @@\n", "-one\n",
            "+one\n", " one\n", "\n", "\\ No newline at end of file\n", "diff --git a/f b/f\n",
            "new file mode 100644\n",
            "deleted file mode 100644\n", "\r\n", "\u{0}", "+two", "-two\r\n", "--- \"f\\\n", "diff --git \"",
            "@@ -18446744073709551615,0 +1 @@\n+x\n", "@@ -1,99999999999999 +1 @@\n",
        ]
        for _ in 0..<80 {
            try bench.write("f", "one\ntwo\n")
            let count = Int.random(in: 1...14, using: &random)
            let patch = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            let path = Bool.random(using: &random) ? "." : "f"
            let found = kind { () throws(ToolError) in
                _ = try apply(bench, Array(patch.utf8), at: path)
            }
            #expect(found != .system, "\(patch)")
        }
    }

    @Test("Hunks are found where their lines have moved to")
    func moved() throws {
        let bench = try Bench()
        let lines = (1...100).map { "line \($0)\n" }
        let patch = "--- f\n+++ f\n@@ -49,3 +49,3 @@\n line 49\n-line 50\n+LINE 50\n line 51\n"
            + "@@ -90,2 +90,3 @@\n line 90\n+new\n line 91\n"
        try bench.write("f", "before\nand more\n" + lines.joined())
        #expect(try apply(bench, patch) == 2)
        #expect(try bench.string("f").contains("line 49\nLINE 50\nline 51\n"))
        #expect(try bench.string("f").contains("line 90\nnew\nline 91\n"))
    }

    @Test("An insertion past the end comes at the end, and counts as moved")
    func pastTheEnd() throws {
        let bench = try Bench()
        try bench.write("f", "one\ntwo\n")
        #expect(try apply(bench, "@@ -2,0 +3 @@\n+three\n") == 0)
        #expect(try apply(bench, "@@ -9,0 +10 @@\n+four\n@@ -12,0 +14 @@\n+five\n") == 2)
        #expect(try bench.string("f") == "one\ntwo\nthree\nfour\nfive\n")
    }

    @Test("An invalid patch, or one that does not fit, is refused")
    func refused() throws {
        let bench = try Bench()
        try bench.write("f", "one\ntwo\n")
        for (patch, expected) in [
            ("", ToolError.Kind.usage), ("text", .usage), ("@@ -1 +1 @@\n-none\n+x\n", .noMatch),
            ("@@ -1,2 +1,2 @@\n-one\n+x\n", .usage), ("@@ what @@\n", .usage),
            ("--- a\n+++ a\n@@ -1 +1 @@\n-one\n+x\n--- b\n+++ b\n@@ -1 +1 @@\n-one\n+x\n", .usage),
            ("Binary files a and b differ\n", .usage),
            ("diff --git a/f b/g\nrename from f\nrename to g\n", .usage),
            ("--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+x\n", .exists),
            ("--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", .noMatch),
            ("--- f\n+++ /dev/null\n@@ -1 +1 @@\n-one\n+x\n", .usage),
            ("@@ -1,1 +1,1 @@\n?one\n", .usage),
            ("@@ -1 +1 @@\n-one\n+x\n@@ -9 +9 @@\n-no\n+x\n", .noMatch),
            ("@@ -99999999999999999999 +1 @@\n-one\n+x\n", .usage),
            ("@@ -18446744073709551615,1 +1 @@\n-none\n+x\n", .noMatch),
        ] {
            #expect(kind { () throws(ToolError) in _ = try apply(bench, patch) } == expected, "\(patch)")
        }
        #expect(try bench.string("f") == "one\ntwo\n")
        #expect(try apply(bench, "@@ -1 +1 @@\n-one\n+1\n") == 0)
        #expect(try bench.string("f") == "1\ntwo\n")
    }

    @Test("All hunks that do not fit are named, and nothing is changed")
    func misfits() throws {
        let bench = try Bench()
        let text = (1...50).map { "line \($0)\n" }.joined()
        try bench.write("f", text)
        let patch = "@@ -3 +3 @@\n-line 3\n+x\n@@ -10 +10 @@\n-none\n+x\n@@ -20 +20 @@\n-line 20\n+x\n"
            + "@@ -30,2 +30 @@\n-line 30\n-line 32\n+x\n"
        do throws(ToolError) {
            _ = try apply(bench, patch)
            Issue.record("it was applied")
        } catch {
            #expect(error.kind == .noMatch)
            let words = "2 of 4 hunks do not match: hunk 2 at line 10, hunk 4 at line 30"
            #expect(error.description.contains(words))
        }
        #expect(try bench.string("f") == text)
    }
}
