// Listing directories. opendir returns ENOSYS; the kernel then caches listings itself and drops them
// when a name changes.

package import Fuse
internal import Overlay
internal import Platform
internal import Storage

extension DraftOperations {
    package func opendir(_ request: consuming Request, node: UInt64, flags: Int32) {
        request.fail(.notImplemented)
    }

    package func releasedir(_ request: consuming Request, node: UInt64) { request.ok() }

    package func fsyncdir(_ request: consuming Request, node: UInt64, dataOnly: Bool) {
        attempt(request) { () throws(Errno) in
            guard case .place(let place) = try self.node(node) else { return }
            try place.workspace.synchronizeNames()
        }
    }

    package func readdir(_ request: consuming Request, node: UInt64, cookie: UInt64, size: Int) {
        list(request, node: node, cookie: cookie, size: size, plus: false)
    }

    package func readdirplus(
        _ request: consuming Request, node: UInt64, cookie: UInt64, size: Int
    ) {
        list(request, node: node, cookie: cookie, size: size, plus: true)
    }

    private func list(
        _ request: consuming Request, node: UInt64, cookie: UInt64, size: Int, plus: Bool
    ) {
        var buffer = DirectoryBuffer(capacity: size)
        do throws(Errno) {
            switch try self.node(node) {
            case .workspaceList:
                listWorkspaces(&buffer, cookie: cookie, plus: plus)
            case .control(let place):
                try control.list(place, into: &buffer, cookie: cookie, plus: plus)
            case .place(let place):
                try list(place, into: &buffer, cookie: cookie, plus: plus)
            }
            request.directory(buffer)
        } catch {
            request.fail(error)
        }
    }

    private func list(
        _ place: Place, into buffer: inout DirectoryBuffer, cookie: UInt64, plus: Bool
    ) throws(Errno) {
        let workspace = place.workspace
        let hidesControl = place.isRoot
        var filled = DirectoryBuffer(capacity: 0)
        swap(&buffer, &filled)
        defer { swap(&buffer, &filled) }
        try workspace.list(place.number, after: cookie, withInodes: plus) {
            listed, number, attributes in
            // The base may have an entry with the name of the control directory. The control
            // directory is reached by name and never listed.
            if hidesControl, listed.name == ControlDirectory.name { return true }
            guard plus else {
                return filled.add(
                    listed.name.bytes, inode: number, type: listed.type,
                    nextCookie: listed.cookie)
            }
            let entry: NodeEntry
            if let attributes {
                entry = self.entry(attributes, in: workspace)
            } else {
                // `.` and `..` are names without a reference.
                entry = NodeEntry(
                    nodeID: 0,
                    attributes: NodeAttributes(inode: number, mode: listed.type.modeBits))
            }
            return filled.addPlus(listed.name.bytes, entry, nextCookie: listed.cookie)
        }
    }

    private func listWorkspaces(_ buffer: inout DirectoryBuffer, cookie: UInt64, plus: Bool) {
        var names: [(name: [UInt8], inode: UInt64, cookie: UInt64)] = [
            ([0x2e], Self.rootNode, 1), ([0x2e, 0x2e], Self.rootNode, 2),
        ]
        for record in set.records {
            // The id of a workspace never changes, so it is the position in the listing.
            let inode = InodeNumbering(workspace: record.id).natural(
                device: 0, inode: set.base.rootStatus.inode) ?? UInt64(record.id) << 48
            names.append((record.name.bytes, inode, UInt64(record.id) + 2))
        }
        for item in names where item.cookie > cookie {
            let taken: Bool
            if plus {
                // No reference: a workspace is opened when it is looked up, not when it is listed.
                taken = buffer.addPlus(
                    item.name,
                    NodeEntry(
                        nodeID: 0,
                        attributes: NodeAttributes(
                            inode: item.inode, mode: FileType.directory.modeBits)),
                    nextCookie: item.cookie)
            } else {
                taken = buffer.add(
                    item.name, inode: item.inode, type: .directory, nextCookie: item.cookie)
            }
            if !taken { return }
        }
    }
}
