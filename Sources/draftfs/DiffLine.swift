// DiffLine: a line of `.draft/diff`, and paths quoted as git quotes them. Paths are bytes.

import Control

struct DiffLine: Equatable {
    /// A, D, M, R, T (another type) or P (attributes only).
    var status: Character
    var oldSize: UInt64?
    var newSize: UInt64?
    /// The old path of a rename.
    var oldPath: [UInt8]?
    var path: [UInt8]

    init(
        _ status: Character, _ path: [UInt8], oldPath: [UInt8]? = nil, oldSize: UInt64? = nil,
        newSize: UInt64? = nil
    ) {
        self.status = status
        self.path = path
        self.oldPath = oldPath
        self.oldSize = oldSize
        self.newSize = newSize
    }

    /// Parses STATUS, OLDSIZE, NEWSIZE, [OLDPATH,] PATH, separated by tabs.
    init?(parsing line: ArraySlice<UInt8>) {
        let fields = line.split(separator: 0x09, omittingEmptySubsequences: false)
        guard fields.count >= 4, fields[0].count == 1, let letter = fields[0].first else {
            return nil
        }
        let paths = fields[3...].map { GitQuoting.unquoted(Array($0)) }
        let status = Character(Unicode.Scalar(letter))
        guard let path = paths.last, !path.isEmpty else { return nil }
        self.init(
            status, path, oldPath: status == "R" && paths.count > 1 ? paths[0] : nil,
            oldSize: UInt64(String(decoding: fields[1], as: UTF8.self)),
            newSize: UInt64(String(decoding: fields[2], as: UTF8.self)))
    }

    static func all(in bytes: [UInt8]) -> [DiffLine] {
        bytes.split(separator: 0x0a).compactMap { DiffLine(parsing: $0) }
    }

    /// Whether the path is one of `prefixes` (such as "/src") or below one; true if there are none.
    func isBelow(_ prefixes: [String]) -> Bool {
        if prefixes.isEmpty { return true }
        return prefixes.contains { prefix in
            let prefix = Array(prefix.utf8.drop { $0 == 0x2f })
            return [path, oldPath].compactMap { $0 }.contains { path in
                prefix.isEmpty || path == prefix || path.starts(with: prefix + [0x2f])
            }
        }
    }

    /// The line as in `.draft/diff`, without the line end.
    var line: String {
        let sizes = [oldSize, newSize].map { $0.map { "\($0)" } ?? "-" }
        let paths = [oldPath, path].compactMap { $0 }.map(GitQuoting.quoted)
        return (["\(status)"] + sizes + paths).joined(separator: "\t")
    }

    var json: JSONValue {
        func text(_ path: [UInt8]) -> JSONValue { .text(String(decoding: path, as: UTF8.self)) }
        return .members([
            "status": .text("\(status)"), "path": text(path), "old_path": oldPath.map(text),
            "old_size": oldSize.map { .integer($0) }, "new_size": newSize.map { .integer($0) },
        ])
    }
}

/// Quotes unusual paths in double quotes with C escapes (core.quotePath of git-config(1)).
enum GitQuoting {
    private static let escapes: [UInt8: UInt8] = [
        0x61: 0x07, 0x62: 0x08, 0x74: 0x09, 0x6e: 0x0a, 0x76: 0x0b, 0x66: 0x0c, 0x72: 0x0d,
    ]

    static func quoted(_ path: [UInt8]) -> String {
        String(decoding: DiffText.quoted(path), as: UTF8.self)
    }

    static func unquoted(_ word: [UInt8]) -> [UInt8] {
        guard word.count >= 2, word.first == 0x22, word.last == 0x22 else { return word }
        var path: [UInt8] = []
        var rest = word.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            guard byte == 0x5c, let escape = rest.popFirst() else {
                path.append(byte)
                continue
            }
            if (0x30...0x37).contains(escape) {
                var value = Int(escape - 0x30)
                for _ in 0..<2 {
                    guard let digit = rest.first, (0x30...0x37).contains(digit) else { break }
                    value = value * 8 + Int(digit - 0x30)
                    rest.removeFirst()
                }
                path.append(UInt8(truncatingIfNeeded: value))
            } else {
                path.append(escapes[escape] ?? escape)
            }
        }
        return path
    }
}
