// Difference: one path in which two trees differ. DiffGround: what is compared with what.

package import Platform

/// A state that is compared: a workspace, now or at a moment.
package struct DiffPoint: Equatable, Sendable {
    /// Another workspace of the store; nil for the workspace that is asked.
    package var workspace: FileName?
    /// Nil for the present state.
    package var moment: Moment?

    package init(_ workspace: FileName? = nil, at moment: Moment? = nil) {
        self.workspace = workspace
        self.moment = moment
    }
}

/// What is compared.
package enum DiffGround: Equatable, Sendable {
    /// The workspace with the base.
    case base
    /// The workspace with a point.
    case point(DiffPoint)
    /// The second point with the first.
    case points(DiffPoint, DiffPoint)
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
