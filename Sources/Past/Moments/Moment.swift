// Moment: a state of a workspace as users name it. Backup: a moment with a name.

package import Platform

/// A moment as users write it.
package enum Moment: Equatable, Sendable {
    case backup(FileName)
    /// The state after the change of that number; 0 is the base as it was forked.
    case sequence(UInt64)
    /// The last change at or before a time in nanoseconds since 1970.
    case time(Int64)
}

/// A named moment of a workspace. It stores no data: logs only grow, so a moment is a number.
package struct Backup: Equatable, Sendable {
    package var name: FileName
    /// The number of the last change that it contains.
    package var sequence: UInt64
    /// The time in nanoseconds since 1970.
    package var time: Int64
    package var comment: [UInt8]
    /// Whether draftfs made it before a rollback, an undo, or the first edit of a large file.
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
