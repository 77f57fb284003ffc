// draftfs list: shows the workspaces of a mount.

import ArgumentParser
import Platform

struct ListCommand: ParsableCommand {
    enum Order: String, ExpressibleByArgument, CaseIterable {
        case name, created, changed, files, size
    }

    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the workspaces of a mount.",
        discussion: """
            FILES counts new and changed files and directories, SIZE the bytes of the logs, BEHIND the \
            commits to the base that the workspace does not see. --changes also counts added, modified, \
            deleted and renamed paths, paths that conflict with the base (CONFLICTS), and files whose base \
            has changed behind their edits (DRIFT): it compares each workspace with the base. --lines counts \
            new and removed lines too, which reads all changed files. FROM is the workspace and the \
            change that a fork began with; its FILES include those of that. RUN is the status of the last \
            draftfs run, with a star if something was changed since.
            """)

    @Option(help: "Sort by name, created, changed, files or size; the newest and the largest come first.")
    var sort: Order?

    @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Print only the names.")
    var quiet = false

    @Flag(help: "Also count what differs from the base.")
    var changes = false

    @Flag(help: "Also count the lines that differ from the base.")
    var lines = false

    @Flag(help: "Show the discarded workspaces instead.")
    var discarded = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if quiet, workspace.json { throw ValidationError("give either --quiet or --json") }
        if changes || lines, discarded { throw ValidationError("--changes does not work with --discarded") }
    }

    func run() throws {
        let all = try WorkspaceList(directory: workspace.directory)
        if quiet {
            for (_, item) in Self.sorted(try all.place.objects(discarded ? "discard" : "list"), by: sort) {
                Swift.print(Text.printable(item["name"]?.text ?? ""))
            }
            return
        }
        try Self.print(
            all, discarded: discarded, sort: sort, json: workspace.json, changes: changes || lines,
            lines: lines)
    }

    private typealias Item = (line: String, value: JSONValue)

    private static func sorted(_ items: [Item], by order: Order?) -> [Item] {
        guard let order else { return items }
        func number(_ item: Item, _ key: String) -> UInt64 { item.value[key]?.unsigned ?? 0 }
        func text(_ item: Item, _ key: String) -> String { item.value[key]?.text ?? "" }
        return items.sorted { one, other in
            switch order {
            case .name: text(one, "name") < text(other, "name")
            case .created: text(one, "created") > text(other, "created")
            case .changed: text(one, "last_change") > text(other, "last_change")
            case .files: number(one, "files") > number(other, "files")
            case .size: number(one, "bytes") > number(other, "bytes")
            }
        }
    }

    static func print(
        _ all: WorkspaceList, discarded: Bool, sort: Order?, json: Bool, changes: Bool = false,
        lines: Bool = false
    ) throws(Failure) {
        let items = sorted(try all.place.objects(discarded ? "discard" : "list"), by: sort)
        var rows: [[String]] = []
        let hasForks = items.contains { $0.value["parent"]?.text != nil }
        for item in items {
            let counts = changes ? try counts(all, item.value["name"]?.text ?? "", lines: lines) : []
            if json {
                // The members that were counted here follow those of the control file.
                let line = item.line.dropLast() + counts.map { ",\"\($0.key)\":\($0.count)" }.joined() + "}"
                Swift.print(line)
                continue
            }
            rows.append(row(item.value, counts.map(\.count), discarded: discarded, hasForks: hasForks))
        }
        if json || rows.isEmpty { return }
        let counted = (changes ? ["ADDED", "MODIFIED", "DELETED", "RENAMED", "CONFLICTS", "DRIFT"] : [])
            + (lines ? ["+LINES", "-LINES"] : [])
        let behind = discarded ? [] : ["BEHIND"]
        let from = hasForks ? ["FROM"] : []
        let times = discarded ? ["DISCARDED", "UNTIL"] : ["RUN", "CHANGED", "CREATED"]
        printText(
            Text.table(
                [["NAME", "ID", "FILES", "SIZE"] + behind + counted + from + times] + rows,
                right: Set(1..<((discarded || hasForks ? 4 : 5) + behind.count + counted.count))))
    }

    private static func row(
        _ item: JSONValue, _ counts: [Int], discarded: Bool, hasForks: Bool
    ) -> [String] {
        func time(_ key: String) -> String { item[key]?.text.map(Text.short) ?? "-" }
        var row = [Text.printable(item["name"]?.text ?? ""), item["id"]?.plain ?? ""]
        row.append(item["files"]?.unsigned.map { "\($0)" } ?? "-")
        row.append(item["bytes"]?.unsigned.map(Text.size) ?? "-")
        if !discarded { row.append(item["behind"]?.unsigned.map { "\($0)" } ?? "-") }
        row += counts.map { "\($0)" }
        if discarded { return row + [time("discarded"), time("until")] }
        if hasForks {
            let parent = item["parent"]?.text.map(Text.printable)
            row.append(parent.map { "\($0)@\(item["moment"]?.plain ?? "")" } ?? "base")
        }
        row.append(run(item))
        row += [time("last_change"), time("created")]
        return row
    }

    /// Returns the status of the last command; with a star if something was changed since.
    private static func run(_ item: JSONValue) -> String {
        guard let run = item["run"], let status = run["status"]?.plain else { return "-" }
        guard let changed = item["last_change"]?.text, let ended = run["ended"]?.text else { return status }
        return changed > ended ? status + "*" : status
    }

    /// Compares a workspace with the base.
    private static func counts(
        _ all: WorkspaceList, _ name: String, lines isCounted: Bool
    ) throws(Failure) -> [(key: String, count: Int)] {
        let place = try Place(directory: "\(all.place.root)/\(name)")
        let lines = DiffLine.all(in: try place.bytes("diff"))
        func count(_ statuses: String) -> Int { lines.count { statuses.contains($0.status) } }
        var found = [
            ("added", count("A")), ("modified", count("MTP")), ("deleted", count("D")),
            ("renamed", count("R")), ("conflicts", try conflicts(place)),
            ("drift", try place.objects("drift").count),
        ]
        if isCounted {
            let sum = try lineCount(place, lines)
            found.append(("added_lines", Int(clamping: sum.added)))
            found.append(("removed_lines", Int(clamping: sum.removed)))
        }
        return found
    }

    private static func conflicts(_ place: Place) throws(Failure) -> Int {
        do throws(Failure) {
            try place.command("commit", ["--dry-run", "."])
            return Int(clamping: try place.objects("commit").first?.value["conflicts"]?.unsigned ?? 0)
        } catch {
            // Nothing can be committed to a base that this user may not change, nor does it conflict.
            if [.readOnly, .accessDenied, .notPermitted].contains(error.errno) { return 0 }
            throw error
        }
    }

    private static func lineCount(_ place: Place, _ lines: [DiffLine]) throws(Failure) -> LineCount {
        var sum = LineCount(added: 0, removed: 0)
        try Patch(old: place.control("at/base"), new: place.root).count(lines) { _, count in
            guard let count else { return }
            sum.added = sum.added.adding(clamping: count.added)
            sum.removed = sum.removed.adding(clamping: count.removed)
        }
        return sum
    }
}
