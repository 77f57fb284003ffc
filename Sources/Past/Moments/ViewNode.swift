// ViewNode: one file of a view of the past.

internal import Overlay
package import Platform
package import Storage
internal import Synchronization

/// A file or directory of a view.
package final class ViewNode: Sendable {
    /// Equal for all names of one file.
    package var number: InodeNumber { record.number }
    package var type: FileType { record.type }
    let record: InodeRecord
    /// The place in the base of its content, names and attributes.
    let place: BasePlace?
    /// Whether the workspace had a row for it.
    let hasRow: Bool
    /// The content if it was edited since; nil if it is the present one or the base's.
    let pieces: PieceTree?

    init(_ row: PastRow, place: BasePlace?, hasRow: Bool) {
        record = row.record
        pieces = row.pieces
        self.place = place
        self.hasRow = hasRow
    }

    var basePath: [UInt8]? { type == .directory ? place?.path : nil }
}
