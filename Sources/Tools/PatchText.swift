// PatchText: a parsed unified diff. Its files and their hunks are ranges in the bytes of the diff, so that
// it takes little more memory than those. Lines are bytes: the output of diff(1) is applied as it is, in
// any encoding and with any line ends. Extended headers of git are understood.

internal import Platform

package struct PatchText: Sendable {
    /// The maximum number of bytes of a patch.
    package static let longest = 8 << 20
    static let mostHunks = 10_000
    /// The maximum number of files of a patch. Each has an open file while it is planned.
    static let mostFiles = 200

    package let files: [FilePatch]

    /// Reads a patch that was written as text: if in doubt it gets the file's line ends and encoding.
    package init(_ text: String) throws(ToolError) { try self.init(Array(text.utf8), isText: true) }

    /// Reads a patch from a file: if in doubt its lines are the file's own bytes.
    package init(_ bytes: [UInt8]) throws(ToolError) { try self.init(bytes, isText: false) }

    /// - Throws: `usage` for bytes that are no patch.
    private init(_ bytes: [UInt8], isText: Bool) throws(ToolError) {
        guard bytes.count <= Self.longest else {
            throw ToolError(.bounds, "the patch has \(bytes.count) bytes; the maximum is \(Self.longest)")
        }
        var parser = PatchParser(bytes, isText: isText)
        files = try parser.parse()
        guard !files.isEmpty else {
            throw ToolError(
                .usage, "the patch has no hunk: give a unified diff, with lines such as @@ -1,3 +1,4 @@")
        }
    }
}

/// The changes of a patch to one file.
package struct FilePatch: Sendable {
    struct Hunk: Sendable {
        /// The number of the hunk in its file, from 1, for messages.
        var number: Int
        /// The first line, from 1; 0 for an empty file.
        var oldStart: UInt64
        var oldCount: Int
        var newCount: Int
        /// The range of its lines in the patch, without the head.
        var body: Range<Int>
        /// Whether the last line of the side has no line end.
        var oldLacksEnd = false
        var newLacksEnd = false
    }

    package enum Kind: String, Sendable { case edit, make, remove }

    /// The names after --- and +++, as written; nil if there are none.
    package internal(set) var oldName: [UInt8]?
    package internal(set) var newName: [UInt8]?
    package internal(set) var kind = Kind.edit
    /// Whether the names begin with `a/` and `b/`, which are no directories.
    var hasPrefixes = false
    var hunks: [Hunk] = []
    /// The bytes of the whole patch.
    let bytes: [UInt8]
    /// Whether the patch was written as text, not made from the file's bytes.
    let isText: Bool
    /// Whether each line of the patch ends with CR LF, including its heads: then the CR belongs to no line.
    let hasReturns: Bool

    package var hunkCount: Int { hunks.count }

    /// One line of a hunk: its sign, and its bytes without the sign and the line end.
    struct Line {
        var sign: UInt8
        var text: ArraySlice<UInt8>
    }

    /// - Parameter visit: receives the lines in order.
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
            // Editors remove the blank that marks an empty line of context.
            let isBlank = text.isEmpty || text.elementsEqual([0x0d])
            try visit(Line(sign: isBlank ? 0x20 : text[text.startIndex],
                text: isBlank ? text : text.dropFirst()))
        }
    }

    /// Returns the content of a file that the patch makes.
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

    /// The path of the file, below the directory that the patch is for.
    package var path: [UInt8] {
        let name = (kind == .remove ? oldName ?? newName : newName ?? oldName) ?? []
        guard hasPrefixes, name.count > 2, name[1] == 0x2f else { return name }
        return Array(name.dropFirst(2))
    }

    /// The path as text, for messages.
    package var name: String { String(decoding: path, as: UTF8.self) }
}
