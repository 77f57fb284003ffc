// Patterns follow the rules of gitignore. They are compared with git itself.

import TestSupport
import Testing
import Tools

@Suite struct GlobTests {
    private static func names(_ path: String) -> [[UInt8]] {
        path.split(separator: "/").map { Array($0.utf8) }
    }

    @Test("Patterns match as gitignore(5) says", arguments: [
        ("*.py", "a.py", true), ("*.py", "d/a.py", true), ("*.py", "a.pyc", false),
        ("**/*.py", "a.py", true), ("**/*.py", "d/e/a.py", true), ("d/*.py", "d/a.py", true),
        ("d/*.py", "d/e/a.py", false), ("/a.py", "a.py", true), ("/a.py", "d/a.py", false),
        ("d/**", "d/a", true), ("d/**", "d/e/a", true), ("d/**", "d", false),
        ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true), ("a/**/b", "a/bb", false),
        ("?.c", "é.c", true), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[]]x", "]x", true),
        ("\\*", "*", true), ("\\*", "a", false), ("a\\ ", "a ", true), ("a ", "a", true),
        ("foo/bar", "x/foo/bar", false), ("**", "a/b", true), ("a*b*c", "aXbYbZc", true),
    ])
    func fits(pattern: String, path: String, expected: Bool) throws {
        let glob = try #require(try Glob(pattern.utf8))
        #expect(glob.matches(Self.names(path), isDirectory: false) == expected, "\(pattern) \(path)")
    }

    @Test("Comments and blank lines are no patterns, and a slash at the end means directories")
    func special() throws {
        #expect(try Glob("# comment".utf8) == nil)
        #expect(try Glob("".utf8) == nil)
        #expect(try Glob("   ".utf8) == nil)
        let glob = try #require(try Glob("build/".utf8))
        #expect(glob.matches([Array("build".utf8)], isDirectory: true))
        #expect(!glob.matches([Array("build".utf8)], isDirectory: false))
        #expect(try #require(try Glob("!keep".utf8)).isNegated)
        #expect(kind { () throws(ToolError) in _ = try Glob("[a".utf8) } == .usage)
    }

    @Test("A pattern with a very large number of possible matches is decided at once")
    func explosive() throws {
        let glob = try #require(try Glob((String(repeating: "a*", count: 200) + "b").utf8))
        #expect(!glob.matches([[UInt8](repeating: 0x61, count: 255)], isDirectory: false))
        let deep = try #require(try Glob((String(repeating: "**/a/", count: 100) + "b").utf8))
        #expect(!deep.matches([[UInt8]](repeating: [0x61], count: 1_000), isDirectory: false))
    }

    @Test("Random bytes form a pattern or are refused, and each match is decided", arguments: TestSeeds.all())
    func fuzz(seed: TestSeed) {
        var random = seed.generator
        let parts: [[UInt8]] = [
            [0x2a], [0x2a, 0x2a], [0x3f], [0x5b], [0x5d], [0x21], [0x5e], [0x2d], [0x5c], [0x2f], [0x20], [0],
            [0xff], [0xc3], [0xc3, 0xa9], [0x61], [0x62], [0x0a], [0x0d], [0x23],
        ]
        func text(_ most: Int) -> [UInt8] {
            (0..<Int.random(in: 0...most, using: &random)).flatMap { _ in
                Int.random(in: 0..<4, using: &random) == 0
                    ? [UInt8.random(in: 0...255, using: &random)] : parts.randomElement(using: &random) ?? []
            }
        }
        var decided = 0
        for _ in 0..<300 {
            let pattern = text(24)
            let path = (0..<Int.random(in: 1...6, using: &random)).map { _ in text(20) }
            do throws(ToolError) {
                guard let glob = try Glob(pattern) else { continue }
                // The same answer twice, and the same one for a file unless the pattern is for
                // directories only.
                let found = glob.matches(path, isDirectory: true)
                #expect(glob.matches(path, isDirectory: true) == found, "\(pattern) on \(path)")
                if !glob.isDirectoryOnly {
                    #expect(glob.matches(path, isDirectory: false) == found, "\(pattern) on \(path)")
                }
                let rules = try GlobRules([String(decoding: pattern, as: UTF8.self)])
                _ = rules.verdict(path, isDirectory: false)
                decided += 1
            } catch {
                #expect(error.kind == .usage || error.kind == .bounds, "\(pattern)")
            }
        }
        #expect(decided > 20)
    }

    @Test("Random patterns agree with git check-ignore")
    func git() throws {
        let directory = try TemporaryDirectory("glob")
        try ChildProcess.check(["git", "-C", directory.path, "init", "-q"])
        for seed in UInt64(0)..<25 {
            var random = SeededGenerator(seed: seed)
            func pick(_ texts: [String]) -> String {
                texts[Int.random(in: 0..<texts.count, using: &random)]
            }
            let pieces = ["a", "b", "ab", "*", "?", "**", "/", "/", "[ab]", "[!a]", "a*", "*b"]
            let patterns = (0..<4).map { _ in
                (0..<Int.random(in: 1...5, using: &random)).map { _ in pick(pieces) }.joined()
            }.filter { !$0.contains("***") && !$0.hasPrefix("//") && !$0.contains("//") }
            try writeFile(directory(".gitignore"), patterns.joined(separator: "\n") + "\n")
            let rules = try GlobRules(patterns)
            var paths: Set<String> = []
            for _ in 0..<40 {
                paths.insert(
                    (0..<Int.random(in: 1...3, using: &random)).map { _ in pick(["a", "b", "ab", "ba", "c"]) }
                        .joined(separator: "/"))
            }
            let list = paths.sorted()
            try writeFile(directory("list"), list.joined(separator: "\n") + "\n")
            let result = try ChildProcess.run(
                ["sh", "-c", "cd '\(directory.path)' && git check-ignore --no-index --stdin < list"])
            // 1: no path is ignored.
            #expect(result.status <= 1, "\(result.errorText)")
            let ignored = Set(result.text.split(separator: "\n").map(String.init))
            for path in list {
                let names = Self.names(path)
                // As in git, an ignored directory includes everything below it.
                let found = (1...names.count).contains { count in
                    rules.verdict(names.prefix(count), isDirectory: count < names.count) == true
                }
                #expect(found == ignored.contains(path), "seed \(seed): \(patterns) on \(path)")
            }
        }
    }
}
