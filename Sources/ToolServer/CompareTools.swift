// compare_directories and compare_files, with the names, arguments and keys of a framework's workspace
// server. Directories are compared at all levels, by the bytes of their files.

internal import MCP
internal import Platform
internal import Tools

enum CompareTools {
    static let compareDirectories = Tool(
        "compare_directories", .read, title: "Compare directories",
        "Compares the content of two directories and everything below: lists what is only in one and "
            + "what differs, and counts what is identical. show_content_diff shows the first differences.",
        input: [
            "dir1": Shape.text("The first directory."), "dir2": Shape.text("The second directory."),
            "show_content_diff": Shape.flag("Show lines that differ.", default: false),
            "max_bytes": Shape.maxBytes,
        ], required: ["dir1", "dir2"],
        output: [
            "success": Shape.flag(), "operation": Shape.text(), "error": Shape.text(),
            "summary": Shape.object([
                "only_in_dir1": Shape.integer(), "only_in_dir2": Shape.integer(),
                "different": Shape.integer(), "identical": Shape.integer(),
            ]),
            "details": Shape.object([
                "only_in_dir1": Shape.list(of: Shape.text()),
                "only_in_dir2": Shape.list(of: Shape.text()),
                "different": Shape.list(of: Shape.text()),
                "identical": Shape.list(of: Shape.text()),
                "content_diffs": ["type": "object"],
            ]),
        ], outputRequired: ["success", "operation"], hints: .readOnly, isLong: true, run: compareDirectories)

    private struct Side {
        var path: ToolPath
        var types: [[[UInt8]]: FileType] = [:]
        var order: [[[UInt8]]] = []

        /// The maximum number of names of each side.
        private static let most = 500_000

        init(_ call: Call, _ path: ToolPath) throws(ToolError) {
            self.path = path
            var walk = TreeWalk(call.ground)
            walk.isCancelled = { call.context.isCancelled }
            var (types, order) = (self.types, self.order)
            try walk.run(path) { entry throws(ToolError) in
                guard order.count < Self.most else {
                    throw ToolError(.bounds, "\(path) has more than \(Self.most) names: compare parts of it")
                }
                types[entry.names] = entry.type
                order.append(entry.names)
                return .enter
            }
            (self.types, self.order) = (types, order)
        }

        func path(_ names: [[UInt8]]) -> ToolPath {
            ToolPath(names: path.names + names.map { FileName(trusted: $0) })
        }
    }

    private static func compareDirectories(_ call: Call) throws(ToolError) -> ToolReply {
        do throws(ToolError) {
            let one = try Side(call, try call.path("dir1"))
            let other = try Side(call, try call.path("dir2"))
            var (onlyOne, different, identical): ([[[UInt8]]], [[[UInt8]]], [[[UInt8]]]) = ([], [], [])
            for (index, names) in one.order.enumerated() {
                if index % 64 == 0 {
                    try call.checkCancelled()
                    call.context.progress(done: Int64(index + 1), total: Int64(one.order.count))
                }
                guard let type = other.types[names] else {
                    onlyOne.append(names)
                    continue
                }
                let isSame = try same(call, one.path(names), one.types[names], other.path(names), type)
                if !isSame {
                    different.append(names)
                } else if type != .directory {
                    identical.append(names)
                }
            }
            let onlyOther = other.order.filter { one.types[$0] == nil }
            return try reply(call, one, other, (onlyOne, onlyOther, different, identical))
        } catch {
            return CopyFileTools.batchFailure("compare_directories", error)
        }
    }

    private static func same(
        _ call: Call, _ one: ToolPath, _ type: FileType?, _ other: ToolPath, _ otherType: FileType
    ) throws(ToolError) -> Bool {
        guard type == otherType else { return false }
        switch otherType {
        case .regular:
            return try FileComparison.areSame(
                try call.ground.open(one), try call.ground.open(other)
            ) { call.context.isCancelled }
        case .symlink:
            return try call.ground.symlinkTarget(one) == call.ground.symlinkTarget(other)
        default: return true
        }
    }

