// ReferenceFileSystem: the required behaviour of a workspace in its simplest form: a tree of inodes in
// memory with their bytes in arrays. It starts as a copy of a base directory.

internal import CPlatform
import Glibc
package import Overlay
package import Platform

package final class ReferenceFileSystem: TreeOperations {
    package final class Node {
        let identity: UInt64
        var mode: UInt32
        var user: UInt32
        var group: UInt32
        var links: UInt32
        var device: UInt64 = 0
        var bytes: [UInt8] = []
        var target: [UInt8] = []
        var children: [FileName: Node] = [:]
        var xattrs: [[UInt8]: [UInt8]] = [:]
        /// Nanoseconds since 1970 if the time was set explicitly and nothing has changed since; otherwise
        /// nil.
        package internal(set) var modified: Int64?

        init(_ identity: UInt64, mode: UInt32, user: UInt32, group: UInt32, links: UInt32) {
            self.identity = identity
            self.mode = mode
            self.user = user
            self.group = group
            self.links = links
        }

        func copy(_ known: inout [UInt64: Node]) -> Node {
            if let same = known[identity] { return same }
            let node = Node(identity, mode: mode, user: user, group: group, links: links)
            known[identity] = node
            node.device = device
            node.bytes = bytes
            node.target = target
            node.xattrs = xattrs
            node.modified = modified
            for (name, child) in children { node.children[name] = child.copy(&known) }
            return node
        }

        var type: FileType { FileType(mode: mode) }
        var isDirectory: Bool { type == .directory }
        var isGone: Bool { links == 0 }
    }

    package private(set) var root: Node
    package var umask: UInt32 = 0
    private var lastIdentity: UInt64 = 1
    private var known: [UInt64: Node] = [:]

    package init(copyOf base: String) throws {
        root = try Self.node(1, Array(base.utf8))
        try fill(root, from: Array(base.utf8))
        known = [:]
    }

    /// Paths are bytes, because names of the base need not be UTF-8.
    private static func node(_ identity: UInt64, _ path: [UInt8]) throws -> Node {
        let path = path.map { CChar(bitPattern: $0) } + [0]
        var found = stat()
        try must("lstat", lstat(path, &found))
        let node = Node(
            identity, mode: found.st_mode, user: found.st_uid, group: found.st_gid,
            links: UInt32(found.st_nlink))
        node.modified = Int64(found.st_mtim.tv_sec) * 1_000_000_000 + Int64(found.st_mtim.tv_nsec)
        if node.type == .symlink { node.target = try linkTarget(path) }
        if node.type == .characterDevice { node.device = UInt64(found.st_rdev) }
        if node.type == .regular {
            let descriptor = try must("open", open(path, O_RDONLY | O_CLOEXEC))
            defer { close(descriptor) }
            node.bytes = try readBytes(descriptor, Int(found.st_size), at: 0)
        }
        node.xattrs = try xattrs(path)
        return node
    }

    private static func xattrs(_ path: [CChar]) throws -> [[UInt8]: [UInt8]] {
        var list = [CChar](repeating: 0, count: 65_536)
        let count = Int(try must("listxattr", cp_listxattr(path, &list, list.count)))
        var found: [[UInt8]: [UInt8]] = [:]
        for raw in list.prefix(count).split(separator: 0) {
            var value = [UInt8](repeating: 0, count: 65_536)
            let length = try must(
                "getxattr", cp_getxattr(path, Array(raw) + [0], &value, value.count))
            found[raw.map { UInt8(bitPattern: $0) }] = Array(value.prefix(Int(length)))
        }
        return found
    }

    private func fill(_ directory: Node, from path: [UInt8]) throws {
        guard let stream = opendir(path.map { CChar(bitPattern: $0) } + [0]) else {
            throw CheckFailure("opendir: \(words(errno))")
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = nameBytes(entry)
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            let full = path + [0x2F] + name
            let node: Node
            if let same = known[UInt64(entry.pointee.d_ino)] {
                node = same
            } else {
                lastIdentity += 1
                node = try Self.node(lastIdentity, full)
                known[UInt64(entry.pointee.d_ino)] = node
            }
            directory.children[FileName(trusted: name)] = node
            if node.isDirectory { try fill(node, from: full) }
        }
    }

    // MARK: Copies

    /// Returns a copy of the current state, which later changes do not affect.
    package func copy() -> ReferenceFileSystem { ReferenceFileSystem(copying: self) }

    private init(copying other: ReferenceFileSystem) {
        var known: [UInt64: Node] = [:]
        root = other.root.copy(&known)
        umask = other.umask
        lastIdentity = other.lastIdentity
    }

    /// Takes the state of `other`. Numbers that were given out since are not given out again.
    package func become(_ other: ReferenceFileSystem) {
        var known: [UInt64: Node] = [:]
        root = other.root.copy(&known)
        lastIdentity = max(lastIdentity, other.lastIdentity)
    }

    /// Copies everything that another tree shows.
    package init<Tree: ReadableTree>(of tree: Tree) throws(Errno) {
        var known: [UInt64: Node] = [:]
        root = try Self.copy(tree.root, of: tree, &known)
        // Own numbers must differ from those that the other tree gives out later.
        lastIdentity = 1 << 62
    }

    private static func copy<Tree: ReadableTree>(
        _ original: Tree.Node, of tree: Tree, _ known: inout [UInt64: Node]
    ) throws(Errno) -> Node {
        let identity = tree.identity(original)
        if let same = known[identity] { return same }
        let facts = try tree.facts(original)
        let node = Node(
            identity, mode: facts.mode, user: facts.user, group: facts.group, links: facts.links)
        known[identity] = node
        node.device = facts.device
        for name in try tree.xattrNames(of: original) {
            node.xattrs[name] = try tree.xattr(name, of: original)
        }
        switch node.type {
        case .regular: node.bytes = try tree.contents(original)
        case .symlink: node.target = try tree.symlinkTarget(original)
        case .directory:
            for name in try tree.list(original).keys {
                let name = try FileName(name)
                node.children[name] = try copy(try tree.lookup(name, in: original), of: tree, &known)
            }
        default: break
        }
        return node
    }

    /// Replaces all bytes of a file.
    package func replace(_ node: Node, with bytes: [UInt8]) {
        node.bytes = bytes
        node.modified = nil
    }

    // MARK: Names

    private func directory(_ node: Node) throws(Errno) {
        if !node.isDirectory { throw .notDirectory }
    }

    package func identity(_ node: Node) -> UInt64 { node.identity }

    package func facts(_ node: Node) throws(Errno) -> NodeFacts {
        let size = node.type == .symlink ? node.target.count : node.bytes.count
        return NodeFacts(
            mode: node.mode, links: node.links, user: node.user, group: node.group,
            size: UInt64(size), device: node.device)
    }

    package func lookup(_ name: FileName, in parent: Node) throws(Errno) -> Node {
        try directory(parent)
        guard let node = parent.children[name] else { throw .noEntry }
        return node
    }

    package func makeNode(
        _ name: FileName, in parent: Node, mode: UInt32, device: UInt64, target: [UInt8]
    ) throws(Errno) -> Node {
        try directory(parent)
        if parent.isGone { throw .noEntry }
        if parent.children[name] != nil { throw .exists }
        lastIdentity += 1
        let type = FileType(mode: mode)
        let bits = type == .symlink ? 0o777 : mode & 0o7777 & ~umask
        let node = Node(
            lastIdentity, mode: type.modeBits | bits, user: 0, group: 0, links: 1)
        node.device = device
        node.target = target
        if parent.mode & 0o2000 != 0 {
            node.group = parent.group
            if type == .directory { node.mode |= 0o2000 }
        }
        if type == .directory {
            node.links = 2
            parent.links += 1
        }
        parent.children[name] = node
        parent.modified = nil
        return node
    }

    package func makeLink(to node: Node, _ name: FileName, in parent: Node) throws(Errno) {
        if node.isDirectory { throw .notPermitted }
        if node.isGone { throw .noEntry }
        try directory(parent)
        if parent.isGone { throw .noEntry }
        if parent.children[name] != nil { throw .exists }
        parent.children[name] = node
        parent.modified = nil
        node.links += 1
    }

    package func unlink(_ name: FileName, in parent: Node) throws(Errno) {
        let node = try lookup(name, in: parent)
        if node.isDirectory { throw .isDirectory }
        remove(name, node, from: parent)
    }

    package func removeDirectory(_ name: FileName, in parent: Node) throws(Errno) {
        let node = try lookup(name, in: parent)
        try directory(node)
        if !node.children.isEmpty { throw .notEmpty }
        remove(name, node, from: parent)
    }

    private func remove(_ name: FileName, _ node: Node, from parent: Node) {
        parent.children[name] = nil
        parent.modified = nil
        if node.isDirectory { parent.links -= 1 }
        node.links = node.isDirectory ? 0 : node.links - 1
    }

    private func contains(_ outer: Node, _ inner: Node) -> Bool {
        outer === inner || outer.children.values.contains { $0.isDirectory && contains($0, inner) }
    }

    package func rename(
        _ name: FileName, in parent: Node, to newName: FileName, in newParent: Node,
        flags: RenameFlags
    ) throws(Errno) {
        if flags == [.noReplace, .exchange] || flags.rawValue > 3 { throw .invalid }
        try directory(parent)
        try directory(newParent)
        if newParent.isGone { throw .noEntry }
        let node = try lookup(name, in: parent)
        let target = newParent.children[newName]
        if flags == .exchange {
            guard let target else { throw .noEntry }
            if node === target { return }
            if node.isDirectory, contains(node, newParent) { throw .invalid }
            if target.isDirectory, contains(target, parent) { throw .invalid }
            move(node, from: parent, to: newName, in: newParent)
            move(target, from: newParent, to: name, in: parent)
            return
        }
        if flags == .noReplace, target != nil { throw .exists }
        if node === target { return }
        if node.isDirectory, contains(node, newParent) { throw .invalid }
        if let target {
            if node.isDirectory {
                try directory(target)
                if !target.children.isEmpty { throw .notEmpty }
            } else if target.isDirectory {
                throw .isDirectory
            }
            remove(newName, target, from: newParent)
        }
        parent.children[name] = nil
        move(node, from: parent, to: newName, in: newParent)
    }

    private func move(_ node: Node, from old: Node, to name: FileName, in new: Node) {
        new.children[name] = node
        old.modified = nil
        new.modified = nil
        if node.isDirectory {
            old.links -= 1
            new.links += 1
        }
    }

    package func list(_ node: Node) throws(Errno) -> [[UInt8]: FileType] {
        try directory(node)
        return Dictionary(uniqueKeysWithValues: node.children.map { ($0.key.bytes, $0.value.type) })
    }

    package func symlinkTarget(_ node: Node) throws(Errno) -> [UInt8] {
        guard node.type == .symlink else { throw .invalid }
        return node.target
    }
}
