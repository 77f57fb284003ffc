// Patches: what diff(1) writes is what the tool makes, also where the file has moved on; and what does
// not fit changes nothing.

import Platform
import TestSupport
import Testing
import Tools

@Suite struct PatchTextTests {
    private func apply(_ bench: Bench, _ patch: String) throws(ToolError) -> Int {
        let text = try bench.text("f")
        let (planned, shifted) = try PatchText(patch).plan(text)
        _ = try bench.ground.splice(try bench.path("f"), planned.map(\.splice), expecting: nil)
        return shifted
    }

    @Test("Random texts become one another by what diff writes", arguments: TestSeeds.all())
    func random(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        let lineEnd = Bool.random(using: &random) ? "\n" : "\r\n"
        func text() -> String {
            (0..<Int.random(in: 1...40, using: &random)).map { _ in
                ["a", "b", "c", "", "a longer line", "grün"].randomElement(using: &random) ?? ""
            }.joined(separator: lineEnd) + (Bool.random(using: &random) ? lineEnd : "")
        }
        let (old, new) = (text(), text())
        try bench.write("f", old)
        try bench.write("new", new)
        let patch = try ChildProcess.run(["diff", "-u", bench("f"), bench("new")]).text
        guard !patch.isEmpty else { return }
        _ = try apply(bench, patch)
        #expect(try bench.string("f") == new)
    }

    @Test("Hunks are found where their lines have gone")
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

    @Test("What is no patch, or does not fit, is refused")
    func refused() throws {
        let bench = try Bench()
        try bench.write("f", "one\ntwo\n")
        for (patch, expected) in [
            ("", ToolError.Kind.usage), ("text", .usage), ("@@ -1 +1 @@\n-none\n+x\n", .noMatch),
            ("@@ -1,2 +1,2 @@\n-one\n+x\n", .usage), ("@@ what @@\n", .usage),
            ("--- a\n+++ a\n@@ -1 +1 @@\n-one\n+x\n--- b\n+++ b\n@@ -1 +1 @@\n-one\n+x\n", .usage),
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
}
