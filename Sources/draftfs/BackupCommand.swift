// draftfs backup: makes, lists, deletes and renames backups.

import ArgumentParser
import Control
import Glibc
import Platform

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Name this moment of a workspace, or list, delete or rename backups.",
        discussion: """
            A backup copies nothing: it is a name for a moment. Its tree can be read below \
            .draft/backups/NAME. A deleted backup deletes no history.
            """)

    @Argument(help: "The backup's name. Default: the time, as in 2026-11-24T10-46-40Z.")
    var name: String?

    @Option(help: "A comment for the backup.")
    var comment: String?

    @Flag(help: "List the backups, oldest first.")
    var list = false

    @Option(help: ArgumentHelp("Delete this backup.", valueName: "name"))
    var delete: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Rename a backup: the old name, then the new one.", valueName: "old-new"))
    var rename: [String] = []

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        guard rename.isEmpty || rename.count == 2 else {
            throw ValidationError("--rename takes two names: the old one, then the new one")
        }
        let actions = [name != nil, list, delete != nil, !rename.isEmpty]
        guard actions.count(where: { $0 }) <= 1 else {
            throw ValidationError("give only one of a name, --list, --delete and --rename")
        }
        guard comment == nil || !(list || delete != nil || !rename.isEmpty) else {
            throw ValidationError("--comment requires a new backup")
        }
    }

    func run() throws {
        let place = try workspace.place()
        if list {
            try printList(place)
        } else if let delete {
            try place.command("backup", ["--delete", delete])
            if workspace.json { printJSON(["deleted": .text(delete)]) }
        } else if rename.count == 2 {
            try place.command("backup", ["--rename", rename[0], rename[1]])
            if workspace.json { printJSON(["renamed": .text(rename[0]), "to": .text(rename[1])]) }
        } else {
            let made = try make(place)
            if workspace.json {
                let item = try place.objects("backup").last { $0.value["name"]?.text == made }
                print(item?.line ?? JSONValue.members(["name": .text(made)]).line)
            } else {
                print(Text.printable(made))
            }
        }
    }

    /// Makes the backup. A name made from the time gets a number if a backup of that second exists.
    private func make(_ place: Place) throws(Failure) -> String {
        let automatic = Self.name(at: Clock.system.realtime())
        var chosen = name ?? automatic
        for number in 2... {
            do throws(Failure) {
                let words = [chosen] + (comment.map { [$0] } ?? [])
                try ProgressLine.during(place) { () throws(Failure) in
                    try place.command("backup", words)
                }
                break
            } catch {
                guard name == nil, error.errno == .exists, number < 100 else { throw error }
                chosen = "\(automatic)-\(number)"
            }
        }
        return chosen
    }

    /// Returns a time in a form that is also a good file name: 2026-11-24T10-46-40Z.
    static func name(at time: Int64) -> String {
        Text.short(ISOTime.text(time)).replacing(":", with: "-")
    }

    private func printList(_ place: Place) throws(Failure) {
        let backups = try place.objects("backup")
        if workspace.json {
            for backup in backups { print(backup.line) }
            return
        }
        if backups.isEmpty { return }
        let rows = backups.map { _, backup in
            [
                Text.printable(backup["name"]?.plain ?? ""), backup["sequence"]?.plain ?? "",
                Text.short(backup["time"]?.plain ?? ""),
                (backup["automatic"]?.boolean == true ? "(automatic) " : "")
                    + Text.printable(backup["comment"]?.plain ?? ""),
            ]
        }
        printText(Text.table([["NAME", "SEQUENCE", "TIME", "COMMENT"]] + rows, right: [1]))
    }
}
