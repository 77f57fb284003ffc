// Operations: the calls of the kernel, one method each, with plain values. A request is answered
// by consuming it, on any thread; one that is dropped answers EIO. No method may rely on file
// handles: open, opendir, create and flush answer ENOSYS, and then the kernel stops asking.

package import Platform

/// A change of attributes as the kernel asks for it: nil leaves a field alone.
package struct AttributeChange: Sendable, Equatable {
    package enum Time: Sendable, Equatable {
        case now
        /// Nanoseconds since 1970.
        case at(Int64)
    }

    package var mode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    package var size: UInt64?
    package var accessTime: Time?
    package var modificationTime: Time?
    package var changeTime: Int64?
    /// Clear setuid, and setgid where the group may execute: the owner changes, or a caller
    /// without CAP_FSETID truncates or is about to write. May come with no other change; the
    /// kernel then believes the mode of the answer.
    package var killSetID = false

    package init() {}
}

/// Flags of a write request.
package struct WriteFlags: Sendable, Equatable {
    /// The caller lacks CAP_FSETID: clear setuid, and setgid where the group may execute.
    package var killSetID: Bool
    /// Written back from a shared mapping: uid and pid may be those of another process.
    package var fromPageCache: Bool
    /// The file is open with O_APPEND.
    package var appends: Bool
}

/// Flags of setxattr(2).
package struct XattrFlags: Sendable, Equatable {
    /// XATTR_CREATE: fail with EEXIST if there.
    package var create: Bool
    /// XATTR_REPLACE: fail with ENODATA if not there.
    package var replace: Bool
    /// An access ACL is set by somebody outside of the file's group: clear setgid.
    package var killSetGroupID: Bool
}

/// What a file system does. Called from several threads at once.
package protocol Operations: AnyObject, Sendable {
    /// Once, on a worker thread, before any other request.
    func initialize(_ info: ProtocolInfo)
    /// Once, when the session has ended and no request can come any more.
    func destroy()

    func lookup(_ request: consuming Request, parent: UInt64, name: FileName)
    /// The name `.`, asked for by NFS file handles only.
    func lookupSelf(_ request: consuming Request, node: UInt64)
    /// The name `..`, asked for by NFS file handles only.
    func lookupParent(_ request: consuming Request, node: UInt64)
    /// The kernel drops `count` references of those that entries gave it. No reply.
    func forget(node: UInt64, count: UInt64)
    /// Several at once, as (node, count).
    func forget(_ list: [(UInt64, UInt64)])

    func getattr(_ request: consuming Request, node: UInt64)
    func setattr(_ request: consuming Request, node: UInt64, change: AttributeChange)
    func access(_ request: consuming Request, node: UInt64, mask: Int32)
    func statfs(_ request: consuming Request, node: UInt64)

    func readlink(_ request: consuming Request, node: UInt64)
    func mknod(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32,
        specialDevice: UInt64)
    func mkdir(_ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32)
    func symlink(_ request: consuming Request, target: [UInt8], parent: UInt64, name: FileName)
    func link(_ request: consuming Request, node: UInt64, newParent: UInt64, newName: FileName)
    func unlink(_ request: consuming Request, parent: UInt64, name: FileName)
    func rmdir(_ request: consuming Request, parent: UInt64, name: FileName)
    /// `flags` are those of renameat2(2).
    func rename(
        _ request: consuming Request, parent: UInt64, name: FileName, newParent: UInt64,
        newName: FileName, flags: UInt32)

    func open(_ request: consuming Request, node: UInt64, flags: Int32)
    func create(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32, flags: Int32)
    func read(_ request: consuming Request, node: UInt64, offset: UInt64, size: Int)
    /// `data` is valid during the call only.
    func write(
        _ request: consuming Request, node: UInt64, data: UnsafeRawBufferPointer,
        offset: UInt64, flags: WriteFlags)
    func flush(_ request: consuming Request, node: UInt64)
    func release(_ request: consuming Request, node: UInt64)
    func fsync(_ request: consuming Request, node: UInt64, dataOnly: Bool)
    /// `mode` is that of fallocate(2).
    func fallocate(
        _ request: consuming Request, node: UInt64, mode: Int32, offset: UInt64, length: UInt64)
    /// Only SEEK_DATA and SEEK_HOLE come.
    func lseek(_ request: consuming Request, node: UInt64, offset: Int64, whence: Int32)
    func copyFileRange(
        _ request: consuming Request, from source: UInt64, at sourceOffset: UInt64,
        to target: UInt64, at targetOffset: UInt64, length: UInt64)

    func opendir(_ request: consuming Request, node: UInt64, flags: Int32)
    /// `cookie` is 0 or that of the last entry that was read; `size` the reply's limit in bytes.
    func readdir(_ request: consuming Request, node: UInt64, cookie: UInt64, size: Int)
    func readdirplus(_ request: consuming Request, node: UInt64, cookie: UInt64, size: Int)
    func releasedir(_ request: consuming Request, node: UInt64)
    func fsyncdir(_ request: consuming Request, node: UInt64, dataOnly: Bool)

    /// `value` is valid during the call only.
    func setxattr(
        _ request: consuming Request, node: UInt64, name: [UInt8],
        value: UnsafeRawBufferPointer, flags: XattrFlags)
    /// `size` 0 asks for the length only; `Request.xattr` does both.
    func getxattr(_ request: consuming Request, node: UInt64, name: [UInt8], size: Int)
    func listxattr(_ request: consuming Request, node: UInt64, size: Int)
    func removexattr(_ request: consuming Request, node: UInt64, name: [UInt8])
}
