// draftfs merge: puts the changes of a workspace into another one.

import ArgumentParser

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Put the changes of a workspace into another one.",
        discussion: """
            What the workspace has changed since both had the same state is put into the other one, in one \
            step that undo or rollback takes back: files, directories, removals, renames, modes, owners, \
            extended attributes, links. The base is not touched, and neither is the workspace itself. So \
            agents can work towards a common workspace, which a person commits to the base.

            The same state is where one was forked from the other, or both from a third, or what was merged \
            last, in either direction; for workspaces that began with the base, the base. Both must see the \
            same commits: draftfs refresh brings the older one up to date.

            If both changed a path, nothing is done and the paths are named. Then --ours takes what the \
            workspace has, --theirs keeps what the other one has, and --merge merges texts of which both \
            changed other lines (it needs git). Content and attributes of a file conflict each by itself. \
            The state that was merged gets a backup, merged-into-NAME: the next merge begins there. Examples:
              draftfs merge agent-1 --into trunk
              draftfs merge trunk --into agent-1 --merge
            """)

    @Argument(
        help: ArgumentHelp("The workspace (name or path), if not that of the current directory.",
            valueName: "workspace"),
        completion: .directory)
    var name: String?

    @Option(help: ArgumentHelp("The workspace that gets the changes.", valueName: "other"),
        completion: .directory)
    var into: String

    @Flag(help: "Show what would be merged, and the conflicts.")
    var dryRun = false

    @Flag(help: "Take the workspace's state where the other one was changed too.")
    var ours = false

    @Flag(help: "Keep the other one's state there.")
    var theirs = false

    @Flag(help: "Merge texts that both changed, if no line was changed by both.")
    var merge = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if [ours, theirs, merge].count(where: { $0 }) > 1 {
            throw ValidationError("give only one of --ours, --theirs and --merge")
        }
        if dryRun, merge { throw ValidationError("--dry-run does not work with --merge") }
    }

    func run() throws {
        let place = try name.map { (name) throws(Failure) in try known(name) } ?? workspace.place()
        let target = try known(into)
        let word = WorkspaceList.word(String(target.root.split(separator: "/").last ?? ""))
        var texts = 0
        if merge {
            texts = try ConflictMerge(place, into: target, named: word, json: workspace.json)
                .run(showsReport: !workspace.json)
        } else {
            let options = [(dryRun, "--dry-run"), (ours, "--ours"), (theirs, "--theirs")]
            let words = [word] + options.filter(\.0).map(\.1)
            let report = report(place)
            try report.during { () throws(Failure) in
                try ProgressLine.during(place) { () throws(Failure) in try place.command("merge", words) }
            }
        }
        // The merged texts were shown.
        let lines = texts > 0 && !workspace.json ? try place.objects("merge").map(\.value) : nil
        let first = try lines == nil ? report(place).show() : lines?.first
        if workspace.json || dryRun { return }
        var count = Int(clamping: first?["changes"]?.unsigned ?? 0) + texts
        if let lines {
            // Of a merged text the attributes may be a change of their own.
            let merged = Set(lines.filter { $0["decided"]?.plain != nil }.compactMap { $0["path"]?.plain })
            count -= lines.count { $0["status"] != nil && merged.contains($0["path"]?.plain ?? "") }
        }
        let name = Text.printable(into)
        print(
            count == 0 ? "nothing to merge"
                : "merged \(count) changed path\(count == 1 ? "" : "s") into \(name)")
    }

    private func report(_ place: Place) -> ConflictReport {
        ConflictReport(place: place, file: "merge", isDryRun: dryRun, ours: ours, json: workspace.json)
    }

    private func known(_ given: String) throws(Failure) -> Place {
        guard let place = try workspace.find(given) else {
            throw Failure("there is no workspace named \(Text.printable(given)): draftfs list shows them")
        }
        return place
    }
}
