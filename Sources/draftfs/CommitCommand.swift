// draftfs commit: puts the changes of a workspace into the base, or into a branch of git.

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
            the workspace's state there, --theirs leaves them out, and --merge refreshes the workspace \
            first, merging texts of which both changed other lines.

            With --git the base must be a work tree of git: the files are put there, and then committed on \
            top of HEAD, with a line for each kind of process that changed them. --branch makes a branch \
            from HEAD and leaves the base as it is. Neither uses the index of the user; --index updates \
            the committed files there. What is in .git itself is left out. The repository is written by git: \
            workspaces that have not changed their .git see its new commit at once, as all that other \
            programs write to the base.
            """)

    @Argument(help: "Files and directories of the workspace. Default: all.", completion: .file())
    var paths: [String] = []

    @Flag(help: "Show what would be committed, and the conflicts.")
    var dryRun = false

    @Flag(help: "Commit the workspace's state where the base was changed too.")
    var ours = false

    @Flag(help: "Leave out what was changed in the base too.")
    var theirs = false

    @Flag(help: "Merge texts that both changed, if no line was changed by both.")
    var merge = false

    @Flag(help: "Make a commit of git too.")
    var git = false

    @Option(name: [.customShort("m"), .customLong("message")], help: "The message of git's commit.")
    var message: String?

    @Option(help: ArgumentHelp("Make a new branch of git instead, from HEAD.", valueName: "name"))
    var branch: String?

    @Flag(help: "Update the committed files in the user's index of git.")
    var index = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if [ours, theirs, merge].count(where: { $0 }) > 1 {
            throw ValidationError("give only one of --ours, --theirs and --merge")
        }
        let usesGit = git || branch != nil
        if !usesGit, message != nil || index { throw ValidationError("-m and --index need --git") }
        if branch != nil, ours || theirs || index {
            throw ValidationError("--branch does not work with --ours, --theirs and --index")
        }
        if dryRun, usesGit || merge { throw ValidationError("--dry-run works without --git and --merge") }
    }

    func run() throws {
        let place = try workspace.place(paths)
        let wanted = try place.paths(paths)
        if merge {
            try ConflictMerge(refreshing: place, json: workspace.json).run(showsReport: !workspace.json)
        }
        guard git || branch != nil else {
            try commit(place, wanted.isEmpty ? ["."] : wanted)
            return
        }
        let lines = DiffLine.all(in: try place.bytes("diff"))
            .filter { $0.isBelow(wanted) && !GitCommit.isOwn($0.path) }
        let request = GitCommit.Request(message: message, branch: branch, updatesIndex: index)
        let repository = try GitCommit(place)
        try repository.check(request)
        if lines.isEmpty { throw Failure("nothing to commit, but for git's own directory") }
        let paths = try Self.paths(lines, wanted)
        if branch != nil {
            try refuseConflicts(place, paths)
            return try show(repository.make(request, of: lines, in: place.root))
        }
        guard try commit(place, paths) else { return }
        do throws(Failure) {
            try show(repository.make(request, of: Self.committed(place, lines), in: repository.tree))
        } catch {
            throw Failure(
                "\(error); the base has the changes, and git has not: commit them there by git",
                errno: error.errno)
        }
    }

    /// Returns the paths of a commit without git's own directory.
    private static func paths(_ lines: [DiffLine], _ wanted: [String]) throws(Failure) -> [String] {
        if !wanted.isEmpty, !wanted.contains("/") {
            return wanted.filter { !GitCommit.isOwn(Array($0.utf8.dropFirst())) }
        }
        var names: Set<String> = []
        for line in lines {
            for path in [line.path, line.oldPath].compactMap({ $0 }) where !GitCommit.isOwn(path) {
                let name = Array(path.prefix { $0 != 0x2f })
                let text = String(decoding: name, as: UTF8.self)
                guard Array(text.utf8) == name else {
                    throw Failure(
                        "the name \(Text.printable(text)) is no UTF-8: name the paths to commit, without it")
                }
                names.insert("/" + text)
            }
        }
        return names.sorted()
    }

    /// Returns what was committed, by the report. The names of the difference have all their bytes.
    private static func committed(_ place: Place, _ lines: [DiffLine]) throws(Failure) -> [DiffLine] {
        let known = Dictionary(
            lines.map { (String(decoding: $0.path, as: UTF8.self), $0) }, uniquingKeysWith: { $1 })
        return try place.objects("commit").compactMap { _, value in
            guard let path = value["path"]?.text, let status = value["status"]?.text?.first else {
                return nil
            }
            if let line = known[path], line.status == status { return line }
            return DiffLine(
                status, Array(path.utf8), oldPath: value["old_path"]?.text.map { Array($0.utf8) })
        }.filter { !GitCommit.isOwn($0.path) }
    }

    /// A branch takes whole files: what the base has got in them since would be lost in it.
    private func refuseConflicts(_ place: Place, _ paths: [String]) throws(Failure) {
        try place.command("commit", ["--dry-run"] + paths)
        let conflict = try place.objects("commit").map(\.value).first { $0["conflict"] != nil }
        guard let conflict else { return }
        throw Failure(
            "no branch was made: \(Text.printable(conflict["path"]?.plain ?? "")) conflicts with the base, "
                + "\(conflict["conflict"]?.plain ?? ""): draftfs refresh, or --merge", errno: .busy)
    }

    /// - Returns: whether anything was committed.
    @discardableResult
    private func commit(_ place: Place, _ paths: [String]) throws(Failure) -> Bool {
        var words = paths
        for (isSet, word) in [(dryRun, "--dry-run"), (ours, "--ours"), (theirs, "--theirs")] where isSet {
            words.insert(word, at: 0)
        }
        let command = words
        let report = ConflictReport(
            place: place, file: "commit", isDryRun: dryRun, ours: ours, json: workspace.json)
        try report.during { () throws(Failure) in
            try ProgressLine.during(place) { () throws(Failure) in try place.command("commit", command) }
        }
        let first = try report.show()
        let isDone = first?["commit"]?.unsigned != nil
        guard !workspace.json, let first, let count = first["changes"]?.plain else { return isDone }
        if isDone {
            print("commit \(first["commit"]?.plain ?? ""): \(count) path\(count == "1" ? "" : "s")")
        } else if !dryRun {
            print("nothing to commit")
        }
        return isDone
    }

    private func show(_ made: (commit: String, files: Int)?) {
        if workspace.json {
            return printJSON([
                "git_commit": made.map { .text($0.commit) } ?? .null, "branch": branch.map { .text($0) },
                "files": .integer(made?.files ?? 0),
            ])
        }
        guard let made else { return print("git has nothing to commit") }
        let place = branch.map { " on the new branch \($0)" } ?? ""
        print("git commit \(made.commit.prefix(12))\(place): \(made.files) file\(made.files == 1 ? "" : "s")")
    }
}
