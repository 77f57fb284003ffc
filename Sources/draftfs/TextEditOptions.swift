// TextEditOptions: replacing text and lines, in workspaces and in plain directories.

import ArgumentParser
import Tools

struct TextEditOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Text that goes; it must stand in the file once.", valueName: "text"))
    var old: String?

    @Option(
        help: ArgumentHelp(
            "Lines that go: the first and the last; last below first inserts.", valueName: "first:last"))
    var lines: String?

    @Option(help: ArgumentHelp("Text that comes in their place.", valueName: "text"))
    var new: String?

    @Flag(help: "Replace the text wherever it stands.")
    var all = false

    var isGiven: Bool { old != nil || lines != nil || new != nil || all }

    func validate() throws {
        guard isGiven else { return }
        guard (old == nil) != (lines == nil) else {
            throw ValidationError("give --old or --lines, with --new")
        }
        guard new != nil else { throw ValidationError("give --new: the text that comes, or ''") }
        guard !all || old != nil else { throw ValidationError("--all goes with --old") }
        if let lines, Self.lineRange(lines) == nil {
            throw ValidationError("--lines takes two numbers with a colon between them, from 1")
        }
    }

    static func lineRange(_ text: String) -> (first: UInt64, last: UInt64)? {
        guard let (first, last) = ReadCommand.pair(text), first >= 1 else { return nil }
        return (first, last ?? first)
    }

    var textEdit: TextEdit {
        if let old { return .replace(old: old, new: new ?? "", everywhere: all) }
        let (first, last) = lines.flatMap(Self.lineRange) ?? (1, 1)
        return .lines(first: first, last: last, new: new ?? "")
    }

    /// - Parameter directory: where to act as if started.
    func edit(_ path: String, from directory: String?) throws -> JSONValue {
        do throws(ToolError) {
            let ground = try HostGround.everything(from: directory ?? ".")
            let path = try ground.roots.path(path)
            let text = try TextFile(try ground.open(path))
            let planned = try EditPlanner(text).plan([textEdit])
            let version = try ground.splice(
                path, planned.map(\.splice), expecting: text.version)
            return .members([
                "edited": .integer(planned.count),
                "lines": .list(planned.prefix(100).map { .integer($0.line) }),
                "ignored_whitespace": .boolean(planned.contains(where: \.ignoredWhitespace)),
                "version": .text(version.description),
            ])
        } catch {
            throw Failure(error.description)
        }
    }
}
