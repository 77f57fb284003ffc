// ControlDirectory: `.draft` in every workspace's root (and in the list of workspaces): reached by
// name, never listed by its parent. Reading changes nothing. Only the store's owner may look.
//
// Without open there is no handle to keep a text by: a text is made when the name is looked up
// (that is what each open by path does, since control names are never cached) and kept while it is
// read on; a getattr makes it anew only when it has grown old.

internal import Fuse
internal import Glibc
internal import Overlay
package import Platform
internal import Synchronization

/// A file of the control directory: its node id is workspace id | bits 47 and 46 | kind.
package struct ControlNode: Hashable, Sendable {
    package enum Kind: UInt64, Sendable, CaseIterable {
        case directory = 1
        case status = 2

        var isFile: Bool { self != .directory }

        /// The name in the control directory.
        var name: FileName? {
            switch self {
            case .directory: nil
            case .status: FileName(trusted: Array("status".utf8))
            }
        }
    }

    var kind: Kind
    /// 0 for the list of workspaces.
    var workspace: UInt16

    private static let mark: UInt64 = 3 << 46
    private static let mask: UInt64 = 3 << 46

    init(_ kind: Kind, workspace: UInt16) {
        self.kind = kind
        self.workspace = workspace
    }

    init?(_ id: UInt64) {
        guard id & Self.mask == Self.mark,
            let kind = Kind(rawValue: id & (1 << 46 - 1)) else { return nil }
        self.kind = kind
        workspace = UInt16(id >> 48)
    }

    var id: UInt64 { UInt64(workspace) << 48 | Self.mark | kind.rawValue }

    func child(_ name: FileName) -> ControlNode? {
        guard kind == .directory,
            let kind = Kind.allCases.first(where: { $0.name == name }) else { return nil }
        return ControlNode(kind, workspace: workspace)
    }
}

package final class ControlDirectory: Sendable {
    package static let name = FileName(trusted: Array(".draft".utf8))

    private struct Text {
        var bytes: [UInt8]
        /// CLOCK_REALTIME, shown as mtime: a new one makes the kernel drop the old text.
        var made: Int64
    }

    private let texts = Mutex<[ControlNode: Text]>([:])
    private let render: @Sendable (ControlNode) -> [UInt8]
    private let owner: UInt32
    private let group: UInt32
    private let clock = Clock.system
    /// Nanoseconds for which a text is kept for a reader that does not look its name up again.
    private static let lifetime: Int64 = 1_000_000_000

    /// - Parameter render: the text of a control file as of now.
    package init(_ render: @escaping @Sendable (ControlNode) -> [UInt8]) {
        self.render = render
        owner = geteuid()
        group = getegid()
    }

    private func text(_ node: ControlNode, olderThan lifetime: Int64?) -> Text {
        let now = clock.realtime()
        let known = texts.withLock { $0[node] }
        if let known, let lifetime, now - known.made < lifetime { return known }
        let text = Text(bytes: render(node), made: now)
        texts.withLock { $0[node] = text }
        return text
    }

    private func attributes(_ node: ControlNode, _ text: Text?) -> NodeAttributes {
        let isFile = node.kind.isFile
        let size = UInt64(text?.bytes.count ?? 0)
        let time = text?.made ?? 0
        return NodeAttributes(
            inode: node.id, mode: isFile ? 0o100400 : 0o040700, links: isFile ? 1 : 2,
            uid: owner, gid: group, size: size, blocks: (size + 511) / 512,
            accessTime: time, modificationTime: time, changeTime: time)
    }

    func attributes(_ node: ControlNode) -> NodeAttributes {
        attributes(node, node.kind.isFile ? text(node, olderThan: Self.lifetime) : nil)
    }

    func entry(_ node: ControlNode) -> NodeEntry {
        NodeEntry(nodeID: node.id, attributes: attributes(node, nil))
    }

    /// A control file by name: its text is made anew.
    func lookup(_ node: ControlNode) -> NodeEntry {
        NodeEntry(
            nodeID: node.id, attributes: attributes(node, text(node, olderThan: nil)),
            entryTimeout: 0, attributeTimeout: 0)
    }

    func read(_ request: consuming Request, _ node: ControlNode, offset: UInt64, size: Int) {
        guard node.kind.isFile else { return request.fail(.isDirectory) }
        let bytes = text(node, olderThan: .max).bytes
        let start = min(Int(clamping: offset), bytes.count)
        request.data(Array(bytes[start..<min(start + size, bytes.count)]))
    }

    func list(
        _ node: ControlNode, into buffer: inout DirectoryBuffer, cookie: UInt64, plus: Bool
    ) {
        var names: [(name: [UInt8], node: ControlNode)] = [([0x2e], node), ([0x2e, 0x2e], node)]
        for kind in ControlNode.Kind.allCases {
            guard let name = kind.name else { continue }
            names.append((name.bytes, ControlNode(kind, workspace: node.workspace)))
        }
        for (index, item) in names.enumerated() where UInt64(index) >= cookie {
            let type: FileType = item.node.kind.isFile ? .regular : .directory
            let next = UInt64(index) + 1
            let taken: Bool
            if plus {
                // Names without a reference: they are looked up when they are opened.
                let attributes = NodeAttributes(inode: item.node.id, mode: type.modeBits)
                taken = buffer.addPlus(
                    item.name, NodeEntry(nodeID: 0, attributes: attributes), nextCookie: next)
            } else {
                taken = buffer.add(
                    item.name, inode: item.node.id, type: type, nextCookie: next)
            }
            if !taken { return }
        }
    }

    /// The list of workspaces as a directory.
    func listAttributes(_ set: WorkspaceSet) -> NodeAttributes {
        let status = set.base.rootStatus
        return NodeAttributes(
            inode: DraftOperations.rootNode, mode: 0o040755,
            links: UInt32(2 + set.records.count), uid: owner, gid: group, size: 4096, blocks: 8,
            accessTime: status.accessTime, modificationTime: clock.realtime(),
            changeTime: clock.realtime())
    }
}
