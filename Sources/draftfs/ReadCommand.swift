// draftfs read: prints a part of a file of any size, cut at whole characters, and the offset after
// it.

import ArgumentParser
import Glibc
import Tools

struct ReadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Print a part of a file of any size, by lines, characters or bytes.",
        discussion: """
            The part is cut at whole characters and at --max bytes. Encodings are detected: UTF-8, \
            UTF-16, Latin-1; the text is printed as UTF-8. With --json the result has the \
            offset to continue at (next_offset), and the version of the file.

            draftfs read log.txt --lines 5000000:20
            draftfs read log.txt --tail 10
            draftfs read log.txt --bytes 9000:9000 --json
            """)

    @Argument(help: "The file, in a workspace or anywhere else.", completion: .file())
    var path: String

    @Option(help: ArgumentHelp("The first line, and how many.", valueName: "first[:count]"))
    var lines: String?

    @Option(help: ArgumentHelp("The last lines.", valueName: "count"))
    var tail: UInt64?

    @Option(help: ArgumentHelp("Characters from the start, and how many.", valueName: "offset[:count]"))
    var characters: String?

    @Option(help: ArgumentHelp("Bytes from the start, and how many.", valueName: "offset[:length]"))
    var bytes: String?

    @Option(help: ArgumentHelp("Print at most this many bytes.", valueName: "bytes"))
    var max: UInt64 = 1 << 20

    @Option(help: ArgumentHelp("utf-8, utf-16le, utf-16be or latin-1; detected otherwise."))
    var encoding: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    /// The maximum of --max, in bytes.
    static let mostBytes: UInt64 = 64 << 20

    func validate() throws {
        guard [lines, characters, bytes, tail.map { "\($0)" }].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("give one of --lines, --tail, --characters and --bytes")
        }
        for text in [lines, characters, bytes].compactMap({ $0 }) where Self.pair(text) == nil {
            throw ValidationError("\(text) is neither a number nor two with a colon between them")
        }
        guard (1...Self.mostBytes).contains(max) else {
            throw ValidationError("--max takes 1 to \(Self.mostBytes)")
        }
        guard encoding.map({ TextEncoding(rawValue: $0) != nil && $0 != "binary" }) ?? true else {
            throw ValidationError("--encoding takes utf-8, utf-16le, utf-16be or latin-1")
        }
    }

    /// Parses "5" or "5:20".
    static func pair(_ text: String) -> (first: UInt64, count: UInt64?)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
        switch parts.count {
        case 1: return parts[0].map { ($0, nil) }
        case 2:
            guard let first = parts[0], let count = parts[1] else { return nil }
            return (first, count)
        default: return nil
        }
    }

    var range: TextRange {
        if let tail { return .tail(lines: tail) }
        if let (first, count) = lines.flatMap(Self.pair) {
            return .lines(first: first, count: count ?? .max)
        }
        if let (offset, count) = characters.flatMap(Self.pair) {
            return .characters(offset: offset, count: count ?? .max)
        }
        let (offset, length) = bytes.flatMap(Self.pair) ?? (0, nil)
        return .bytes(offset: offset, length: length ?? .max)
    }

    func run() throws {
        let part: TextPart
        do throws(ToolError) {
            let ground = try HostGround.everything()
            let file = try ground.open(try ground.roots.path(path))
            let text = try TextFile(file, encoding: encoding.flatMap { TextEncoding(rawValue: $0) })
            part = try RangeReader(text, mostBytes: max).read(range)
        } catch {
            throw Failure(error.description)
        }
        if json {
            printJSON([
                "text": .text(part.text), "encoding": .text(part.encoding.rawValue),
                "offset": .integer(part.range.lowerBound),
                "length": .integer(part.range.upperBound - part.range.lowerBound),
                "first_line": part.firstLine.map { .integer($0) },
                "next_offset": part.nextOffset.map { .integer($0) },
                "size": .integer(part.size), "cut": .boolean(part.isCut),
                "version": .text(part.version.description),
            ])
            return
        }
        printBytes(part.text.utf8)
        if part.isCut, let next = part.nextOffset {
            printError("draftfs: cut at \(max) bytes of text; continue with --bytes \(next)")
        }
    }
}

extension HostGround {
    /// Returns a ground for the whole file system, relative to a directory: a user at a shell may
    /// access what the system permits.
    /// - Parameter directory: the directory that relative paths are relative to.
    static func everything(from directory: String = ".") throws(ToolError) -> HostGround {
        let home = getenv("HOME").map { String(cString: $0) }
        return try HostGround([(directory, false), ("/", false)], home: home)
    }
}
