// Ground: what tools stand on. Paths of a mount or of plain directories, and a store opened in the
// same process, both are grounds: the operations above know neither system calls nor control files.

package import Platform

/// Which state of a file somebody has seen: it changes with each change of the content.
package struct FileVersion: Hashable, Sendable, CustomStringConvertible {
    private let token: String

    package init(_ status: FileStatus) {
        var writer = ByteWriter(capacity: 48)
        for number in [status.device, status.inode, status.size] { writer.integer(number) }
        writer.integer(status.modificationTime)
        writer.integer(status.changeTime)
        token = String(Checksum.xxh3(writer.bytes), radix: 36)
    }

    /// As a caller gives it back.
    package init(token: String) { self.token = token }

    package var description: String { token }
}

/// A file opened for reading. It stays what it is when its name goes.
package protocol GroundFile: Sendable {
    /// As it is now.
    func status() throws(ToolError) -> FileStatus
    /// Up to `count` bytes from `offset`; fewer only where the file ends.
    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8]
}

/// Bytes that go and bytes that come in their place; offsets are those before the edit.
package struct ByteSplice: Equatable, Sendable {
    package var offset: UInt64
    package var delete: UInt64
    package var insert: [UInt8]

    package init(offset: UInt64, delete: UInt64, insert: [UInt8]) {
        self.offset = offset
        self.delete = delete
        self.insert = insert
    }
}

package protocol Ground: Sendable {
    var roots: Roots { get }

    /// Opens a regular file; symlinks are followed as long as they stay inside the roots.
    func open(_ path: ToolPath) throws(ToolError) -> any GroundFile
    /// What a path leads to, the link itself where it is one.
    func status(_ path: ToolPath) throws(ToolError) -> FileStatus
    func list(_ path: ToolPath) throws(ToolError) -> [HostEntry]

    /// Changes a file by splices, which are in order and do not overlap: all of them or none. Its
    /// mode, owner, attributes and links stay.
    /// - Parameter expected: refused with `stale` if the file is another one by now; nil accepts any.
    /// - Returns: the version that the file has afterwards.
    func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion

    /// Makes a file that is not there: it appears with all of its content, or not at all.
    /// - Throws: `exists` if there is something of that name.
    func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError)

    /// - Parameter withParents: directories above are made too, and one that is there is no error.
    func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError)

    /// Renames a file or directory; what is at the new name already stays, and the call fails.
    func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError)
}
