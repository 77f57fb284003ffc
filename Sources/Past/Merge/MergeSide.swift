// MergeSide: one of the three states of a merge: a workspace at a moment, or the base. It tells whether files
// of two sides have the same content and attributes, whatever their numbers.

internal import Overlay
internal import Platform
internal import Storage

struct MergeSide: Sendable {
    let view: TimeView

    init(_ view: TimeView) { self.view = view }

    /// Returns the file at a path; nil if there is none.
    func node(at path: [UInt8]) throws(Errno) -> ViewNode? {
        var node = view.root
        for part in path.split(separator: 0x2f) {
            do throws(Errno) {
                node = try view.lookup(FileName(trusted: Array(part)), in: node)
            } catch {
                if error == .noEntry || error == .notDirectory { return nil }
                throw error
            }
        }
        return node
    }

    /// Returns whether mode, owner and extended attributes are the same.
    func hasAttributes(_ node: ViewNode, of other: ViewNode, _ side: MergeSide) throws(Errno) -> Bool {
        let (one, two) = (node.record, other.record)
        guard one.mode == two.mode, one.user == two.user, one.group == two.group else { return false }
        return try view.visibleXattrs(of: node) == side.view.visibleXattrs(of: other)
    }

    /// Returns whether the content is the same. Directories are compared without their names.
    func hasContent(_ node: ViewNode, of other: ViewNode, _ side: MergeSide) throws(Errno) -> Bool {
        guard node.type == other.type else { return false }
        switch node.type {
        case .directory: return true
        case .symlink: return try view.symlinkTarget(node) == side.view.symlinkTarget(other)
        case .regular:
            guard node.record.size == other.record.size else { return false }
            let (one, two) = (try view.content(of: node), try side.view.content(of: other))
            return ContentComparison(view.workspace, one, side.view.workspace, two).isEqual()
        default: return node.record.specialDevice == other.record.specialDevice
        }
    }

    func isSame(_ node: ViewNode, as other: ViewNode, _ side: MergeSide) throws(Errno) -> Bool {
        guard node.type == other.type, try hasAttributes(node, of: other, side) else { return false }
        return try hasContent(node, of: other, side)
    }
}

/// What a merge has seen of a file: if it is still so when the merge is done, nothing was changed meanwhile.
struct SeenNode: Equatable, Sendable {
    let number: InodeNumber
    private var mode: UInt32
    private var user: UInt32
    private var group: UInt32
    /// Not of a directory, whose names may change.
    private var size: UInt64 = 0
    private var links: UInt32 = 0
    private var modificationTime: Int64 = 0
    private var changeTime: Int64 = 0

    init(_ node: ViewNode) {
        let record = node.record
        (number, mode, user, group) = (record.number, record.mode, record.user, record.group)
        if record.type == .directory { return }
        (size, links) = (record.size, record.links)
        (modificationTime, changeTime) = (record.modificationTime, record.changeTime)
    }
}
