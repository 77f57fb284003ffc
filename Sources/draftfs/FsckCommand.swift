// draftfs fsck: checks a store that no daemon has open, and repairs what can be repaired. Only
// `StoreCheck.engine` calls the engine's check.

import ArgumentParser
internal import Check
import Glibc
import Overlay
import Storage

/// The result of a check of a store.
struct StoreCheck {
    struct Finding {
        /// One of error, warning and notice.
        var severity: String
        /// What is wrong, where, and what to do.
        var sentence: String
        var isRepaired: Bool
    }

    var findings: [Finding] = []
    /// The number of findings that are not listed because there are too many.
    var unlisted = 0
    /// Whether there is damage that was not repaired.
    var isDamaged = false

    struct Request {
        var store: String
        var repairs: Bool
        /// A base other than the one recorded in the store.
        var base: String?
    }

    /// Checks a store.
    /// - Parameter progress: gets the bytes done and the total; returns whether to continue.
    static func engine(
        _ request: Request, _ progress: @escaping (UInt64, UInt64) -> Bool
    ) throws(Failure) -> StoreCheck {
        var options = Fsck.Options()
        options.repairs = request.repairs
        options.base = request.base
        options.holder = "draftfs fsck, pid \(getpid())"
        do throws(StorageError) {
            let report = try Fsck(request.store, options).run(progress: progress)
            return StoreCheck(
                findings: report.check.findings.map {
                    Finding(
                        severity: $0.severity.rawValue, sentence: $0.sentence,
                        isRepaired: $0.isRepaired)
                },
                unlisted: report.check.unlisted, isDamaged: report.outcome == .damaged)
        } catch {
            throw Failure("\(error)")
        }
    }
}

struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check a store that is not mounted, and repair it.",
        discussion: """
            Without --repair nothing is changed. Exit status 0: nothing is wrong, or all damage was \
            repaired; 1: damage is left.
            """)

    @Argument(help: "The store's directory.", completion: .directory)
    var store: String

    @Flag(help: "Repair what can be repaired. Bytes that are cut off are kept in a file beside.")
    var repair = false

    @Option(help: "The base, if it was moved or if the store has lost its path.")
    var base: String?

    @Flag(help: "Print the findings as JSON lines, the result last.")
    var json = false

    func run() throws {
        let path = Placement.resolve(store)
        var found = stat()
        guard stat(path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
            throw Failure("there is no store at \(Text.printable(store))")
        }
        Interrupts.holdBack()
        defer { Interrupts.letIn() }
        let meter = LocalProgress("fsck")
        let request = StoreCheck.Request(
            store: path, repairs: repair, base: base.map(Placement.resolve))
        let result = try StoreCheck.engine(request) { done, total in
            meter.show(done, of: total)
            return !Interrupts.arePending
        }
        meter.clear()
        for finding in result.findings { print(line(finding)) }
        if json {
            printJSON([
                "store": .text(path), "damaged": .boolean(result.isDamaged),
                "findings": .integer(result.findings.count + result.unlisted),
            ])
        } else if result.findings.isEmpty {
            print("\(Text.printable(store)): nothing is wrong")
        } else if result.unlisted > 0 {
            print("and \(result.unlisted) more")
        }
        if result.isDamaged { throw ExitCode(ExitStatus.failure) }
    }

    private func line(_ finding: StoreCheck.Finding) -> String {
        if json {
            return JSONValue.members([
                "severity": .text(finding.severity), "message": .text(finding.sentence),
                "repaired": .boolean(finding.isRepaired),
            ]).line
        }
        return "\(finding.severity): \(Text.printable(finding.sentence))"
    }
}
