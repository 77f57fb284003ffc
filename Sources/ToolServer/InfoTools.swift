// Tools that describe a path, and list the allowed directories.

internal import MCP
internal import Platform
internal import Tools

enum InfoTools {
    static let getFileInfo = Tool(
        "get_file_info", .read, title: "File information",
        "Shows size, times, type and permissions of a file or directory, and its version, which edits "
            + "may check. A symlink is followed inside the allowed directories; its target is shown.",
        input: ["path": Shape.path], required: ["path"],
        output: [
            "content": Shape.content, "size": Shape.integer(), "type": Shape.text(),
            "permissions": Shape.text(), "created": Shape.text(), "modified": Shape.text(),
            "accessed": Shape.text(), "version": Shape.text(), "links": Shape.integer(),
            "target": Shape.text("Of a symlink."), "path": Shape.text("Without symlinks."),
        ], outputRequired: ["content", "size", "type", "permissions", "modified", "path"],
        hints: .readOnly, run: information)

    private static func information(_ call: Call) throws(ToolError) -> ToolReply {
        let path = try call.path("path")
        let own = try call.ground.status(path)
        var target: String?
        var real = path
        var status = own
        if own.type == .symlink {
            target = Reply.name(try call.ground.symlinkTarget(path))
            real = try call.ground.resolved(path)
            status = try call.ground.status(real)
        } else {
            real = try call.ground.resolved(path)
        }
        let mode = status.mode & 0o7777
        let permissions = String(mode & 0o777, radix: 8)
        let padded = String(repeating: "0", count: 3 - permissions.count) + permissions
        var lines: [(String, String)] = [
            ("size", "\(status.size)"),
            // If the system has no birth time, the time of the last status change is the nearest.
            ("created", Reply.time(status.birthTime != 0 ? status.birthTime : status.changeTime)),
            ("modified", Reply.time(status.modificationTime)),
            ("accessed", Reply.time(status.accessTime)),
            ("isDirectory", "\(status.type == .directory)"),
            ("isFile", "\(status.type == .regular)"),
            ("permissions", mode > 0o777 ? String(mode, radix: 8) : padded),
        ]
        if let target { lines.append(("symlink", target)) }
        let version = FileVersion(status).description
        if status.type == .regular { lines.append(("version", version)) }
        return Reply.text(
            lines.map { "\($0.0): \($0.1)" }.joined(separator: "\n"),
            [
                "size": Reply.integer(status.size), "type": .text(name(of: status.type)),
                "permissions": .text(lines[6].1), "created": .text(lines[1].1),
                "modified": .text(lines[2].1), "accessed": .text(lines[3].1),
                "version": status.type == .regular ? .text(version) : nil,
                "links": .integer(Int64(status.links)), "target": target.map(JSON.text),
                "path": .text(real.description),
            ])
    }

    private static func name(of type: FileType) -> String {
        switch type {
        case .regular: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        case .fifo: "fifo"
        case .socket: "socket"
        case .characterDevice, .blockDevice: "device"
        case .unknown: "unknown"
        }
    }

    static let listAllowedDirectories = Tool(
        "list_allowed_directories", .read, title: "Allowed directories",
        "Lists the directories that these tools may access, and which are read-only. Relative paths "
            + "are relative to the first one.",
        input: [:],
        output: [
            "content": Shape.content,
            "directories": Shape.list(
                of: Shape.object(["path": Shape.text(), "read_only": Shape.flag()])),
        ], outputRequired: ["content", "directories"], hints: .readOnly
    ) { call throws(ToolError) in
        let roots = call.ground.roots.all
        let names = roots.map { Reply.name($0.path) }
        let lines = zip(names, roots).map { $1.isReadOnly ? "\($0) (read-only)" : $0 }
        return Reply.text(
            (["Allowed directories:"] + lines).joined(separator: "\n"),
            [
                "directories": .list(
                    zip(names, roots).map {
                        ["path": .text($0), "read_only": .boolean($1.isReadOnly)]
                    })
            ])
    }
}
