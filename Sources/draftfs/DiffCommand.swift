// draftfs diff: shows the changes against the base, a moment or another workspace, also as a patch.

import ArgumentParser
import Platform

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what changed against the base, a moment or another workspace, or between two.",
        discussion: Moments.help + """
             NAME@MOMENT is a moment of another workspace, workspace:NAME its present state. A..B shows what \
            changed from A to B, which may be of any two workspaces. Each line has a status (A added, D \
            deleted, M modified, R renamed, T another type, P attributes only), the old and the new size, \
            and the path. git apply accepts the patch; --patch and --stat need git.
            """)

    @Argument(help: ArgumentHelp(
        "A moment, NAME@MOMENT or workspace:NAME, or two of them, A..B; otherwise the first path. Default: "
                + "the base.",
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
        let (word, given) = Self.split(ground.map(Moments.word), paths, in: found)
        let points = try Self.points(word, in: found)
        let place = points.isEmpty || paths.isEmpty ? found : try workspace.place(given)
        let wanted = try place.paths(given)
        let name = points.isEmpty ? "diff" : "diff." + points.map(\.word).joined(separator: "..")
        let bytes = try ProgressLine.during(place) { () throws(Failure) in
            try place.bytes(name, missing: Self.unknown(points))
        }
        let lines = DiffLine.all(in: bytes).filter { $0.isBelow(wanted) }
        if patch {
            try Self.patch(points, place).print(lines)
        } else if stat {
            try printCounts(Self.patch(points, place), lines)
        } else if nameOnly {
            for line in lines { print(GitQuoting.quoted(line.path)) }
        } else {
            for line in lines { print(workspace.json ? line.json.line : line.line) }
        }
    }

    /// Returns no point for the base, one to compare the workspace with, or two.
    private static func points(_ word: String?, in place: Place) throws(Failure) -> [Point] {
        guard let word else { return [] }
        if let (first, second) = Moments.range(word), !isBackup(word, place),
            !Point.isWorkspace(word, place) {
            return [try Point(first, in: place), try Point(second, in: place)]
        }
        return [try Point(word, in: place)]
    }

    private static func patch(_ points: [Point], _ place: Place) throws(Failure) -> Patch {
        guard let first = points.first else { return Patch(old: place.control("at/base"), new: place.root) }
        return Patch(
            old: try first.directory(place),
            new: points.count > 1 ? try points[1].directory(place) : place.root)
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
        let isThere = Place.exists(Place.absolute(first, from: place.start))
        if Moments.range(first) != nil, !isThere { return (first, rest) }
        let isName = !first.contains("/") && first != "." && first != ".."
        if isName, isBackup(first, place) { return (first, rest) }
        if !isName || isThere { return (nil, [first] + rest) }
        return (first, rest)
    }

    private static func isBackup(_ word: String, _ place: Place) -> Bool {
        Place.exists(place.control("backups/\(word)"))
    }

    /// Says that there is no such moment, or workspace. The kernel's answer does not say which of two.
    private static func unknown(_ points: [Point]) -> String? {
        points.isEmpty ? nil : points.map(\.unknown).joined(separator: ", or ")
    }
}
