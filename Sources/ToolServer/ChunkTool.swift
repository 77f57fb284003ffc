// edit_file_append_chunk: writes a long file in several small calls. The received parts are in a file
// beside the target, whose name has the numbers of parts and bytes. With the last part it takes the
// target's name. So the server may end between two calls, and a part whose name was not changed yet may be
// sent again.

internal import MCP
internal import Platform
internal import Tools

enum ChunkTools {
    static let editFileAppendChunk = Tool(
        "edit_file_append_chunk", .write, title: "Write a long file in parts",
        "Writes a file of any length in several calls: chunk_index 0, 1, 2 and so on, each with a "
            + "part of the text, the last one with final true. The complete file appears with its last "
            + "part; until then nothing is changed. chunk_index 0 starts over. "
            + Shape.budget + ": parts of 9,000 bytes fit.",
        input: [
            "path": Shape.path, "content": Shape.text("This part of the text."),
            "chunk_index": Shape.integer("0 for the first part."),
            "final": Shape.flag("This is the last part.", default: false),
            "overwrite": Shape.flag("Replace an existing file.", default: false),
            "expect_size": Shape.integer("Bytes received so far: refused if the number differs."),
            "base64": Shape.flag("content is encoded in base64.", default: false),
        ], required: ["path", "content", "chunk_index"],
        output: [
            "content": Shape.content, "size": Shape.integer("Bytes so far."),
            "next_chunk_index": Shape.integer("Missing when the file is complete."),
            "complete": Shape.flag(), "version": Shape.text("Of the complete file."),
        ], outputRequired: ["content", "size", "complete"],
        hints: ToolHints(isDestructive: true), run: append)

    /// The parts received so far.
    private struct Staged {
        var path: ToolPath
        var count: UInt64
        var size: UInt64
    }

    private static func append(_ call: Call) throws(ToolError) -> ToolReply {
        let path = try call.ground.resolved(try call.path("path"))
        guard let name = path.names.last else { throw ToolError(.wrongType, "\(path) is not a file") }
        let content = try call.name("content")
        guard let bytes = call.flag("base64") ? Reply.bytes(base64: content) : Array(content.utf8)
        else { throw ToolError(.encoding, "content is not base64 (RFC 4648, padded)") }
        let index = call.number("chunk_index") ?? 0
        let staging = Staging(call.ground, path.parent, name)
        var before = try staging.find(index, path)
        if let expected = call.number("expect_size"), expected != before?.size ?? 0 {
            throw ToolError(
                .stale,
                "\(before?.size ?? 0) bytes of \(path) were received, not \(expected): continue there")
        }
        if !call.flag("overwrite"), (try? call.ground.status(path)) != nil {
            throw ToolError(
                .exists, "\(path) exists already: give overwrite, or another path")
        }
        if before == nil { before = try staging.begin() }
        guard let before else { throw ToolError(.system, "cannot write beside \(path)") }
        try call.ground.writePart(before.path, bytes, at: before.size, isNew: false)
        let size = before.size + UInt64(bytes.count)
        let after = try staging.advance(before, to: size)
        guard call.flag("final") else {
            return Reply.text(
                "\(size) bytes in \(after.count) parts; continue with chunk_index \(after.count)",
                [
                    "size": Reply.integer(size), "next_chunk_index": Reply.integer(after.count),
                    "complete": false,
                ])
        }
        try call.ground.install(after.path, as: path, replaces: call.flag("overwrite"))
        let version = FileVersion(try call.ground.open(path).status())
        return Reply.text(
            "Successfully wrote to \(try call.name("path")): \(size) bytes in \(after.count) parts",
            notes: call.keptNote(path),
            [
                "size": Reply.integer(size), "complete": true,
                "version": .text(version.description),
            ])
    }

    /// The unfinished file beside its target.
    private struct Staging {
        let ground: any Ground
        let directory: ToolPath
        let prefix: [UInt8]

        init(_ ground: any Ground, _ directory: ToolPath, _ name: FileName) {
            self.ground = ground
            self.directory = directory
            // The target's name may be too long to append to it.
            let hash = String(Checksum.xxh3(name.bytes), radix: 36)
            prefix = Array("\(WorkingName.part)\(hash)-".utf8)
        }

        private func path(_ count: UInt64, _ size: UInt64) -> ToolPath {
            directory.appending(FileName(trusted: prefix + Array("\(count)-\(size)".utf8)))
        }

        private func all() throws(ToolError) -> [Staged] {
            try ground.list(directory).compactMap { entry in
                guard entry.name.bytes.starts(with: prefix) else { return nil }
                let rest = String(decoding: entry.name.bytes.dropFirst(prefix.count), as: UTF8.self)
                let numbers = rest.split(separator: "-").compactMap { UInt64($0) }
                // Another program may have made a file with a similar name.
                guard numbers.count == 2, numbers.allSatisfy({ $0 < 1 << 62 }) else { return nil }
                return Staged(
                    path: directory.appending(entry.name), count: numbers[0], size: numbers[1])
            }
        }

        /// Returns the state before part `index`; nil for the first part.
        func find(_ index: UInt64, _ path: ToolPath) throws(ToolError) -> Staged? {
            let found = try all()
            if index == 0 { return nil }
            if let wanted = found.first(where: { $0.count == index }) { return wanted }
            guard let last = found.max(by: { $0.count < $1.count }) else {
                throw ToolError(.stale, "no part of \(path) was received: start with chunk_index 0")
            }
            throw ToolError(
                .stale,
                "\(last.count) parts of \(path) were received, \(last.size) bytes: continue with "
                    + "chunk_index \(last.count), or start over with 0")
        }

        /// Removes earlier unfinished files and begins a new one.
        func begin() throws(ToolError) -> Staged {
            for old in try all() { try ground.remove(old.path) }
            let staged = Staged(path: path(0, 0), count: 0, size: 0)
            try ground.writePart(staged.path, [], at: 0, isNew: true)
            return staged
        }

        func advance(_ staged: Staged, to size: UInt64) throws(ToolError) -> Staged {
            let next = Staged(
                path: path(staged.count + 1, size), count: staged.count + 1, size: size)
            try ground.move(staged.path, to: next.path)
            return next
        }
    }
}
