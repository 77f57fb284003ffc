// Moment: a state of a workspace as people name it, and Backup: a name that a moment has.

package import Platform

/// A moment as people write it.
package enum Moment: Equatable, Sendable {
    case backup(FileName)
    /// After the change of that number; 0 is the base as it was forked.
    case sequence(UInt64)
    /// Nanoseconds since 1970: the last change at or before it.
    case time(Int64)
}

/// A named moment of a workspace. It holds nothing: logs only grow, so a moment is a number.
package struct Backup: Equatable, Sendable {
    package var name: FileName
    /// The last change that it contains.
    package var sequence: UInt64
    /// Nanoseconds since 1970.
    package var time: Int64
    package var comment: [UInt8]
    /// Made by draftfs before a rollback, an undo, or the first edit of a large file.
    package var isAutomatic: Bool

    package init(
        name: FileName, sequence: UInt64, time: Int64, comment: [UInt8] = [],
        isAutomatic: Bool = false
    ) {
        self.name = name
        self.sequence = sequence
        self.time = time
        self.comment = comment
        self.isAutomatic = isAutomatic
    }
}
