// ImportTests: tests which module imports which. The allowed imports are the dependencies in Package.swift.
// Each C library may be imported by one module only.

import Testing

@Suite("Imports go down")
struct ImportTests {
    /// The modules of the program from the lowest to the highest, and what each may import.
    static let arrows: [(directory: String, imports: Set<String>)] = [
        ("Sources/Platform", ["CPlatform", "CXXHash", "Glibc", "Synchronization"]),
        ("Sources/MCP", ["Glibc", "Synchronization", "FoundationEssentials"]),
        (
            "Sources/Tools",
            ["CPCRE2", "Platform", "Dispatch", "Glibc", "Synchronization", "FoundationEssentials"]
        ),
        (
            "Sources/ToolServer",
            ["Tools", "MCP", "Platform", "Glibc", "Synchronization", "FoundationEssentials"]
        ),
        ("Sources/Storage", ["CSQLite", "Platform", "Glibc", "Synchronization"]),
        ("Sources/Overlay", ["Storage", "Platform", "Glibc", "Synchronization"]),
        ("Sources/Past", ["Overlay", "Storage", "Platform", "Dispatch", "Synchronization"]),
        ("Sources/Check", ["Past", "Overlay", "Storage", "Platform", "Synchronization"]),
        (
            "Sources/Control",
            ["Check", "Past", "Overlay", "Storage", "Platform", "Synchronization"]
        ),
        (
            "Sources/StoreGround",
            [
                "Tools", "Control", "Check", "Past", "Overlay", "Storage", "Platform",
                "Synchronization",
            ]
        ),
        ("Mount/Fuse", ["CFuse", "Platform", "Glibc", "Synchronization"]),
        (
            "Mount/Server",
            [
                "Fuse", "Control", "Check", "Past", "Overlay", "Storage", "Platform", "Logging",
                "DequeModule", "Glibc", "Synchronization",
            ]
        ),
        (
            "Sources/draftfs",
            [
                "MountServer", "Fuse", "StoreGround", "Control", "Check", "Past", "Overlay", "Storage",
                "ToolServer", "Tools", "Platform", "Logging", "ArgumentParser", "Glibc", "Synchronization",
            ]
        ),
    ]

    /// The files that may import Glibc. The others use the system through Platform and Fuse.
    static let glibc: [String: Set<String>] = [
        "Sources/Storage": ["SQLiteConnection.swift", "Store.swift"],
        "Sources/Overlay": [
            "HostBase.swift", "DatabaseSeal.swift", "Placement.swift", "Databases.swift", "SessionMark.swift",
        ],
        "Sources/MCP": [
            "LineReader.swift", "MCPServer.swift", "OutputChannel.swift", "StandardStreams.swift",
            "WorkerPool.swift",
        ],
        "Sources/Tools": [
            "CheckCommand.swift", "ControlFiles.swift", "EditKeeper.swift", "HostGround.swift",
            "HostGround+Copies.swift",
            "HostGround+Names.swift",
            "HostGround+Splices.swift", "TextMerge.swift",
        ],
        "Sources/ToolServer": ["Jobs.swift", "ToolService.swift"],
        "Mount/Server": [
            "ControlCommands.swift", "ControlDirectory.swift", "MountServer.swift",
            "NamespaceOperations.swift",
        ],
    ]

    private static func imports(_ file: SourceFile) -> [String] {
        file.code.compactMap { _, text in
            let words = text.split(separator: " ").filter { !$0.hasPrefix("@") }
            guard let place = words.firstIndex(of: "import"), place <= 1, words.count > place + 1
            else { return nil }
            return words.last.map { String($0.prefix { $0 != "." }) }
        }
    }

    @Test(arguments: Tree.program)
    func `A file imports only what its module may`(file: SourceFile) throws {
        let arrow = try #require(
            Self.arrows.first { file.isIn($0.directory) }, "\(file.path) is in no module known here")
        for name in Self.imports(file) {
            #expect(arrow.imports.contains(name), "\(file.path) imports \(name)")
            if name == "Glibc", let allowed = Self.glibc[arrow.directory] {
                #expect(allowed.contains(String(file.name)), "\(file.path) imports Glibc")
            }
        }
    }

    @Test func `Nothing imports Foundation but tests that say so`() {
        for file in Tree.swift where Self.imports(file).contains("Foundation") {
            #expect(file.isIn("Tests"), "\(file.path) imports Foundation")
        }
    }

    /// Returns the names of the targets and products in the dependencies of a target, or nil if
    /// Package.swift has no such target.
    private static func dependencies(of module: String) -> Set<String>? {
        let manifest = Tree.files.first { $0.path == "Package.swift" }
        let text = manifest?.lines.joined(separator: " ") ?? ""
        guard let targets = text.firstRange(of: "targets: [        "),
            let name = text[targets.upperBound...].firstRange(of: "name: \"\(module)\","),
            let list = text[name.upperBound...].firstRange(of: "dependencies: ["),
            let end = text[list.upperBound...].firstIndex(of: "]")
        else { return nil }
        let products = ["argumentParser": "ArgumentParser", "logging": "Logging", "deques": "DequeModule"]
        return Set(
            text[list.upperBound..<end].split { " ,\"".contains($0) }
                .map { products[String($0)] ?? String($0) })
    }

    @Test func `The arrows are those of Package.swift`() {
        for arrow in Self.arrows {
            let last = arrow.directory.split(separator: "/").last.map(String.init) ?? ""
            let module = last == "Server" ? "MountServer" : last
            let system: Set<String> = ["Dispatch", "Glibc", "Synchronization", "FoundationEssentials"]
            #expect(Self.dependencies(of: module) == arrow.imports.subtracting(system), "\(module)")
        }
    }

    @Test func `Package.swift names the targets in this order`() {
        let manifest = Tree.files.first { $0.path == "Package.swift" }
        let text = manifest?.lines.joined(separator: "\n") ?? ""
        var rest = text[...]
        for name in [
            "Platform", "MCP", "Tools", "ToolServer", "Storage", "Overlay", "Past", "Check", "Control",
            "StoreGround", "Fuse", "MountServer", "draftfs",
        ] {
            guard let found = rest.firstRange(of: "name: \"\(name)\", dependencies")
                ?? rest.firstRange(of: "name: \"\(name)\",")
            else {
                Issue.record("\(name) does not stand behind the targets it uses")
                continue
            }
            rest = rest[found.upperBound...]
        }
    }
}
