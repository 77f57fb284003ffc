// ContentMark: a note in the tree log that an edit log grows past the checkpoint.

internal import Platform

/// An entry of a content mark: a file whose log may grow, or a file whose new log has its first record.
/// The first kind is written before the record, the second after it. If the second kind exists and the
/// log is empty, the log's content has been lost.
package struct ContentMark: Equatable, Sendable {
    package var inode: InodeNumber
    package var hasBegun: Bool

    /// No inode number has this bit: workspace ids are below 32,768.
    private static let begun: UInt64 = 1 << 63

    package init(_ inode: InodeNumber, hasBegun: Bool = false) {
        self.inode = inode
        self.hasBegun = hasBegun
    }

    package static func encode(_ marks: [ContentMark]) -> [UInt8] {
        var writer = ByteWriter(capacity: 8 * marks.count)
        for mark in marks { writer.integer(mark.inode | (mark.hasBegun ? begun : 0)) }
        return writer.bytes
    }

    package static func decode(_ payload: [UInt8]) -> [ContentMark] {
        var reader = ByteReader(payload)
        var marks: [ContentMark] = []
        while let value: UInt64 = reader.integer() {
            marks.append(ContentMark(value & ~begun, hasBegun: value & begun != 0))
        }
        return marks
    }
}
