// draftfs copy: copies with filters, name patterns and templates; in a workspace without copying
// data.

import ArgumentParser
import Glibc
import Tools

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy files or directories: filtered, renamed, filled in, completely or not at all.",
        discussion: """
            In a workspace files are cloned and no data is stored. Patterns are those of gitignore. \
            Modes, times, attributes, hard links and holes are kept; symlinks stay links.

            draftfs copy src backup/src
            draftfs copy src out --include '*.c' --include '*.h' --exclude test --flatten
            draftfs copy template site --var name=demo --var port=8080
            draftfs copy logs old --older-than 7d --rename '{stem}-{nnn}{ext}' --dry-run
            """)

    @Argument(help: "What to copy.", completion: .file())
    var source: String

    @Argument(help: "The path of the copy; an existing directory is merged.", completion: .file())
    var destination: String

    @Option(help: ArgumentHelp("What to copy; repeatable.", valueName: "pattern"))
    var include: [String] = []

    @Option(help: ArgumentHelp("What to leave out; repeatable.", valueName: "pattern"))
    var exclude: [String] = []

    @Flag(help: "Leave out what .gitignore files name, and .git.")
    var gitignore = false

    @Option(help: ArgumentHelp("Only files of at least this many bytes.", valueName: "bytes"))
    var minSize: UInt64?

    @Option(help: ArgumentHelp("Only files of at most this many bytes.", valueName: "bytes"))
    var maxSize: UInt64?

    @Option(help: ArgumentHelp("Only files modified within this time, like 10m or 7d.", valueName: "age"))
    var newerThan: String?

    @Option(help: ArgumentHelp("Only files not modified within this time.", valueName: "age"))
    var olderThan: String?

    @Option(
        help: ArgumentHelp("A pattern for names: {stem}, {ext}, {name}, {n}, {nnn}.", valueName: "pattern"))
    var rename: String?

    @Option(
        help: ArgumentHelp(
            "Replace the first match of this expression in a name by --rename, with $1 for a group.",
            valueName: "expression"))
    var renameRegex: String?

    @Flag(help: "Put all files directly into the destination.")
    var flatten = false

    @Option(help: "preserve, follow or skip.")
    var symlinks = "preserve"

    @Option(help: ArgumentHelp("mode, times, xattrs, owner; with commas.", valueName: "attributes"))
    var preserve: String?

    @Option(help: "What to do if a file exists: fail, skip, overwrite, rename, newer or merge.")
    var onConflict = "fail"

    @Option(
        help: ArgumentHelp(
            "For merge: the common origin of both sides, a file or directory.", valueName: "path"))
    var mergeBase: String?

    @Option(help: "For merge, if both sides changed the same lines: fail, mark, ours or theirs.")
    var onOverlap = "fail"

    @Option(
        help: ArgumentHelp(
            "The value of {{name}} in texts and names; repeatable.", valueName: "name=value"))
    var `var`: [String] = []

    @Flag(help: "Warn of names that other systems cannot hold.")
    var portable = false

    @Flag(help: "Only show what would happen.")
    var dryRun = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard CopyOptions.Symlinks(rawValue: symlinks) != nil else {
            throw ValidationError("--symlinks takes preserve, follow or skip")
        }
        guard CopyOptions.Conflict(rawValue: onConflict) != nil else {
            throw ValidationError("--on-conflict takes fail, skip, overwrite, rename, newer or merge")
        }
        guard TextMerge.Overlap(rawValue: onOverlap) != nil else {
            throw ValidationError("--on-overlap takes fail, mark, ours or theirs")
        }
        for age in [newerThan, olderThan].compactMap({ $0 }) where Self.seconds(age) == nil {
            throw ValidationError("\(age) is not an age: give a number and s, m, h, d or w")
        }
        for name in (preserve ?? "").split(separator: ",") where Self.attributes[String(name)] == nil {
            throw ValidationError("--preserve takes mode, times, xattrs and owner, not \(name)")
        }
        for pair in `var` where !pair.dropFirst().contains("=") {
            throw ValidationError("--var takes name=value, not \(pair)")
        }
    }

    private static let attributes: [String: KeptAttributes] = [
        "mode": .mode, "times": .times, "xattrs": .xattrs, "owner": .owner,
    ]

    static func seconds(_ age: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let unit = age.last.flatMap({ units[$0] }), let count = Int64(age.dropLast()),
            (0...10_000_000).contains(count)
        else { return nil }
        return count * unit
    }

    private func options() throws(ToolError) -> CopyOptions {
        var options = CopyOptions()
        options.include = try GlobRules(include)
        options.exclude = try GlobRules(exclude)
        options.respectsGitignore = gitignore
        options.smallest = minSize
        options.largest = maxSize
        let now = Int64(time(nil))
        func moment(_ age: String?) -> Int64? {
            age.flatMap(Self.seconds).map { (now - $0) * 1_000_000_000 }
        }
        options.modifiedAfter = moment(newerThan)
        options.modifiedBefore = moment(olderThan)
        try options.setNames(pattern: rename, expression: renameRegex)
        options.flattens = flatten
        options.symlinks = CopyOptions.Symlinks(rawValue: symlinks) ?? .preserve
        options.conflict = CopyOptions.Conflict(rawValue: onConflict) ?? .fail
        options.overlap = TextMerge.Overlap(rawValue: onOverlap) ?? .fail
        if let preserve {
            options.keeps = preserve.split(separator: ",").reduce(into: []) {
                $0.formUnion(Self.attributes[String($1)] ?? [])
            }
        }
        if !`var`.isEmpty {
            options.variables = [:]
            for pair in `var` {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                options.variables?[String(parts[0])] = String(parts[1])
            }
        }
        return options
    }

    func run() throws {
        do throws(ToolError) {
            let ground = try HostGround.everything()
            var options = try options()
            options.mergeBase = try mergeBase.map { path throws(ToolError) in try ground.roots.path(path) }
            let (from, to) = (try ground.roots.path(source), try ground.roots.path(destination))
            let plan = try CopyPlan(ground, from, options)
            let warnings = portable ? PortableNames.warnings(plan.items.map(\.names)) : []
            for warning in warnings { printError("draftfs: \(warning)") }
            var copy = CopyRun(ground, plan, to: to, options)
            let shows = isatty(STDERR_FILENO) == 1 && !json
            copy.onProgress = { files, bytes in
                if shows { writeError("\r\(files) of \(plan.files) files, \(bytes) bytes ") }
            }
            copy.isCancelled = { Interrupts.arePending }
            Interrupts.holdBack()
            defer { Interrupts.letIn() }
            let result = dryRun ? try copy.preview() : try copy.run()
            if shows, !dryRun { writeError("\r\u{1b}[K") }
            show(result, warnings)
        } catch {
            throw Failure(error.description)
        }
    }

    private func show(_ result: CopyResult, _ warnings: [String]) {
        if json {
            printJSON([
                "files": .integer(result.files), "directories": .integer(result.directories),
                "links": .integer(result.links), "bytes": .integer(result.bytes),
                "shared_bytes": .integer(result.sharedBytes), "replaced": .integer(result.replaced),
                "merged": .integer(result.merged), "overlaps": .integer(result.overlaps),
                "skipped": .integer(result.skipped.count), "dry_run": .boolean(dryRun),
                "templates": .integer(result.filledTemplates),
                "warnings": .list(warnings.map { .text($0) }),
            ])
            return
        }
        for skip in result.skipped.prefix(20) {
            printError("draftfs: skipped \(Text.printable("\(skip.path)")): \(skip.reason)")
        }
        if dryRun {
            for copy in result.copies {
                print("\(Text.printable("\(copy.source)")) -> \(Text.printable("\(copy.destination)"))")
            }
            print("would copy \(result.files) files, \(result.directories) directories, "
                + "\(result.links) links, \(result.bytes) bytes")
        }
    }
}
