// draftfs limits: shows and sets the limits of a workspace or of the store.

import ArgumentParser

struct LimitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "Show the limits of a workspace or of the store, or set one.",
        discussion: """
            Keys: bytes, files, file-size, memory, large-file, retention, pin. Sizes take K, M, G or T; \
            retention is an age such as 30d; none removes a limit.
            """)

    @Argument(help: "The limit to show or set. Default: show all.")
    var key: String?

    @Argument(help: "Its new value.")
    var value: String?

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place()
        if let key, let value { try place.command("limits", [key, value]) }
        let all = try place.text("limits").split(separator: "\n").map { line in
            line.split(separator: " ", maxSplits: 1).map(String.init)
        }.filter { $0.count == 2 }
        let shown = all.filter { key == nil || $0[0] == key }
        if let key, shown.isEmpty {
            throw Failure(
                "there is no limit \(Text.printable(key)): the limits are "
                    + all.map { $0[0] }.joined(separator: ", "))
        }
        if workspace.json {
            print(JSONValue.object(shown.map { Self.member($0[0], $0[1]) }).line)
        } else if value == nil {
            printText(Text.table(shown))
        }
    }

    static func member(_ key: String, _ value: String) -> JSONValue.Member {
        let json: JSONValue = value == "none" ? .null
            : UInt64(value) != nil ? .number(value) : .text(value)
        return JSONValue.Member(key: key, value: json)
    }
}
