// FakeWorkspace: a plain directory with a `.draft` of plain files instead of a mount, and the program
// that runs in it. What a command writes can be read back. Nothing answers a command.

import Overlay
import TestSupport
import Testing

@Suite("Commands")
enum CommandTests {}

struct FakeWorkspace {
    let directory: TemporaryDirectory
    /// The path as the program shows it: without symlinks.
    let root: String

    static let files = [
        "backup", "rollback", "undo", "clone", "edit", "verify", "progress", "history", "diff",
        "limits", "drift", "refresh", "events", "last-error",
    ]

    init() throws {
        directory = try TemporaryDirectory("command")
        root = Placement.resolve(directory("ws"))
        for path in ["ws", "ws/.draft", "ws/.draft/at", "ws/.draft/backups", "ws/.draft/blame"] {
            try makeDirectory(directory(path))
        }
        for name in Self.files { try set(name, "") }
        try set("status", #"{"workspace": "ws", "sequence": 7, "requests": {"read": 2}}"# + "\n")
    }

    func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

    /// Writes a control file.
    func set(_ name: String, _ text: String) throws { try put(".draft/\(name)", text) }

    /// Writes a file of the workspace.
    func put(_ name: String, _ text: String) throws { try writeFile("\(root)/\(name)", text) }

    /// Returns what a command has written to a control file.
    func written(_ name: String) throws -> String { try readText("\(root)/.draft/\(name)") }

    /// Runs the program in a directory of the workspace.
    @discardableResult
    func run(_ arguments: String..., below: String = "") throws -> ChildResult {
        try Program.run(arguments, directory: "\(root)/\(below)")
    }
}

enum Program {
    /// The requested program, or the one that was built together with the tests.
    static let path = TestEnvironment.variable("DRAFTFS_BINARY")
        ?? "\(TestEnvironment.packageRoot)/.build/debug/draftfs"

    static func run(_ arguments: [String], directory: String? = nil) throws -> ChildResult {
        try ChildProcess.run([path] + arguments, seconds: 30, directory: directory)
    }
}
