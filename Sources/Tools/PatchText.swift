// PatchText: a unified diff taken apart: its files, and their hunks as parts of the diff's own bytes, so
// that it takes little more memory than itself. Lines are bytes: what diff(1) writes is what is made,
// whatever the encoding and the line ends. Extended headers of git are understood.

internal import Platform

package struct PatchText: Sendable {
    /// Bytes of the longest patch.
    package static let longest = 8 << 20
    static let mostHunks = 10_000
    /// Each has an open file while it is planned.
    static let mostFiles = 200

    package let files: [FilePatch]

    /// A patch that somebody wrote as text: in doubt it gets the file's line ends and encoding.
    package init(_ text: String) throws(ToolError) { try self.init(Array(text.utf8), isText: true) }

    /// A patch as a file has it: in doubt its lines are the file's own bytes.
    package init(_ bytes: [UInt8]) throws(ToolError) { try self.init(bytes, isText: false) }

    /// - Throws: `usage` for bytes that are no patch.
    private init(_ bytes: [UInt8], isText: Bool) throws(ToolError) {
        guard bytes.count <= Self.longest else {
            throw ToolError(.bounds, "the patch has \(bytes.count) bytes, \(Self.longest) is the most")
        }
        var parser = PatchParser(bytes, isText: isText)
        files = try parser.parse()
        guard !files.isEmpty else {
            throw ToolError(
                .usage, "the patch has no hunk: it is a unified diff, with lines such as @@ -1,3 +1,4 @@")
        }
    }
}

/// What a patch does to one file.
package struct FilePatch: Sendable {
    struct Hunk: Sendable {
        /// From 1 in its file, for sentences.
        var number: Int
        /// From 1; 0 for an empty file.
        var oldStart: UInt64
        var oldCount: Int
        var newCount: Int
        /// Its lines in the patch, without the head.
        var body: Range<Int>
        /// The last line of a side has no line end.
        var oldLacksEnd = false
        var newLacksEnd = false
    }

    package enum Kind: String, Sendable { case edit, make, remove }

    /// The names behind --- and +++, as they are written; nil where there are none.
    package internal(set) var oldName: [UInt8]?
    package internal(set) var newName: [UInt8]?
    package internal(set) var kind = Kind.edit
    /// The names begin with `a/` and `b/`, which are no directories.
    var hasPrefixes = false
    var hunks: [Hunk] = []
    /// The whole patch.
    let bytes: [UInt8]
    /// It was written as text, not made of the file's bytes.
    let isText: Bool
    /// Each line of the patch ends with CR LF, also its heads: the CR belongs to no line.
    let hasReturns: Bool

    package var hunkCount: Int { hunks.count }

    /// One line of a hunk: what it says, and its bytes without the line end.
    struct Line {
        var sign: UInt8
        var text: ArraySlice<UInt8>
    }

    /// - Parameter visit: gets the lines in order.
    func lines(
        of hunk: Hunk, _ visit: (Line) throws(ToolError) -> Void
    ) throws(ToolError) {
        var index = hunk.body.lowerBound
        while index < hunk.body.upperBound {
            let end = bytes[index..<hunk.body.upperBound].firstIndex(of: 0x0a) ?? hunk.body.upperBound
            var text = bytes[index..<end]
            index = end + 1
            if text.first == 0x5c { continue }
            if hasReturns, text.last == 0x0d { text = text.dropLast() }
            // Editors take the blank of an empty line away.
            let isBlank = text.isEmpty || text.elementsEqual([0x0d])
            try visit(Line(sign: isBlank ? 0x20 : text[text.startIndex],
                text: isBlank ? text : text.dropFirst()))
        }
    }

    /// What a file that is made holds.
    package func content() throws(ToolError) -> [UInt8] {
        var content: [UInt8] = []
        for hunk in hunks {
            var left = hunk.newCount
            try lines(of: hunk) { line throws(ToolError) in
                guard line.sign != 0x2d else { return }
                left -= 1
                content += line.text
                if left > 0 || !hunk.newLacksEnd { content.append(0x0a) }
            }
        }
        return content
    }

    /// The path that is meant, below the directory that a patch is for.
    package var path: [UInt8] {
        let name = (kind == .remove ? oldName ?? newName : newName ?? oldName) ?? []
        guard hasPrefixes, name.count > 2, name[1] == 0x2f else { return name }
        return Array(name.dropFirst(2))
    }

    /// For sentences.
    package var name: String { String(decoding: path, as: UTF8.self) }
}
