// TreeOperations: the calls of a workspace as a protocol. The reference file system conforms to it too,
// so that one test drives both. The helpers by path are written once for both.

package import Overlay
package import Platform

/// The attributes of an inode that both sides must agree on.
package struct NodeFacts: Equatable, Sendable {
    package var mode: UInt32
    package var links: UInt32
    package var user: UInt32
    package var group: UInt32
    /// In bytes; 0 for directories.
    package var size: UInt64
    package var device: UInt64
}

/// The calls that read a tree: a workspace, the reference, or a moment of a workspace.
package protocol ReadableTree {
    associatedtype Node
    var root: Node { get }
    func lookup(_ name: FileName, in parent: Node) throws(Errno) -> Node
    /// Returns a number that stays the same as long as the inode exists.
    func identity(_ node: Node) -> UInt64
    func facts(_ node: Node) throws(Errno) -> NodeFacts
    func read(_ node: Node, at offset: UInt64, count: Int) throws(Errno) -> [UInt8]
    func xattr(_ name: [UInt8], of node: Node) throws(Errno) -> [UInt8]
    func xattrNames(of node: Node) throws(Errno) -> [[UInt8]]
    func list(_ node: Node) throws(Errno) -> [[UInt8]: FileType]
    func symlinkTarget(_ node: Node) throws(Errno) -> [UInt8]
}

package protocol TreeOperations: ReadableTree {
    func makeNode(
        _ name: FileName, in parent: Node, mode: UInt32, device: UInt64, target: [UInt8]
    ) throws(Errno) -> Node
    func makeLink(to node: Node, _ name: FileName, in parent: Node) throws(Errno)
    func unlink(_ name: FileName, in parent: Node) throws(Errno)
    func removeDirectory(_ name: FileName, in parent: Node) throws(Errno)
    func rename(
        _ name: FileName, in parent: Node, to newName: FileName, in newParent: Node,
        flags: RenameFlags
    ) throws(Errno)
    func write(_ node: Node, _ bytes: [UInt8], at offset: UInt64) throws(Errno)
    func allocate(
        _ node: Node, mode: AllocationMode, offset: UInt64, length: UInt64
    ) throws(Errno)
    func copyRange(
        from source: Node, at sourceOffset: UInt64, to target: Node, at offset: UInt64,
        length: UInt64
    ) throws(Errno) -> UInt64
    func setAttributes(_ node: Node, _ change: AttributeChange) throws(Errno)
    func setXattr(
        _ name: [UInt8], of node: Node, to value: [UInt8], mode: XattrMode
    ) throws(Errno)
    func removeXattr(_ name: [UInt8], of node: Node) throws(Errno)
}

// MARK: By path

extension ReadableTree {
    package func resolve(_ path: [UInt8]) throws(Errno) -> Node {
        var node = root
        for part in path.split(separator: 0x2F) {
            node = try lookup(try FileName(Array(part)), in: node)
        }
        return node
    }

    package func resolve(_ path: String) throws(Errno) -> Node { try resolve(Array(path.utf8)) }

    /// Returns the directory that holds the last name of a path, and that name.
    package func place(_ path: [UInt8]) throws(Errno) -> (parent: Node, name: FileName) {
        let slash = path.lastIndex(of: 0x2F)
        let parent = try resolve(slash.map { Array(path[..<$0]) } ?? [])
        let name = try FileName(slash.map { Array(path[($0 + 1)...]) } ?? path)
        return (parent, name)
    }

    package func place(_ path: String) throws(Errno) -> (parent: Node, name: FileName) {
        try place(Array(path.utf8))
    }

    /// Returns all bytes of a file.
    package func contents(_ node: Node) throws(Errno) -> [UInt8] {
        try read(node, at: 0, count: Int(clamping: try facts(node).size))
    }

    package func text(_ path: String) throws(Errno) -> String {
        String(decoding: try contents(try resolve(path)), as: UTF8.self)
    }

    package func mode(_ path: String) throws(Errno) -> UInt32 {
        try facts(try resolve(path)).mode & 0o7777
    }

    /// Returns the names in a directory, sorted.
    package func names(_ path: String) throws(Errno) -> [String] {
        try list(try resolve(path)).keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    package func exists(_ path: String) -> Bool { (try? resolve(path)) != nil }
}

extension TreeOperations {
    @discardableResult
    package func makeFile(_ path: String, mode: UInt32 = 0o644) throws(Errno) -> Node {
        let (parent, name) = try place(path)
        return try makeNode(name, in: parent, mode: 0o100000 | mode, device: 0, target: [])
    }

    @discardableResult
    package func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(Errno) -> Node {
        let (parent, name) = try place(path)
        return try makeNode(name, in: parent, mode: 0o040000 | mode, device: 0, target: [])
    }

    package func unlink(_ path: String) throws(Errno) {
        let (parent, name) = try place(path)
        try unlink(name, in: parent)
    }

    package func removeDirectory(_ path: String) throws(Errno) {
        let (parent, name) = try place(path)
        try removeDirectory(name, in: parent)
    }

    package func rename(
        _ path: String, to newPath: String, flags: RenameFlags = []
    ) throws(Errno) {
        let (parent, name) = try place(path)
        let (newParent, newName) = try place(newPath)
        try rename(name, in: parent, to: newName, in: newParent, flags: flags)
    }

    package func link(_ path: String, to newPath: String) throws(Errno) {
        let node = try resolve(path)
        let (parent, name) = try place(newPath)
        try makeLink(to: node, name, in: parent)
    }

    package func write(_ path: String, _ text: String, at offset: UInt64 = 0) throws(Errno) {
        try write(try resolve(path), Array(text.utf8), at: offset)
    }

    package func truncate(_ path: String, to size: UInt64) throws(Errno) {
        var change = AttributeChange()
        change.size = size
        try setAttributes(try resolve(path), change)
    }

    package func changeMode(_ path: String, _ mode: UInt32) throws(Errno) {
        var change = AttributeChange()
        change.mode = mode
        try setAttributes(try resolve(path), change)
    }
}

/// Returns the error that a call throws; nil if it succeeds.
package func failure<R>(_ body: () throws(Errno) -> R) -> Errno? {
    do throws(Errno) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
