// draftfs fork: makes a workspace from the base, from another workspace, or from a moment of one.

import ArgumentParser
import Glibc

struct ForkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fork",
        abstract: "Make a workspace that begins as another one is now, or was.",
        discussion: """
            Nothing is copied: the time does not depend on the size of the workspace. What is changed later \
            in one is not seen in the other. The history of the fork, its backups and undo reach into the \
            past of the workspace that it was forked from, also when that one is removed.

            Without WORKSPACE the workspace of the current directory is forked. In the list of workspaces \
            the new one begins with the base, like one made by mkdir.

            A moment follows an @: the name of a backup, the number of a change, a time, or an age. @MOMENT \
            alone is one of the current workspace. The history of a fork of a moment goes on after the \
            moment, and ends with the way back to it. Examples:
              draftfs fork agent-1 agent-2
              draftfs fork agent-1@before-tests agent-2
              draftfs fork agent-1@1200 agent-2
              draftfs fork agent-1@-10m agent-2
            """)

    @Argument(
        help: ArgumentHelp(
            "The workspace (name or path), if not that of the current directory; then the new name.",
            valueName: "workspace[@moment] new"),
        completion: .directory)
    var names: [String]

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        guard names.count == 1 || names.count == 2 else {
            throw ValidationError("give a workspace and the name of the new one, or the name alone")
        }
    }

    private var newName: String { names[names.count - 1] }

    func run() throws {
        if newName.contains("/") || newName.isEmpty {
            throw Failure("the new workspace needs a name, not a path: \(Text.printable(newName))")
        }
        let (place, moment) = try source()
        if place.isList {
            try fromBase(place)
        } else {
            let words = [WorkspaceList.word(newName)] + (moment.map { [$0] } ?? [])
            try ProgressLine.during(place) { () throws(Failure) in try place.command("fork", words) }
        }
        if workspace.json {
            printJSON(["forked": .text(newName), "moment": moment.map { .text($0) } ?? .null])
        }
    }

    /// Returns the workspace to fork, or the list of workspaces for one that begins with the base.
    private func source() throws(Failure) -> (Place, moment: String?) {
        guard names.count == 2 else { return (try workspace.place(), nil) }
        let given = names[0]
        if given.hasPrefix("@") {
            let place = try workspace.place()
            if place.isList { throw Failure("name a workspace before the @: here is the list of them") }
            return (place, try Moments.behindAt(String(given.dropFirst()), in: place))
        }
        if let place = try workspace.find(given) { return (place, nil) }
        // The name of a workspace may have an @ too.
        for at in given.indices.reversed() where given[at] == "@" && at != given.startIndex {
            if let place = try workspace.find(String(given[..<at])) {
                return (place, try Moments.behindAt(String(given[given.index(after: at)...]), in: place))
            }
        }
        throw Failure("there is no workspace named \(Text.printable(given)): draftfs list shows them")
    }

    private func fromBase(_ list: Place) throws(Failure) {
        let path = "\(list.root)/\(newName)"
        guard mkdir(path, 0o777) == 0 else {
            throw errno == EEXIST
                ? Failure(
                    "there is a workspace named \(Text.printable(newName)) already: choose another name")
                : Failure("cannot make \(Text.printable(path)): \(String(cString: strerror(errno)))")
        }
    }
}
