// draftfs diff: shows the changes against the base, a moment or another workspace, also as a patch.

import ArgumentParser
import Glibc
import Platform

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what changed against the base, a moment or another workspace, or between moments.",
        discussion: Moments.help + """
             Each line has a status (A added, D deleted, M modified, R renamed, T another type, \
            P attributes only), the old and the new size, and the path. git apply accepts the \
            patch; --patch and --stat need git.
            """)

    @Argument(help: ArgumentHelp(
        "A moment, MOMENT..MOMENT or workspace:NAME; otherwise the first path. Default: the base.",
        valueName: "moment"))
    var ground: String?

    @Argument(help: "Show only these paths.", completion: .file())
    var paths: [String] = []

    @Flag(help: "Print a patch in git's format.")
    var patch = false

    @Flag(help: "Print the numbers of new and removed lines of each file, and their sums.")
    var stat = false

    @Flag(help: "Print only the paths.")
    var nameOnly = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        guard [patch, stat, nameOnly].count(where: { $0 }) <= 1 else {
            throw ValidationError("give only one of --patch, --stat and --name-only")
        }
        if patch || nameOnly, workspace.json {
            throw ValidationError("--patch and --name-only do not work with --json")
        }
    }

    func run() throws {
        let found = try workspace.place(paths.isEmpty ? [ground].compactMap { $0 } : paths)
        var (moment, given) = Self.split(ground.map(Moments.word), paths, in: found)
        moment = moment.map { Moments.fixed($0, now: Clock.system.realtime()) }
        let place = moment == nil || paths.isEmpty ? found : try workspace.place(given)
        let wanted = try place.paths(given)
        let name = moment.map { "diff.\($0)" } ?? "diff"
        let bytes = try ProgressLine.during(place) { () throws(Failure) in
            try place.bytes(name, missing: moment.map { Self.unknown($0) })
        }
        let lines = DiffLine.all(in: bytes).filter { $0.isBelow(wanted) }
        if patch {
            try Self.patch(moment, place).print(lines)
        } else if stat {
            try printCounts(Self.patch(moment, place), lines)
        } else if nameOnly {
            for line in lines { print(GitQuoting.quoted(line.path)) }
        } else {
            for line in lines { print(workspace.json ? line.json.line : line.line) }
        }
    }

    private static func patch(_ moment: String?, _ place: Place) throws(Failure) -> Patch {
        if let (first, second) = moment.flatMap(Moments.range), !(moment ?? "").hasPrefix("workspace:") {
            return Patch(
                old: place.control(Moments.directory(first)), new: place.control(Moments.directory(second)))
        }
        return try Patch(old: tree(moment, place), new: place.root)
    }

    private func printCounts(_ patch: Patch, _ lines: [DiffLine]) throws(Failure) {
        var rows: [[String]] = []
        var sum = LineCount(added: 0, removed: 0)
        try patch.count(lines) { part, count in
            let path = part.new ?? part.old ?? []
            if let count {
                sum.added = sum.added.adding(clamping: count.added)
                sum.removed = sum.removed.adding(clamping: count.removed)
            }
            if workspace.json {
                printJSON([
                    "path": .text(String(decoding: path, as: UTF8.self)),
                    "added": count.map { .integer($0.added) } ?? .null,
                    "removed": count.map { .integer($0.removed) } ?? .null,
                ])
            } else {
                // A file that is not text has no lines.
                rows.append([
                    count.map { "+\($0.added)" } ?? "-", count.map { "-\($0.removed)" } ?? "-",
                    GitQuoting.quoted(path),
                ])
            }
        }
        if workspace.json || rows.isEmpty { return }
        rows.append(["+\(sum.added)", "-\(sum.removed)", "\(rows.count) file\(rows.count == 1 ? "" : "s")"])
        printText(Text.table(rows, right: [0, 1]))
    }

    /// Separates the moment from the paths. The first word is a moment if it has the form of one, if
    /// it is the name of a backup, or if no file of that name exists.
    static func split(
        _ first: String?, _ rest: [String], in place: Place
    ) -> (moment: String?, paths: [String]) {
        guard let first else { return (nil, rest) }
        if first.hasPrefix("@") || first.hasPrefix("workspace:") || Moments.age(first) != nil {
            return (first, rest)
        }
        if Moments.range(first) != nil, !exists(Place.absolute(first, from: place.start)) {
            return (first, rest)
        }
        let isName = !first.contains("/") && first != "." && first != ".."
        if isName, exists(place.control("backups/\(first)")) { return (first, rest) }
        if !isName || exists(Place.absolute(first, from: place.start)) {
            return (nil, [first] + rest)
        }
        return (first, rest)
    }

    private static func exists(_ path: String) -> Bool {
        var found = Glibc.stat()
        return lstat(path, &found) == 0
    }

    static func unknown(_ moment: String) -> String {
        if moment.hasPrefix("workspace:") {
            return "there is no \(Text.printable(moment)) in this store"
        }
        return "there is no moment \(Text.printable(moment)) in this workspace: draftfs backup --list "
            + "shows the backups, draftfs history the changes"
    }

    /// Returns the directory with the old state of the difference.
    static func tree(_ moment: String?, _ place: Place) throws(Failure) -> String {
        guard let moment else { return place.control("at/0") }
        guard moment.hasPrefix("workspace:") else { return place.control(Moments.directory(moment)) }
        let name = moment.dropFirst("workspace:".count)
        let sibling = Place.absolute("../\(name)", from: place.root)
        guard exists("\(sibling)/.draft/status") else {
            throw Failure(
                "the workspace \(Text.printable(String(name))) cannot be read beside "
                    + "\(place.root): a patch needs the mount that lists the workspaces")
        }
        return sibling
    }
}
