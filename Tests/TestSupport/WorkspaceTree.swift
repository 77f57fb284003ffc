// WorkspaceTree: drives a workspace as the kernel does: every lookup takes a reference, which `forget`
// drops. It belongs to one thread.

package import Overlay
package import Platform
package import Storage

package final class WorkspaceTree: TreeOperations {
    package let workspace: Workspace
    package var caller = Caller(user: 0, group: 0, pid: 1, umask: 0)
    /// The number of names in one part of a listing: listings are read in parts with cookies.
    package var listedAtOnce = 1_000
    private var references: [InodeNumber: UInt64] = [:]

    package init(_ workspace: Workspace) { self.workspace = workspace }

    package var root: InodeNumber { workspace.rootNumber }

    /// Drops every reference except those to inodes that are held open.
    package func forget(except held: Set<InodeNumber> = []) {
        for (number, count) in references where !held.contains(number) {
            workspace.forget(number, count: count)
            references[number] = nil
        }
    }

    package func forget(_ number: InodeNumber) {
        if let count = references.removeValue(forKey: number) {
            workspace.forget(number, count: count)
        }
    }

    private func counted(_ attributes: InodeAttributes) -> InodeNumber {
        references[attributes.number, default: 0] += 1
        return attributes.number
    }

    package func lookup(_ name: FileName, in parent: InodeNumber) throws(Errno) -> InodeNumber {
        counted(try workspace.lookup(name, in: parent))
    }

    package func identity(_ node: InodeNumber) -> UInt64 { node }

    package func facts(_ node: InodeNumber) throws(Errno) -> NodeFacts {
        let found = try workspace.attributes(node)
        return NodeFacts(
            mode: found.mode, links: found.links, user: found.user, group: found.group,
            size: found.type == .directory ? 0 : found.size, device: found.specialDevice)
    }

    package func makeNode(
        _ name: FileName, in parent: InodeNumber, mode: UInt32, device: UInt64, target: [UInt8]
    ) throws(Errno) -> InodeNumber {
        counted(
            try workspace.makeNode(
                name, in: parent, mode: mode, device: device, symlinkTarget: target,
                caller: caller))
    }

    package func makeLink(
        to node: InodeNumber, _ name: FileName, in parent: InodeNumber
    ) throws(Errno) {
        _ = counted(try workspace.makeLink(to: node, name: name, in: parent, caller: caller))
    }

    package func unlink(_ name: FileName, in parent: InodeNumber) throws(Errno) {
        try workspace.unlink(name, in: parent, caller: caller)
    }

    package func removeDirectory(_ name: FileName, in parent: InodeNumber) throws(Errno) {
        try workspace.removeDirectory(name, in: parent, caller: caller)
    }

    package func rename(
        _ name: FileName, in parent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: RenameFlags
    ) throws(Errno) {
        try workspace.rename(
            name, in: parent, to: newName, in: newParent, flags: flags, caller: caller)
    }

    package func read(
        _ node: InodeNumber, at offset: UInt64, count: Int
    ) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result: Result<Int, Errno> = bytes.withUnsafeMutableBytes { buffer in
            do throws(Errno) {
                return .success(try workspace.content.read(node, into: buffer, at: offset))
            } catch {
                return .failure(error)
            }
        }
        return Array(bytes.prefix(try result.get()))
    }

    package func write(
        _ node: InodeNumber, _ bytes: [UInt8], at offset: UInt64
    ) throws(Errno) {
        let result: Result<Bool, Errno> = bytes.withUnsafeBytes { raw in
            do throws(Errno) {
                return .success(
                    try workspace.content.write(node, raw, at: offset, killSetID: false, caller: caller))
            } catch {
                return .failure(error)
            }
        }
        _ = try result.get()
    }

    package func allocate(
        _ node: InodeNumber, mode: AllocationMode, offset: UInt64, length: UInt64
    ) throws(Errno) {
        try workspace.content.allocate(node, mode: mode, offset: offset, length: length, caller: caller)
    }

    package func copyRange(
        from source: InodeNumber, at sourceOffset: UInt64, to target: InodeNumber,
        at offset: UInt64, length: UInt64
    ) throws(Errno) -> UInt64 {
        try workspace.content.copyRange(
            from: source, at: sourceOffset, to: target, at: offset, length: length,
            caller: caller)
    }

    package func setAttributes(_ node: InodeNumber, _ change: AttributeChange) throws(Errno) {
        _ = try workspace.setAttributes(node, change, caller: caller)
    }

    package func xattr(_ name: [UInt8], of node: InodeNumber) throws(Errno) -> [UInt8] {
        try workspace.xattr(name, of: node)
    }

    package func xattrNames(of node: InodeNumber) throws(Errno) -> [[UInt8]] {
        try workspace.xattrNames(of: node)
    }

    package func setXattr(
        _ name: [UInt8], of node: InodeNumber, to value: [UInt8], mode: XattrMode
    ) throws(Errno) {
        try workspace.setXattr(name, of: node, to: value, mode: mode, caller: caller)
    }

    package func removeXattr(_ name: [UInt8], of node: InodeNumber) throws(Errno) {
        try workspace.removeXattr(name, of: node, caller: caller)
    }

    package func symlinkTarget(_ node: InodeNumber) throws(Errno) -> [UInt8] {
        try workspace.symlinkTarget(node)
    }

    /// Returns up to `count` names after `cookie`, without `.` and `..`, and the cookie to continue from.
    package func listPart(
        _ node: InodeNumber, after cookie: UInt64, count: Int, withInodes: Bool = false
    ) throws(Errno) -> (names: [ListedName], next: UInt64) {
        var names: [ListedName] = []
        var next = cookie
        try workspace.list(node, after: cookie, withInodes: withInodes) { listed, number, found in
            if names.count >= count { return false }
            next = listed.cookie
            if listed.cookie > 2 { names.append(listed) }
            if let found { references[found.number, default: 0] += 1 }
            return true
        }
        return (names, next)
    }

    package func list(_ node: InodeNumber) throws(Errno) -> [[UInt8]: FileType] {
        var types: [[UInt8]: FileType] = [:]
        var cookie: UInt64 = 0
        while true {
            let (names, next) = try listPart(
                node, after: cookie, count: listedAtOnce, withInodes: listedAtOnce % 2 == 0)
            if next == cookie { return types }
            for listed in names {
                // A name that is listed twice is an error of the listing, whatever the test expects.
                if types.updateValue(listed.type, forKey: listed.name.bytes) != nil { throw .again }
            }
            cookie = next
        }
    }
}
