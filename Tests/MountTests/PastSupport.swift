// Helpers for the tests of backups and rollbacks on a mount: commands with any bytes, and whole trees
// with their inode numbers.

import Glibc
import TestSupport

/// Returns a word of a command, quoted so that it may hold any bytes.
func quoted(_ word: [UInt8]) -> [UInt8] {
    let parts = word.split(separator: 0x27, omittingEmptySubsequences: false)
    return [0x27] + Array(parts.joined(separator: Array("'\\''".utf8))) + [0x27]
}

extension TestMount {
    /// Writes one command by one write(2) and returns the errno.
    func command(_ file: String, _ line: [UInt8]) throws -> Int32 {
        try withOpen(self(".draft/\(file)"), O_WRONLY) { held in
            code(write(held, line, line.count))
        }
    }

    /// The sentence about the last failed command.
    var lastError: String { (try? readText(self(".draft/last-error"))) ?? "" }

    /// Writes a command that must succeed.
    func mustCommand(_ file: String, _ line: [UInt8]) throws {
        let found = try command(file, line)
        if found != 0 {
            let shown = String(decoding: line, as: UTF8.self)
            throw CheckFailure("\(file) \(shown): \(words(found)): \(lastError)")
        }
    }

    func mustCommand(_ file: String, _ line: String) throws {
        try mustCommand(file, Array(line.utf8))
    }

    /// Returns the sequence number of the last change.
    /// - Parameter workspace: the name of a workspace in the list.
    func sequence(_ workspace: String = "") throws -> UInt64 {
        let text = try readText(self((workspace.isEmpty ? "" : workspace + "/") + ".draft/status"))
        guard let place = text.firstRange(of: "\"sequence\":"),
            let number = UInt64(text[place.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
        else { throw CheckFailure("no sequence in \(text)") }
        return number
    }

    /// Verifies the whole workspace and returns the report.
    func verified() throws -> String {
        try mustCommand("verify", "\n")
        for _ in 0..<6_000 {
            let text = try readText(self(".draft/verify"))
            if !text.contains("\"state\": \"running\"") { return text }
            usleep(10_000)
        }
        throw CheckFailure("verify runs for more than a minute")
    }
}

/// A whole tree with its inode numbers.
struct Snapshot {
    let walk: TreeWalk
    let numbers: [[UInt8]: UInt64]

    init(_ root: String) throws {
        walk = try TreeWalk(root)
        var numbers: [[UInt8]: UInt64] = [:]
        for path in walk.entries.keys { numbers[path] = try number(of: path, below: root) }
        self.numbers = numbers
    }

    var paths: [[UInt8]] {
        walk.entries.keys.filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    func isKind(_ path: [UInt8], _ kind: mode_t) -> Bool {
        walk.entries[path].map { $0.mode & S_IFMT == kind } ?? false
    }

    func paths(ofKind kind: mode_t) -> [[UInt8]] { paths.filter { isKind($0, kind) } }

    /// Returns the entries at a path and below, by their paths relative to it.
    func below(_ path: [UInt8]) -> [[UInt8]: TreeEntry] {
        var found: [[UInt8]: TreeEntry] = [:]
        for (name, entry) in walk.entries where isInside(name, path) {
            found[Array(name.dropFirst(path.count + 1))] = entry
        }
        return found
    }

    func numbers(below path: [UInt8]) -> Set<UInt64> {
        Set(numbers.filter { isInside($0.key, path) }.values)
    }
}

/// Returns whether a path equals another one or lies below it.
func isInside(_ path: [UInt8], _ directory: [UInt8]) -> Bool {
    path == directory || directory.isEmpty || path.starts(with: directory + [0x2F])
}

func cPath(_ path: [UInt8], below root: String) -> [CChar] {
    (Array(root.utf8) + [0x2F] + path + [0]).map { CChar(bitPattern: $0) }
}

func number(of path: [UInt8], below root: String) throws -> UInt64 {
    var found = stat()
    try must(
        "lstat \(String(decoding: path, as: UTF8.self))", lstat(cPath(path, below: root), &found))
    return UInt64(found.st_ino)
}

/// Returns the differences of two trees in every attribute of an entry, times included.
func exactDifferences(
    _ found: [[UInt8]: TreeEntry], _ expected: [[UInt8]: TreeEntry], limit: Int = 12
) -> [String] {
    var words: [String] = []
    let paths = Set(found.keys).union(expected.keys)
    for path in paths.sorted(by: { $0.lexicographicallyPrecedes($1) })
    where found[path] != expected[path] {
        let shown = path.isEmpty ? "/" : String(decoding: path.prefix(150), as: UTF8.self)
        switch (found[path], expected[path]) {
        case (nil, _): words.append("\(shown): is missing")
        case (_, nil): words.append("\(shown): is there")
        case (let one?, let two?):
            let sides = zip(Mirror(reflecting: one).children, Mirror(reflecting: two).children)
            let parts = sides.compactMap { one, two in
                let texts = ("\(one.value)".prefix(160), "\(two.value)".prefix(160))
                return texts.0 == texts.1
                    ? nil : "\(one.label ?? "") \(texts.0), expected \(texts.1)"
            }
            words.append("\(shown): " + parts.joined(separator: "; "))
        }
        if words.count >= limit { break }
    }
    return words
}