    private static func reply(
        _ call: Call, _ one: Side, _ other: Side,
        _ found: (one: [[[UInt8]]], other: [[[UInt8]]], different: [[[UInt8]]], identical: [[[UInt8]]])
    ) throws(ToolError) -> ToolReply {
        var room = call.replyBytes - 400
        func names(_ list: [[[UInt8]]], _ share: Int) -> JSON {
            let texts = list.lazy.prefix(2_000).map {
                JSON.text(ToolPath.text($0))
            }
            return .list(Reply.fitting(Array(texts), atMost: share))
        }
        let showsLines = call.flag("show_content_diff")
        let share = showsLines ? room / 8 : room / 4
        var details: [String: JSON] = [
            "only_in_dir1": names(found.one, share), "only_in_dir2": names(found.other, share),
            "different": names(found.different, share), "identical": names(found.identical, share),
        ]
        if showsLines {
            room -= 4 * share
            var diffs: [String: JSON] = [:]
            for entry in found.different where room > 200 {
                guard one.types[entry] == .regular, other.types[entry] == .regular else { continue }
                let name = ToolPath.text(entry)
                let old = try call.textFile(one.path(entry))
                let new = try call.textFile(other.path(entry))
                guard old.encoding != .binary, new.encoding != .binary else { continue }
                let diff = try FileComparison(
                    old, new, names: (name, name), context: 3, mostLines: 100).diff
                let cut = Reply.cut(diff, atMost: room - name.utf8.count - 20)
                room -= name.utf8.count + cut.utf8.count + 20
                diffs[name] = .text(cut)
            }
            details["content_diffs"] = .object(diffs)
        }
        return ToolReply(structured: [
            "success": true, "operation": "compare_directories",
            "summary": [
                "only_in_dir1": Reply.integer(found.one.count),
                "only_in_dir2": Reply.integer(found.other.count),
                "different": Reply.integer(found.different.count),
                "identical": Reply.integer(found.identical.count),
            ],
            "details": .object(details),
        ])
    }

    // MARK: Files

    static let compareFiles = Tool(
        "compare_files", .read, title: "Compare files",
        "Compares two text files of any size and shows the lines that differ as a unified diff.",
        input: [
            "file1": Shape.text("The first file."), "file2": Shape.text("The second file."),
            "context_lines": Shape.integer(
                "Unchanged lines around each difference.", to: 100, default: 3),
            "max_bytes": Shape.maxBytes,
        ], required: ["file1", "file2"],
        output: [
            "success": Shape.flag(), "operation": Shape.text(), "error": Shape.text(),
            "details": Shape.object(
                [
                    "identical": Shape.flag(), "diff": Shape.text(), "cut": Shape.flag(),
                    "stats": Shape.object([
                        "added": Shape.integer(), "removed": Shape.integer(),
                        "changed": Shape.integer(),
                    ]),
                ], required: ["identical", "diff", "stats"]),
        ], outputRequired: ["success", "operation"], hints: .readOnly, isLong: true
    ) { call throws(ToolError) in
        do throws(ToolError) {
            let (old, new) = (
                try call.textFile(try call.path("file1")), try call.textFile(try call.path("file2"))
            )
            let isBinary = old.encoding == .binary || new.encoding == .binary
            var isSame = false
            if isBinary {
                isSame = try FileComparison.areSame(old.file, new.file) { call.context.isCancelled }
            }
            guard !isBinary || isSame else {
                throw ToolError(
                    .encoding, "the files are binary and differ: \(old.size) and \(new.size) bytes")
            }
            let found = try FileComparison(
                old, new, names: (try call.name("file1"), try call.name("file2")),
                context: Int(call.number("context_lines") ?? 3), mostLines: 500)
            let shown = Reply.cut(found.diff, atMost: call.replyBytes - 300)
            return ToolReply(structured: [
                "success": true, "operation": "compare_files",
                "details": [
                    "identical": .boolean(found.isIdentical), "diff": .text(shown),
                    "cut": .boolean(found.isCut || shown.utf8.count < found.diff.utf8.count),
                    "stats": [
                        "added": Reply.integer(found.added), "removed": Reply.integer(found.removed),
                        "changed": Reply.integer(min(found.added, found.removed)),
                    ],
                ],
            ])
        } catch {
            return CopyFileTools.batchFailure("compare_files", error)
        }
    }
}
