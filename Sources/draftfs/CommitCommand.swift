// draftfs commit: puts the changes of a workspace into the base.

import ArgumentParser
import Platform

struct CommitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Put the changes of a workspace into the base.",
        discussion: """
            Everything that draftfs diff shows is put into the base: content, names, modes, owners, times, \
            extended attributes, links. The base's own state is kept in the store: no workspace sees \
            anything of the commit, and open files stay what they are. New workspaces begin with the new \
            base. A commit that is interrupted, also by a power cut, is completed at the next mount.

            If the base was changed at a path since the workspace saw it, by another commit or another \
            program, the commit ends before anything is written and names the paths. Then --ours puts \
            the workspace's state there, --theirs leaves them out.
            """)

    @Argument(help: "Files and directories of the workspace. Default: all.", completion: .file())
    var paths: [String] = []

    @Flag(help: "Show what would be committed, and the conflicts.")
    var dryRun = false

    @Flag(help: "Commit the workspace's state where the base was changed too.")
    var ours = false

    @Flag(help: "Leave out what was changed in the base too.")
    var theirs = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if ours, theirs { throw ValidationError("give only one of --ours and --theirs") }
    }

    func run() throws {
        let place = try workspace.place(paths)
        var words = try place.paths(paths)
        if words.isEmpty { words = ["."] }
        if dryRun { words.insert("--dry-run", at: 0) }
        if ours { words.insert("--ours", at: 0) }
        if theirs { words.insert("--theirs", at: 0) }
        let command = words
        let report = ConflictReport(
            place: place, file: "commit", isDryRun: dryRun, ours: ours, json: workspace.json)
        try report.during { () throws(Failure) in
            try ProgressLine.during(place) { () throws(Failure) in try place.command("commit", command) }
        }
        guard let first = try report.show(), !workspace.json, let count = first["changes"]?.plain else {
            return
        }
        if let number = first["commit"]?.plain, first["commit"]?.unsigned != nil {
            print("commit \(number): \(count) path\(count == "1" ? "" : "s")")
        } else if !dryRun {
            print("nothing to commit")
        }
    }
}
