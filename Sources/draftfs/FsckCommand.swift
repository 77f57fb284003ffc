// draftfs fsck: checks a store that no daemon has open, and mends what can be mended. The check
// itself is the engine's: `StoreCheck.engine` is the only place that knows it.

import ArgumentParser
import Glibc
import Overlay

/// What a check of a store found.
struct StoreCheck {
    struct Finding {
        /// error, warning or note.
        var severity: String
        /// What is wrong, where, and what it means.
        var message: String
        var repaired: Bool
    }

    var findings: [Finding] = []

    /// Whether something is wrong that was not mended.
    var isDamaged: Bool { findings.contains { $0.severity == "error" && !$0.repaired } }

    /// The path of the store, whether to repair, and where progress goes (bytes done and in all).
    typealias Engine = (
        _ store: String, _ repair: Bool, _ progress: @escaping (UInt64, UInt64) -> Void
    ) throws(Failure) -> StoreCheck

    /// The engine's check; nil while there is none.
    static var engine: Engine? { nil }
}

struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check a store that is not mounted, and repair it.",
        discussion: """
            Without --repair nothing is changed. Exit status 0: nothing is wrong, or all of it was \
            repaired; 1: something is.
            """)

    @Argument(help: "The store's directory.", completion: .directory)
    var store: String

    @Flag(help: "Repair what can be repaired. What is cut off is kept in a file beside.")
    var repair = false

    @Flag(help: "Print the findings as JSON lines, the result last.")
    var json = false

    func run() throws {
        guard let check = StoreCheck.engine else {
            throw Failure("this draftfs has no check of stores")
        }
        let path = Placement.resolve(store)
        var found = stat()
        guard stat(path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
            throw Failure("there is no store at \(Text.printable(store))")
        }
        let meter = LocalProgress("fsck")
        let result = try check(path, repair) { meter.show($0, of: $1) }
        meter.clear()
        for finding in result.findings { print(line(finding)) }
        if json {
            printJSON([
                "store": .text(path), "damaged": .boolean(result.isDamaged),
                "findings": .integer(result.findings.count),
            ])
        } else if result.findings.isEmpty {
            print("\(Text.printable(store)): nothing is wrong")
        }
        if result.isDamaged { throw ExitCode(ExitStatus.failure) }
    }

    private func line(_ finding: StoreCheck.Finding) -> String {
        if json {
            return JSONValue.members([
                "severity": .text(finding.severity), "message": .text(finding.message),
                "repaired": .boolean(finding.repaired),
            ]).line
        }
        return "\(finding.severity): \(Text.printable(finding.message))"
            + (finding.repaired ? " (repaired)" : "")
    }
}
