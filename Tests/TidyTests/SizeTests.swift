// SizeTests: tests the sizes of types, functions and files.

import Testing

@Suite("Types and functions are small")
struct SizeTests {
    static let mostFilesOfType = 6
    static let mostLinesOfType = 800
    static let mostLinesOfFunction = 60
    static let mostMedianLines = 150

    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "actor", "extension",
    ]

    /// Returns the type that an unindented line declares or extends.
    private static func type(of line: Substring) -> Substring? {
        guard let first = line.first, first.isLetter || first == "@" else { return nil }
        let words = line.split { " <:{(".contains($0) }
        // Another file may have a private type of the same name.
        if words.contains("private") { return nil }
        guard let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count else { return nil }
        return words[kind + 1]
    }

    /// Returns the number of lines of each type in each file.
    static func types(_ files: [SourceFile]) -> [Substring: [String: Int]] {
        var found: [Substring: [String: Int]] = [:]
        for file in files {
            var open: Substring?
            for line in file.lines {
                if let type = type(of: line) { open = type }
                if let open { found[open, default: [:]][file.path, default: 0] += 1 }
                if line.first == "}" { open = nil }
            }
        }
        return found
    }

    /// Returns the first line and the length in lines of each function and initializer.
    static func functions(_ file: SourceFile) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        for (index, line) in file.lines.enumerated() {
            let words = line.split { " (<".contains($0) }
            guard words.contains("func") || words.contains("init") || words.contains("deinit"),
                !line.contains("//"), !line.contains("\"")
            else { continue }
            let indentation = line.prefix { $0 == " " }
            let closing = indentation + "}"
            // A declaration may span several lines. The body begins at the first line that ends in a brace.
            guard let body = file.lines[index...].prefix(12).firstIndex(where: { $0.hasSuffix("{") }),
                !file.lines[index..<body].contains(where: { $0.hasSuffix("}") }),
                let end = file.lines[body...].firstIndex(of: closing)
            else { continue }
            found.append((index + 1, end - index + 1))
        }
        return found
    }

    @Test func `Sizes are counted`() {
        let file = SourceFile(
            path: "a.swift",
            lines: """
                struct One {
                    func a(
                        _ b: Int
                    ) {
                        print(b)
                    }
                }

                extension One {
                    init() { self.init(1) }
                }
                """.split(separator: "\n", omittingEmptySubsequences: false))
        #expect(Self.types([file]) == ["One": ["a.swift": 10]])
        #expect(Self.functions(file).map(\.line) == [2] && Self.functions(file).map(\.length) == [5])
    }

    @Test func `No type is spread over many files or has many lines`() {
        for (type, files) in Self.types(Tree.program) {
            #expect(files.count <= Self.mostFilesOfType, "\(type): \(files.keys.sorted())")
            let lines = files.values.reduce(0, +)
            #expect(lines <= Self.mostLinesOfType, "\(type) has \(lines) lines in \(files.count) files")
        }
    }

    @Test func `No function is long`() {
        for file in Tree.program {
            for (line, length) in Self.functions(file) {
                #expect(length <= Self.mostLinesOfFunction, "\(file.path):\(line) has \(length) lines")
            }
        }
    }

    @Test func `Most files are short`() {
        let lengths = Tree.program.map(\.lines.count).sorted()
        #expect(lengths[lengths.count / 2] < Self.mostMedianLines)
    }
}
