// WorkspaceOptions: the options of every verb that uses control files.

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

    /// Returns the workspace of the first path, or of the directory.
    func place(_ paths: [String] = []) throws(Failure) -> Place {
        try Place(directory: directory, paths: paths)
    }

    /// Returns the workspace of a name or path; nil if there is none.
    func find(_ given: String) throws(Failure) -> Place? {
        let list: WorkspaceList
        do throws(Failure) {
            list = try WorkspaceList(directory: directory, names: given.contains("/") ? [given] : [])
        } catch {
            // A mount of a single workspace knows that one only.
            let place = try place(given.contains("/") ? [given] : [])
            if Place.absolute(given, from: place.start) == place.root { return place }
            throw error
        }
        let path = "\(list.place.root)/\(try list.name(given))"
        guard Place.root(above: path) == path else { return nil }
        return try Place(directory: path)
    }
}

/// Prints without adding a line end.
func printText(_ text: String) { print(text, terminator: "") }

func printJSON(_ pairs: KeyValuePairs<String, JSONValue?>) { print(JSONValue.members(pairs).line) }
