// Request: one message of the kernel, to be answered exactly once. The only file that calls
// libfuse's reply functions. Move-only: a reply consumes it, and what is dropped answers EIO,
// so no caller hangs on a forgotten path. May be answered on any thread while the session lives.

internal import CFuse
internal import Glibc
package import Platform

/// Who asks, as the kernel saw it in the user namespace of the mount.
package struct Caller: Sendable, Equatable {
    package var uid: UInt32
    package var gid: UInt32
    /// The thread, 0 where the kernel itself asks (write-back, read-ahead).
    package var pid: Int32
    /// Filled in for create, mknod and mkdir only.
    package var umask: UInt32
}

/// A request that waits for its answer.
package struct Request: ~Copyable, @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { _ = fuse_reply_err(handle, EIO) }

    package var context: Caller {
        guard let raw = fuse_req_ctx(handle) else {
            return Caller(uid: 0, gid: 0, pid: 0, umask: 0)
        }
        return Caller(
            uid: raw.pointee.uid, gid: raw.pointee.gid, pid: raw.pointee.pid,
            umask: raw.pointee.umask)
    }

    /// Ends the request's life in Swift: libfuse frees the handle with the reply.
    private consuming func take() -> OpaquePointer {
        let taken = handle
        discard self
        return taken
    }
}

// Short answers.
extension Request {
    package consuming func fail(_ error: Errno) {
        let code = (1..<1000).contains(error.code) ? error.code : EIO
        _ = fuse_reply_err(take(), code)
    }

    package consuming func ok() { _ = fuse_reply_err(take(), 0) }

    /// For forget, which has no answer.
    package consuming func none() { fuse_reply_none(take()) }

    /// The kernel now holds one reference to the node, to be given back by forget. Answers
    /// false if the request was interrupted: then it holds none.
    @discardableResult
    package consuming func entry(_ entry: NodeEntry) -> Bool {
        var parameters = entry.parameters
        return fuse_reply_entry(take(), &parameters) == 0
    }

    /// No such name, which the kernel may remember for `timeout` seconds.
    package consuming func negativeEntry(timeout: Double) {
        var parameters = fuse_entry_param()
        parameters.entry_timeout = timeout
        _ = fuse_reply_entry(take(), &parameters)
    }

    /// `timeout` in seconds.
    package consuming func attributes(_ attributes: NodeAttributes, timeout: Double) {
        var status = attributes.status
        _ = fuse_reply_attr(take(), &status, timeout)
    }

    /// Bytes written, or copied by copy_file_range.
    package consuming func written(_ count: Int) { _ = fuse_reply_write(take(), count) }

    package consuming func statfs(_ statistics: FileSystemStatistics) {
        var status = statistics.status
        _ = fuse_reply_statfs(take(), &status)
    }

    /// The length of a value or list in bytes, where the caller asked with size 0.
    package consuming func xattrSize(_ count: Int) { _ = fuse_reply_xattr(take(), count) }

    package consuming func seekOffset(_ offset: Int64) {
        _ = fuse_reply_lseek(take(), Int(offset))
    }
}

// Answers with data.
extension Request {
    package consuming func data(_ bytes: UnsafeRawBufferPointer) {
        _ = fuse_reply_buf(
            take(), bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    /// Lets `fill` write up to `capacity` bytes into a buffer of this thread and answer how
    /// many, then sends them; an error it throws is the answer. Allocates nothing up to 1 MiB.
    /// `fill` must not call this again on the same thread.
    package consuming func data(
        capacity: Int, fill: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int
    ) {
        guard let scratch = ScratchBuffer(capacity) else { return fail(.noMemory) }
        do throws(Errno) {
            let count = try fill(scratch.bytes)
            guard (0...scratch.bytes.count).contains(count) else { return fail(.inputOutput) }
            data(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<count]))
        } catch {
            fail(error)
        }
    }

    package consuming func symlink(_ target: [UInt8]) {
        let handle = take()
        target.withUnsafeBytes { raw in
            _ = fuse_reply_buf(
                handle, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
        }
    }

    /// Answers getxattr or listxattr: the length if `size` is 0, ERANGE if the value is
    /// longer, else the value.
    package consuming func xattr(_ value: [UInt8], size: Int) {
        if size == 0 { return xattrSize(value.count) }
        if value.count > size { return fail(.range) }
        symlink(value)
    }

    package consuming func directory(_ buffer: borrowing DirectoryBuffer) {
        data(buffer.bytes)
    }
}
