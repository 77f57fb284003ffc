// Tools that make and move whole files, directories and names.

internal import MCP
internal import Platform
internal import Tools

enum WriteTools {
    static let writeFile = Tool(
        "write_file", .write, title: "Write file",
        "Creates a file, or replaces its whole content; its permissions, attributes and links are kept. "
            + "It changes completely or not at all. " + Shape.budget
            + ": write longer files with edit_file_append_chunk, and change parts with edit_file.",
        input: [
            "path": Shape.path, "content": Shape.text("The whole content of the file."),
            "version": Shape.version,
        ], required: ["path", "content"],
        output: [
            "content": Shape.content, "created": Shape.flag("The file is new."),
            "size": Shape.integer(), "version": Shape.text(),
        ], outputRequired: ["content", "created", "size", "version"],
        hints: ToolHints(isDestructive: true, isIdempotent: true)
    ) { call throws(ToolError) in
        let path = try call.path("path")
        let bytes = Array(try call.name("content").utf8)
        let isNew = try call.ground.write(path, bytes, expecting: call.version())
        let version = FileVersion(try call.ground.open(path).status())
        return Reply.text(
            "Successfully wrote to \(try call.name("path"))", notes: call.keptNote(path),
            [
                "created": .boolean(isNew), "size": Reply.integer(bytes.count),
                "version": .text(version.description),
            ])
    }

    static let createDirectory = Tool(
        "create_directory", .write, title: "Create directory",
        "Creates a directory and its parents. An existing directory is not an error.",
        input: ["path": Shape.path], required: ["path"], output: ["content": Shape.content],
        outputRequired: ["content"], hints: ToolHints(isDestructive: false, isIdempotent: true)
    ) { call throws(ToolError) in
        try call.ground.makeDirectory(try call.path("path"), withParents: true)
        return Reply.text("Successfully created directory \(try call.name("path"))")
    }

    static let moveFile = Tool(
        "move_file", .write, title: "Move or rename",
        "Moves or renames a file or directory. If the destination exists, the call fails. "
            + "A symlink itself is moved, not its target.",
        input: [
            "source": Shape.text("What to move."),
            "destination": Shape.text("Its new path; the directory above must exist."),
        ], required: ["source", "destination"], output: ["content": Shape.content],
        outputRequired: ["content"], hints: ToolHints(isDestructive: false)
    ) { call throws(ToolError) in
        try call.ground.move(try call.path("source"), to: try call.path("destination"))
        return Reply.text(
            "Successfully moved \(try call.name("source")) to \(try call.name("destination"))")
    }
}
