// Difference: one path in which two trees differ. DiffGround: what a workspace is compared with.

package import Platform

/// What a workspace is compared with.
package enum DiffGround: Equatable, Sendable {
    case base
    case moment(Moment)
    /// Not the workspace as it is, but its state at the second moment is compared with that at the first.
    case moments(Moment, Moment)
    /// Another workspace of the store, by name.
    case workspace(FileName)
}

/// One path that differs.
package struct Difference: Sendable {
    package enum Status: String, Sendable {
        case added = "A", deleted = "D", modified = "M", renamed = "R", type = "T", attributes = "P"
    }
    package var status: Status
    package var path: [UInt8]
    /// The old path of a rename.
    package var oldPath: [UInt8]?
    package var type: FileType
    /// The size in bytes; nil if there was or is no file.
    package var oldSize: UInt64?
    package var newSize: UInt64?

    package init(
        status: Status, path: [UInt8], oldPath: [UInt8]? = nil, type: FileType,
        oldSize: UInt64?, newSize: UInt64?
    ) {
        self.status = status
        self.path = path
        self.oldPath = oldPath
        self.type = type
        self.oldSize = oldSize
        self.newSize = newSize
    }
}
