// ManualPage: a page of section 1 in man(7) format. It is made from the tool's own description of its
// commands (the output of --experimental-dump-help), so that the page and --help always agree.
// Not the plugin GenerateManual of swift-argument-parser: it needs the package manager, and scripts/install
// also installs a binary that was built elsewhere.

struct ManualPage: Equatable {
    /// The file name, such as draftfs-rollback.1.
    var file: String
    var text: String

    /// Returns the page of the tool and one page for each verb.
    static func all(_ description: JSONValue, version: String, date: String) -> [ManualPage] {
        guard let tool = description["command"] else { return [] }
        let verbs = (tool["subcommands"]?.items ?? []).filter {
            $0["shouldDisplay"]?.boolean != false && $0["commandName"]?.text != "help"
        }
        let writer = ManualWriter(version: version, date: date)
        let pages = [writer.page(of: tool, above: nil, verbs: verbs)]
        let name = tool["commandName"]?.text ?? ""
        return pages + verbs.map { writer.page(of: $0, above: name, verbs: []) }
    }
}

private struct ManualWriter {
    let version: String
    let date: String

    func page(of command: JSONValue, above: String?, verbs: [JSONValue]) -> ManualPage {
        let name = command["commandName"]?.text ?? ""
        let title = [above, name].compactMap { $0 }.joined(separator: "-")
        let typed = [above, name].compactMap { $0 }.joined(separator: " ")
        let arguments = (command["arguments"]?.items ?? []).filter {
            $0["shouldDisplay"]?.boolean != false
        }
        var abstract = command["abstract"]?.text ?? ""
        if abstract.hasSuffix(".") { abstract.removeLast() }
        var text = ".TH \(quoted(title.uppercased())) 1 \(quoted(date)) "
            + "\(quoted("draftfs \(version)")) \(quoted("draftfs manual"))\n"
        text += ".SH NAME\n\(escaped(title)) \\- \(escaped(abstract))\n.SH SYNOPSIS\n"
        let words = verbs.isEmpty ? arguments.map(synopsis) : ["\\fIverb\\fR", "[\\fIargument ...\\fR]"]
        text += ".HP\n\\fB\(escaped(typed))\\fR \(words.joined(separator: "\n"))\n"
        if let discussion = command["discussion"]?.text {
            text += ".SH DESCRIPTION\n" + paragraphs(discussion)
        }
        if !verbs.isEmpty {
            text += ".SH VERBS\n"
            for verb in verbs {
                text += ".TP\n\\fB\(escaped(verb["commandName"]?.text ?? ""))\\fR\n"
                    + line(verb["abstract"]?.text ?? "")
            }
        }
        if !arguments.isEmpty {
            text += ".SH OPTIONS\n" + arguments.map(option).joined()
        }
        text += """
            .SH EXIT STATUS
            .TP
            0
            Success.
            .TP
            1
            Something failed; standard error says what.
            .TP
            2
            The command line was wrong.
            .SH SEE ALSO

            """
        let others = above.map { ["\($0)"] } ?? verbs.map { "\(name)-\($0["commandName"]?.text ?? "")" }
        text += others.map { ".BR \(escaped($0)) (1)" }.joined(separator: ",\n") + "\n"
        return ManualPage(file: "\(title).1", text: text)
    }

    private func synopsis(_ argument: JSONValue) -> String {
        var text = argument["kind"]?.text == "positional"
            ? "\\fI\(value(argument))\\fR" : spelled(argument["preferredName"], argument)
        if argument["isRepeating"]?.boolean == true { text += " ..." }
        return argument["isOptional"]?.boolean == true ? "[\(text)]" : text
    }

    private func option(_ argument: JSONValue) -> String {
        let isPositional = argument["kind"]?.text == "positional"
        let names = isPositional
            ? ["\\fI\(value(argument))\\fR"]
            : (argument["names"]?.items ?? []).map { spelled($0, argument) }
        var words = argument["abstract"]?.text ?? ""
        if let preset = argument["defaultValue"]?.text, !preset.isEmpty, preset != "." {
            words += " (default: \(preset))"
        }
        return ".TP\n\(names.joined(separator: ", "))\n" + line(words.isEmpty ? " " : words)
    }

    /// Returns for example "--at offset", with the name in bold and the value in italics.
    private func spelled(_ name: JSONValue?, _ argument: JSONValue) -> String {
        let dashes = name?["kind"]?.text == "long" ? "--" : "-"
        let text = "\\fB" + escaped(dashes + (name?["name"]?.text ?? "")) + "\\fR"
        return argument["kind"]?.text == "option" ? "\(text) \\fI\(value(argument))\\fR" : text
    }

    private func value(_ argument: JSONValue) -> String {
        escaped(argument["valueName"]?.text ?? "value")
    }

    private func paragraphs(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: true)
            .map { line(String($0)) }.joined(separator: ".PP\n")
    }

    private func line(_ text: String) -> String { escaped(text) + "\n" }

    private func quoted(_ text: String) -> String {
        "\"" + escaped(text).split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\\(dq") + "\""
    }

    /// Escapes text so that roff prints it unchanged (groff_char(7)).
    private func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'" where result.isEmpty, "." where result.isEmpty: result += "\\&\(character)"
            case "\n": result += " "
            default: result.append(character)
            }
        }
        return result
    }
}
