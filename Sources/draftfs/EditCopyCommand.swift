// draftfs edit-copy: makes a copy that is edited before it gets its name.

import ArgumentParser
import Tools

struct EditCopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit-copy",
        abstract: "Copy a file and edit the copy in one step; the source is not changed.",
        discussion: """
            In a workspace the copy shares all bytes that are not edited. It appears with its edits \
            or not at all.

            draftfs edit-copy base.conf agent.conf --old 'port = 80' --new 'port = 81'
            draftfs edit-copy big.log part.log --lines 1:1000 --new ''
            """)

    @Argument(help: "The file to copy.", completion: .file())
    var source: String

    @Argument(help: "The path of the copy.", completion: .file())
    var destination: String

    @OptionGroup var text: TextEditOptions

    @Flag(help: "Replace an existing file.")
    var overwrite = false

    @Flag(help: "Only show what would be edited.")
    var dryRun = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard text.isGiven else { throw ValidationError("give --old or --lines, with --new") }
    }

    func run() throws {
        do throws(ToolError) {
            let ground = try HostGround.everything()
            let edit = text.textEdit
            let item = EditCopy.Item(
                source: try ground.roots.path(source), destination: try ground.roots.path(destination),
                edits: { _ throws(ToolError) in [edit] })
            let copy = EditCopy(ground, replaces: overwrite, previewBytes: 64 << 10)
            guard let done = try copy.run([item], dryRun: dryRun).first else { return }
            if json {
                printJSON([
                    "size": .integer(done.size), "edited": .integer(done.edits),
                    "shared_bytes": .integer(done.sharedBytes), "replaced": .boolean(done.replaced),
                    "dry_run": .boolean(dryRun), "diff": .text(done.preview),
                ])
            } else if dryRun {
                print(done.preview, terminator: "")
            }
        } catch {
            throw Failure(error.description)
        }
    }
}
