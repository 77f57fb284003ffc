// draftfs edit: splices bytes into a file without rewriting the bytes after them. TextEditOptions
// finds the bytes of a text or of lines.

import ArgumentParser
import Glibc
import Platform
import Tools

struct EditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Replace text, lines or bytes in a file of any size, in one step.",
        discussion: """
            draftfs edit main.c --old 'int x = 1;' --new 'int x = 2;'
            draftfs edit log.txt --lines 3:5 --new 'one line for three'
            draftfs edit log.txt --at 0 --insert '# a line at the front'
            draftfs edit main.c --regex 'int (\\w+) = 1;' --new 'long $1 = 1;' --all
            draftfs edit --patch change.diff
            draftfs edit src --patch change.diff --check 'make test'

            Text must occur once in the file, or give --all; if it is not found exactly, lines \
            are compared without the white space at their ends. The file's line ends and encoding \
            are kept. --lines 3:2 inserts before line 3. These work in any directory; --at, which \
            counts bytes, and JSON work only in a workspace.

            --patch takes a unified diff of one file or of several; the path is the file, or the \
            directory that the names in the patch are relative to: the current one if it is left out. \
            If a hunk does not match, nothing is changed.

            --check runs a shell command after an edit in a workspace. If it fails, the edited files \
            are restored by a rollback of their paths; if another process has changed one of them, \
            nothing is restored.

            Several splices at once are given as JSON: {"path": "src/a.c", "edits": [{"at": 10, \
            "delete": 3, "insert": "text"}]}, with "insert_base64" for bytes that are not text. \
            Offsets are those before the edit. Paths in JSON are relative to the workspace's root.
            """)

    @Argument(help: "The file.", completion: .file())
    var path: String?

    @Option(help: ArgumentHelp("The place, in bytes from the start, or end.", valueName: "offset"))
    var at: String?

    @Option(help: ArgumentHelp("The number of bytes to remove.", valueName: "count"))
    var delete: UInt64?

    @Option(help: ArgumentHelp("The text to insert.", valueName: "text"))
    var insert: String?

    @Option(
        help: ArgumentHelp("A file of bytes to insert; - for standard input.", valueName: "file"),
        completion: .file())
    var insertFile: String?

    @Option(
        help: ArgumentHelp("Take the edits from this file; - for standard input.", valueName: "file"),
        completion: .file())
    var jsonFile: String?

    @OptionGroup var text: TextEditOptions

    @Option(
        help: ArgumentHelp("Apply a unified diff; - for standard input.", valueName: "file"),
        completion: .file())
    var patch: String?

    @OptionGroup var check: CheckOptions

    @OptionGroup var workspace: WorkspaceOptions

    /// The maximum size of a command that the mount accepts, in bytes.
    static let longest = 16 << 20

    func validate() throws {
        if patch != nil {
            guard !text.isGiven, at == nil, delete == nil, insert == nil, insertFile == nil,
                jsonFile == nil
            else { throw ValidationError("--patch takes at most a path, and nothing else") }
            return
        }
        if text.isGiven {
            guard path != nil, at == nil, delete == nil, insert == nil, insertFile == nil,
                jsonFile == nil
            else {
                throw ValidationError("--old, --regex and --lines take a path and --new, and nothing else")
            }
            return
        }
        guard check.check == nil else {
            throw ValidationError("--check requires --old, --regex, --lines or --patch")
        }
        if jsonFile != nil {
            guard path == nil, at == nil, delete == nil, insert == nil, insertFile == nil else {
                throw ValidationError("--json-file holds path and edits: give nothing else")
            }
            return
        }
        guard path != nil, let at else { throw ValidationError("give a path and --at") }
        guard at == "end" || UInt64(at) != nil else {
            throw ValidationError("--at takes a number of bytes, or end")
        }
        guard delete != nil || insert != nil || insertFile != nil else {
            throw ValidationError("give --delete, --insert or --insert-file")
        }
        guard insert == nil || insertFile == nil else {
            throw ValidationError("give --insert or --insert-file, not both")
        }
    }

    func run() throws {
        if let patch {
            let bytes = try Self.contents(of: patch, atMost: PatchText.longest)
            let patched = try PatchEdit.apply(
                bytes, to: path ?? ".", from: workspace.directory, check: check)
            if workspace.json { print(patched.line) }
            return
        }
        if text.isGiven, let path {
            let edited = try text.edit(path, from: workspace.directory, check: check)
            if workspace.json { print(edited.line) }
            return
        }
        let place = try workspace.place(path.map { [$0] } ?? [])
        let command: [UInt8]
        if let jsonFile {
            command = try Self.contents(of: jsonFile)
        } else {
            let inserted = try insertFile.map { file throws(Failure) in try Self.contents(of: file) }
            command = Array(
                Self.json(
                    try place.path(path ?? "."), at: at ?? "0", delete: delete,
                    insert: insert, bytes: inserted
                ).line.utf8)
        }
        guard command.count <= Self.longest else {
            throw Failure(
                "the edit has \(command.count) bytes of JSON, but the maximum is \(Self.longest): "
                    + "split it")
        }
        try ProgressLine.during(place) { () throws(Failure) in try place.write("edit", command) }
        if workspace.json { printJSON(["edited": .boolean(true)]) }
    }

    static func json(
        _ path: String, at: String, delete: UInt64?, insert: String?, bytes: [UInt8]?
    ) -> JSONValue {
        let splice = JSONValue.members([
            "at": at == "end" ? .text(at) : .number("\(UInt64(at) ?? 0)"),
            "delete": delete.map { .integer($0) },
            "insert": insert.map { .text($0) },
            "insert_base64": bytes.map { .text(Base64Text.encoded($0)) },
        ])
        return .members(["path": .text(path), "edits": .list([splice])])
    }

    /// - Parameter most: reading stops after more than this many bytes.
    private static func contents(of path: String, atMost most: Int = .max) throws(Failure) -> [UInt8] {
        do throws(Errno) {
            let file = try File.open(path == "-" ? "/dev/stdin" : path, flags: O_RDONLY)
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 256 << 10)
            while true {
                let count = read(file.descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                if count < 0 { throw .last }
                if count == 0 { return bytes }
                bytes += buffer[..<count]
                if bytes.count > most { return bytes }
            }
        } catch {
            throw Failure("cannot read \(Text.printable(path)): \(error)")
        }
    }
}

enum Base64Text {
    private static let letters = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Encodes bytes as in RFC 4648, section 4.
    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for place in 0..<3 {
                bits = bits << 8 | UInt32(place < group.count ? group[start + place] : 0)
            }
            for place in 0..<4 {
                text.append(
                    place <= group.count ? letters[Int(bits >> UInt32(18 - 6 * place) & 63)] : 0x3d)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
