// draftfs clone: copies a file or a directory so that both share their data.

import ArgumentParser

struct CloneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone",
        abstract: "Copy a file or a whole directory without copying data.",
        discussion: "Both must be in one workspace. The copy is made completely or not at all.")

    @Argument(help: "What to copy.", completion: .file())
    var source: String

    @Argument(help: "The path of the copy; it must not exist.", completion: .file())
    var destination: String

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place([source])
        let words = [try place.path(source), try place.path(destination)]
        try ProgressLine.during(place) { () throws(Failure) in
            try place.command("clone", words)
        }
        if workspace.json { printJSON(["cloned": .text(words[0]), "to": .text(words[1])]) }
    }
}
