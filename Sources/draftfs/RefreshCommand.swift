// draftfs refresh: makes changes of the base visible.

import ArgumentParser

struct RefreshCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh",
        abstract: "Make changes of the base visible in files that were not edited.")

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place()
        try ProgressLine.during(place) { () throws(Failure) in try place.command("refresh", ["."]) }
        if workspace.json { printJSON(["refreshed": .boolean(true)]) }
    }
}
