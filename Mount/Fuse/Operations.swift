// Operations: the requests of the kernel, one method each, with plain values. A method answers a
// request by consuming it, on any thread; a dropped request is answered with EIO. No method may rely
// on file handles: open, opendir, create and flush return ENOSYS, and the kernel then stops sending
// them.

package import Platform

/// A change of attributes that the kernel requests. A nil field stays unchanged.
package struct AttributeChange: Sendable, Equatable {
    package enum Time: Sendable, Equatable {
        case now
        /// A time in nanoseconds since 1970.
        case at(Int64)
    }

    package var mode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    package var size: UInt64?
    package var accessTime: Time?
    package var modificationTime: Time?
    package var changeTime: Int64?
    /// Whether to clear setuid, and setgid if the group may execute. The kernel sets this when the
    /// owner changes, or when a caller without CAP_FSETID truncates or is about to write. It may be
    /// the only change; the kernel then takes the mode from the reply.
    package var killSetID = false

    package init() {}
}

/// The flags of a write request.
package struct WriteFlags: Sendable, Equatable {
    /// The caller lacks CAP_FSETID: clear setuid, and setgid if the group may execute.
    package var killSetID: Bool
    /// The data is written back from a shared mapping: uid and pid may be those of another process.
    package var fromPageCache: Bool
    /// The file is open with O_APPEND.
    package var appends: Bool
}

/// The flags of setxattr(2).
package struct XattrFlags: Sendable, Equatable {
    /// XATTR_CREATE: fail with EEXIST if the attribute exists.
    package var create: Bool
    /// XATTR_REPLACE: fail with ENODATA if the attribute does not exist.
    package var replace: Bool
    /// The caller sets an access ACL and is not in the file's group: clear setgid.
    package var killSetGroupID: Bool
}

/// The operations of a file system. They are called from several threads at once.
package protocol Operations: AnyObject, Sendable {
    /// Called once, on a worker thread, before any other request.
    func initialize(_ info: ProtocolInfo)
    /// Called once, when the session has ended and no more requests can come.
    func destroy()

    func lookup(_ request: consuming Request, parent: UInt64, name: FileName)
    /// Looks up the name `.`; only NFS file handles need this.
    func lookupSelf(_ request: consuming Request, node: UInt64)
    /// Looks up the name `..`; only NFS file handles need this.
    func lookupParent(_ request: consuming Request, node: UInt64)
    /// Drops `count` of the references that the kernel got with entries. There is no reply.
    func forget(node: UInt64, count: UInt64)
    /// Drops references of several nodes at once, as (node, count).
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
    /// - Parameter flags: the flags of renameat2(2).
    func rename(
        _ request: consuming Request, parent: UInt64, name: FileName, newParent: UInt64,
        newName: FileName, flags: UInt32)

    func open(_ request: consuming Request, node: UInt64, flags: Int32)
    func create(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32, flags: Int32)
    func read(_ request: consuming Request, node: UInt64, offset: UInt64, size: Int)
    /// - Parameter data: valid only during the call.
    func write(
        _ request: consuming Request, node: UInt64, data: UnsafeRawBufferPointer,
        offset: UInt64, flags: WriteFlags)
    func flush(_ request: consuming Request, node: UInt64)
    func release(_ request: consuming Request, node: UInt64)
    func fsync(_ request: consuming Request, node: UInt64, dataOnly: Bool)
    /// - Parameter mode: the mode of fallocate(2).
    func fallocate(
        _ request: consuming Request, node: UInt64, mode: Int32, offset: UInt64, length: UInt64)
    /// - Parameter whence: SEEK_DATA or SEEK_HOLE; the kernel handles the others.
    func lseek(_ request: consuming Request, node: UInt64, offset: Int64, whence: Int32)
    func copyFileRange(
        _ request: consuming Request, from source: UInt64, at sourceOffset: UInt64,
        to target: UInt64, at targetOffset: UInt64, length: UInt64)

    func opendir(_ request: consuming Request, node: UInt64, flags: Int32)
    /// `cookie` is 0 or the cookie of the last entry read; `size` is the maximum size of the reply in
    /// bytes.
    func readdir(_ request: consuming Request, node: UInt64, cookie: UInt64, size: Int)
    func readdirplus(_ request: consuming Request, node: UInt64, cookie: UInt64, size: Int)
    func releasedir(_ request: consuming Request, node: UInt64)
    func fsyncdir(_ request: consuming Request, node: UInt64, dataOnly: Bool)

    /// - Parameter value: valid only during the call.
    func setxattr(
        _ request: consuming Request, node: UInt64, name: [UInt8],
        value: UnsafeRawBufferPointer, flags: XattrFlags)
    /// `size` 0 asks only for the length; `Request.xattr` handles both cases.
    func getxattr(_ request: consuming Request, node: UInt64, name: [UInt8], size: Int)
    func listxattr(_ request: consuming Request, node: UInt64, size: Int)
    func removexattr(_ request: consuming Request, node: UInt64, name: [UInt8])
}
