// TextEditOptions: options that replace text and lines, in workspaces and in plain directories.

import ArgumentParser
import Tools

struct TextEditOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The text to replace; it must occur once in the file.", valueName: "text"))
    var old: String?

    @Option(
        help: ArgumentHelp(
            "The text to replace, as a PCRE expression; it must match once, or give --all.",
            valueName: "expression"))
    var regex: String?

    @Option(
        help: ArgumentHelp(
            "How --old is compared: whitespace (white space at the ends of lines may differ if there is "
                + "no exact match) or exact.",
            valueName: "how"))
    var match: String?

    @Option(
        help: ArgumentHelp(
            "The lines to replace: first and last; last below first inserts.", valueName: "first:last"))
    var lines: String?

    @Option(
        help: ArgumentHelp(
            "The new text. With --regex, $1 and ${name} are groups, $$ is a dollar.",
            valueName: "text"))
    var new: String?

    @Flag(help: "Replace the text in all places.")
    var all = false

    var isGiven: Bool {
        old != nil || regex != nil || match != nil || lines != nil || new != nil || all
    }

    func validate() throws {
        guard isGiven else { return }
        guard [old, regex, lines].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give --old, --regex or --lines, with --new")
        }
        guard new != nil else { throw ValidationError("give --new: the new text, or ''") }
        guard !all || lines == nil else {
            throw ValidationError("--all requires --old or --regex")
        }
        guard match == nil || old != nil && ["exact", "whitespace"].contains(match) else {
            throw ValidationError("--match requires --old, and takes exact or whitespace")
        }
        if let lines, Self.lineRange(lines) == nil {
            throw ValidationError("--lines takes two numbers with a colon between them, from 1")
        }
    }

    static func lineRange(_ text: String) -> (first: UInt64, last: UInt64)? {
        guard let (first, last) = ReadCommand.pair(text), first >= 1 else { return nil }
        return (first, last ?? first)
    }

    var textEdit: TextEdit {
        if let old {
            let match = match.flatMap { TextMatch(rawValue: $0) } ?? .loose
            return .replace(old: old, new: new ?? "", everywhere: all, match: match)
        }
        if let regex {
            return .replace(old: regex, new: new ?? "", everywhere: all, match: .expression)
        }
        let (first, last) = lines.flatMap(Self.lineRange) ?? (1, 1)
        return .lines(first: first, last: last, new: new ?? "")
    }

    /// - Parameter directory: the directory to act in as if started there.
    func edit(_ path: String, from directory: String?, check: CheckOptions) throws -> JSONValue {
        do throws(ToolError) {
            let ground = try HostGround.everything(from: directory ?? ".")
            let path = try ground.roots.path(path)
            let text = try TextFile(try ground.open(path))
            let planned = try EditPlanner(text).plan([textEdit])
            var version = text.version
            let outcome = try check.run(ground, [path]) { () throws(ToolError) in
                version = try ground.splice(path, planned.map(\.splice), expecting: text.version)
                return [path: version]
            }
            return .members([
                "edited": .integer(planned.count),
                "lines": .list(planned.prefix(100).map { .integer($0.line) }),
                "match": planned.first?.foundBy.map { .text($0.rawValue) },
                "ignored_whitespace": .boolean(planned.contains(where: \.ignoredWhitespace)),
                "version": .text(version.description), "check": outcome,
            ])
        } catch {
            throw Failure(error.description)
        }
    }
}
