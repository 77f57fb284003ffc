// FolderTests: tests that a folder of a module names only types of the folders below it. `Tree`,
// `Workspace` and `WorkspaceSet` are excluded, because all of the engine extends them.

import Testing

@Suite("A folder names only types of lower folders")
struct FolderTests {
    /// The folders of each module from the lowest to the highest. Each may name the types of those before
    /// it.
    static let orders: [(module: String, folders: [String])] = [
        (
            "Sources/Storage",
            [
                "Basics", "Pool", "Log", "Repair", "Pieces", "EditLog", "TreeLog", "Database", "Release",
                "Store",
            ]
        ),
        (
            "Sources/Overlay",
            [
                "Common", "Base", "State", "TreeLog", "Limits", "BaseFiles", "Names", "Content", "Recovery",
                "Workspace",
            ]
        ),
        (
            "Sources/Past",
            ["Moments", "History", "Diff", "Restore", "Commit", "Refresh", "Merge", "Workspaces", "Release"]
        ),
    ]

    static let shared: Set<String> = ["Tree", "Workspace", "WorkspaceSet"]

    private static func folder(_ file: SourceFile, _ module: String) -> String? {
        guard file.isIn(module) else { return nil }
        let names = file.path.dropFirst(module.count + 1).split(separator: "/")
        return names.count == 2 ? String(names[0]) : nil
    }

    private static let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "actor"]

    /// Returns the types that the files of a module declare at file scope, with the folder of each.
    private static func types(_ module: String) -> [String: String] {
        var found: [String: String] = [:]
        for file in Tree.program {
            guard let folder = folder(file, module) else { continue }
            for (_, text) in file.code where text.first?.isWhitespace == false {
                let words = text.split { " <:{(".contains($0) }
                guard !words.contains("private"), !words.contains("fileprivate"),
                    let place = words.firstIndex(where: kinds.contains), place + 1 < words.count
                else { continue }
                found[String(words[place + 1])] = folder
            }
        }
        return found
    }

    /// Calls `body` with each use of a type of another folder.
    private static func visit(
        _ module: String, _ body: (_ file: String, _ from: String, _ to: String, _ type: String) -> Void
    ) {
        let types = types(module)
        for file in Tree.program {
            guard let from = folder(file, module) else { continue }
            for (number, text) in file.code {
                for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) {
                    guard let to = types[String(word)], to != from, !shared.contains(String(word))
                    else { continue }
                    body("\(file.path):\(number)", from, to, String(word))
                }
            }
        }
    }

    @Test func `Types are found where they are declared`() {
        #expect(Self.types("Sources/Storage")["PieceTree"] == "Pieces")
        #expect(Self.types("Sources/Past")["Rollback"] == "Restore")
        #expect(Self.types("Sources/Overlay")["Inode"] == "State")
    }

    @Test func `Each file of these modules is in a folder that is known`() {
        for (module, folders) in Self.orders {
            for file in Tree.program where file.isIn(module) {
                let name = Self.folder(file, module)
                #expect(name.map(folders.contains) == true, "\(file.path)")
            }
        }
    }

    @Test func `Folders name only what is before them`() {
        for (module, folders) in Self.orders {
            Self.visit(module) { file, from, to, type in
                let (above, below) = (folders.firstIndex(of: from), folders.firstIndex(of: to))
                if let above, let below {
                    #expect(below < above, "\(file): \(from) names \(type) of \(to)")
                }
            }
        }
    }
}
