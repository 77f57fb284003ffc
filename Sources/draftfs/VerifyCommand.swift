// draftfs verify: checks data against its checksums, waits for the result, and prints the report.

import ArgumentParser
import Glibc

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check data against its checksums, and report damage and drift.",
        discussion: "Exit status 0: no damage; 1: damage, or the check could not be made.")

    @Argument(help: "What to check. Default: the whole workspace.", completion: .file())
    var paths: [String] = []

    @Flag(help: "Start the check and return. draftfs progress shows how far it is.")
    var noWait = false

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place(paths)
        try place.command("verify", try place.paths(paths))
        if noWait {
            if workspace.json { printJSON(["state": .text("running")]) }
            return
        }
        let bytes = try ProgressLine.during(place, verb: "verify") { () throws(Failure) in
            try wait(place)
        }
        let report = VerifyReport(bytes)
        guard report.isComplete else { throw Failure("the check did not finish: \(report.reason)") }
        printText(workspace.json ? report.json + "\n" : report.text)
        if report.isDamaged { throw ExitCode(ExitStatus.failure) }
    }

    /// Returns the report once the check has ended. If the daemon is gone, reading fails.
    private func wait(_ place: Place) throws(Failure) -> [UInt8] {
        var pause: UInt32 = 10_000
        while true {
            let bytes = try place.bytes("verify")
            if JSONValue(parsing: bytes)?["state"]?.text != "running" { return bytes }
            usleep(pause)
            pause = min(pause * 2, 200_000)
        }
    }
}

/// The content of `.draft/verify`.
struct VerifyReport {
    private let value: JSONValue

    init(_ bytes: [UInt8]) { value = JSONValue(parsing: bytes) ?? .null }

    /// Whether a check has run to its end.
    var isComplete: Bool { value["state"]?.text == "done" }

    /// Why the check is not complete.
    var reason: String {
        Text.printable(
            value["error"]?.text ?? value["message"]?.text ?? value["state"]?.text ?? "no report")
    }

    var isDamaged: Bool { value["clean"]?.boolean == false || value["errors"]?.unsigned ?? 0 > 0 }

    var json: String { value.line }

    /// The report as text: one line for each fact, and one for each item of a list below its name.
    var text: String {
        var text = ""
        for member in value.members {
            let key = Text.printable(member.key.replacing("_", with: " "))
            guard case .list(let items) = member.value else {
                let padding = String(repeating: " ", count: max(1, 24 - key.count))
                text += key + padding + Text.printable(member.value.plain) + "\n"
                continue
            }
            if items.isEmpty { continue }
            text += key + "\n"
            for item in items {
                text += "  \(Text.printable(Self.sentence(item)))\n"
            }
        }
        return text
    }

    /// Returns a finding such as "error: src/a.c (log 0012, bytes 0 to 17): what; advice".
    static func sentence(_ item: JSONValue) -> String {
        guard let what = item["what"]?.text else {
            let words = item.members.map { "\($0.key) \($0.value.plain)" }
            return words.isEmpty ? item.plain : words.joined(separator: ", ")
        }
        var place = item["file"]?.text ?? ""
        if let from = item["from"], let to = item["to"] {
            place += ", bytes \(from.plain) to \(to.plain)"
        }
        if let path = item["path"]?.text { place = "\(path) (\(place))" }
        let severity = item["severity"]?.text.map { "\($0): " } ?? ""
        let advice = item["advice"]?.text.map { "; \($0)" } ?? ""
        let isRepaired = item["repaired"]?.boolean == true
        return "\(severity)\(place): \(what)\(advice)\(isRepaired ? " (repaired)" : "")"
    }
}
