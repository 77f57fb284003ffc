// draftfs run: runs a command in a workspace, and keeps its status and the end of its output for the list of
// workspaces. Output is passed on as it comes.

import ArgumentParser
import Glibc
import Platform

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command in a workspace and keep its result for the list.",
        discussion: """
            The command starts in the workspace, or in the directory below it that was given. Its exit \
            status is that of draftfs run; 128 and the number of the signal if a signal ended it. draftfs \
            list shows the status, .draft/run in the workspace also the last 64 KiB of the output. \
            Example: draftfs run agent-1 -- make test
            """)

    @Argument(help: "The name of a workspace, or its path.", completion: .directory)
    var name: String

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The command and its arguments.", valueName: "command"))
    var words: [String] = []

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if words.isEmpty { throw ValidationError("give a command: draftfs run NAME -- COMMAND") }
    }

    func run() throws {
        let directory = try directory()
        let place = try Place(directory: directory)
        if place.isList { throw Failure("\(directory) is the list of workspaces: name one of them") }
        let result = try place.open("run")
        let started = Clock.system.monotonic()
        let outcome = try ChildOutput.run(words, in: directory, isSilent: workspace.json)
        let milliseconds = (Clock.system.monotonic() - started) / 1_000_000
        let command = ShellWords.line(words).trimmingLineEnd
        let line = ShellWords.line(["\(outcome.status)", "\(milliseconds)", command, outcome.text])
        do throws(Failure) {
            try place.write("run", Array(line.utf8), to: result)
        } catch {
            // The command has run: its status counts.
            printError("draftfs: the result was not kept: \(error)")
        }
        if workspace.json {
            printJSON([
                "status": .number("\(outcome.status)"), "milliseconds": .number("\(milliseconds)"),
                "command": .text(command), "output": .text(outcome.text),
            ])
        }
        if outcome.status != 0 { exitProcess(outcome.status) }
    }

    /// Returns the directory that a path or the name of a workspace leads to.
    private func directory() throws(Failure) -> String {
        let start = try? Place(directory: workspace.directory, paths: [name])
        let path = Place.absolute(name, from: start?.start ?? "/")
        if Place.root(above: path) != nil, (try? File.open(path, flags: O_RDONLY | O_DIRECTORY)) != nil {
            return path
        }
        let list = try WorkspaceList(directory: workspace.directory)
        let found = "\(list.place.root)/\(try list.name(name))"
        guard Place.root(above: found) == found else {
            throw Failure("there is no workspace named \(Text.printable(name)): draftfs list shows them")
        }
        return found
    }
}

extension String {
    fileprivate var trimmingLineEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}
