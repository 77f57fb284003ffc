// WorkspaceOptions: what every verb on control files takes.

import ArgumentParser

struct WorkspaceOptions: ParsableArguments {
    @Option(
        name: [.customShort("C"), .customLong("workspace-root")],
        help: ArgumentHelp(
            "Act as if started in this directory: a workspace, or one below. Paths are relative to it.",
            valueName: "dir"),
        completion: .directory)
    var directory: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    /// The workspace of the first path, or else of the directory.
    func place(_ paths: [String] = []) throws(Failure) -> Place {
        try Place(directory: directory, paths: paths)
    }
}

/// Prints without a line end of its own.
func printText(_ text: String) { print(text, terminator: "") }

func printJSON(_ pairs: KeyValuePairs<String, JSONValue?>) { print(JSONValue.members(pairs).line) }
