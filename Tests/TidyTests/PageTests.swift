// PageTests: tests that the links and paths in the Markdown pages exist, and the tests that they name.

import Testing

@Suite("Pages name existing files and tests")
struct PageTests {
    /// The prefixes by which a word of a page is taken for a path.
    static let tops = ["Sources/", "Mount/", "Tests/", "scripts/", ".github/", ".ci/"]

    /// Returns the words of a line that look like paths of the package, without punctuation.
    private static func paths(_ line: Substring) -> [String] {
        line.split { " `()[]|,;:\"'<>".contains($0) }.compactMap { word in
            guard let top = tops.first(where: { word.hasPrefix($0) }) else { return nil }
            var path = String(word)
            while path.last == "." || path.last == "/" { path.removeLast() }
            return path.count >= top.count ? path : nil
        }
    }

    /// Returns the directory of a page.
    private static func directory(_ file: SourceFile) -> String {
        file.path.split(separator: "/").dropLast().joined(separator: "/")
    }

    private static func links(_ line: Substring) -> [Substring] {
        var found: [Substring] = []
        var rest = line
        while let start = rest.firstRange(of: "](") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: ")") else { break }
            found.append(rest[..<end])
            rest = rest[end...]
        }
        return found
    }

    @Test func `The pages are there`() {
        let wanted: Set<String> = [
            "README.md", ".github/CONTRIBUTING.md",
            "Sources/Storage/Storage.docc/DiskFormat.md",
            "Sources/Storage/Storage.docc/Durability.md",
            "Sources/Overlay/Overlay.docc/Architecture.md",
            "Sources/Overlay/Overlay.docc/Limits.md",
            "Sources/Overlay/Overlay.docc/Past.md",
            "Sources/Overlay/Overlay.docc/Semantics.md",
            "Sources/Overlay/Overlay.docc/Locking.md",
            "Sources/MCP/MCP.docc/MCP.md",
            "Sources/Tools/Tools.docc/Tools.md",
            "Sources/ToolServer/ToolServer.docc/ToolServer.md",
            "Sources/Control/Control.docc/ControlFiles.md",
            "Mount/Server/MountServer.docc/KernelCaching.md",
        ]
        #expect(wanted.isSubset(of: Set(Tree.pages.map(\.path))))
    }

    @Test(arguments: Tree.pages)
    func `Paths and links exist`(page: SourceFile) {
        for (index, line) in page.lines.enumerated() {
            for path in Self.paths(line) {
                #expect(Tree.exists(path), "\(page.path):\(index + 1) names \(path)")
            }
            for link in Self.links(line) where !link.hasPrefix("http") && !link.hasPrefix("#") {
                let path = Self.directory(page) + "/" + link.prefix { $0 != "#" }
                #expect(Tree.exists(path), "\(page.path):\(index + 1) links to \(link)")
            }
        }
    }

    @Test(arguments: Tree.program)
    func `Pages that comments name exist`(file: SourceFile) {
        for line in file.lines where line.contains(".docc/") {
            for word in line.split(separator: " ") where word.contains(".docc/") {
                let name = word.prefix { $0 != ";" && $0 != "," && $0 != ")" }
                let found = Tree.pages.contains {
                    $0.path.hasSuffix(name.last == "." ? String(name.dropLast()) : String(name))
                }
                #expect(found, "\(file.path) names \(name)")
            }
        }
    }

    @Test func `Each line of Semantics names a test that is there`() {
        let tests = Tree.swift.filter { $0.isIn("Tests") && !$0.isIn("Tests/TidyTests") }
            .flatMap(\.lines)
        let page = Tree.pages.first { $0.path.hasSuffix("/Semantics.md") }
        var count = 0
        for line in page?.lines ?? [] where line.hasPrefix("| ") && line.hasSuffix("` |") {
            guard let name = line.split(separator: "|").last?.split(separator: "`").dropFirst().first
            else { continue }
            count += 1
            #expect(tests.contains { $0.contains("\"\(name)\"") || $0.contains("`\(name)`") }, "\(name)")
        }
        #expect(count > 60)
    }

    @Test func `The README and the guide are short`() {
        for (path, limit) in [("README.md", 200), (".github/CONTRIBUTING.md", 120)] {
            let page = Tree.pages.first { $0.path == path }
            #expect((page?.lines.count ?? .max) <= limit, "\(path)")
        }
    }
}
