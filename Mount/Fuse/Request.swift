// Request: one message of the kernel, which is answered exactly once, on any thread, while the
// session lives. Only this file calls libfuse's reply functions. The type is move-only: a reply
// consumes it, and a dropped request answers EIO, so that no caller hangs on a forgotten code path.

internal import CFuse
internal import Glibc
package import Platform

/// The caller of a request, in the user namespace of the mount.
package struct Caller: Sendable, Equatable {
    package var uid: UInt32
    package var gid: UInt32
    /// The thread; 0 if the request comes from the kernel itself (write-back, read-ahead).
    package var pid: Int32
    /// Valid for create, mknod and mkdir only.
    package var umask: UInt32
}

/// A request that waits for its reply.
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

    /// Ends the request's life in Swift, because libfuse frees the handle with the reply.
    private consuming func take() -> OpaquePointer {
        let taken = handle
        discard self
        return taken
    }
}

// Replies without data.
extension Request {
    package consuming func fail(_ error: Errno) {
        let code = (1..<1000).contains(error.code) ? error.code : EIO
        _ = fuse_reply_err(take(), code)
    }

    package consuming func ok() { _ = fuse_reply_err(take(), 0) }

    /// Ends a forget request, which has no reply.
    package consuming func none() { fuse_reply_none(take()) }

    /// Replies with a node. The kernel then holds one reference to it, which it returns by forget.
    /// Returns false if the request was interrupted; the kernel then holds no reference.
    @discardableResult
    package consuming func entry(_ entry: NodeEntry) -> Bool {
        var parameters = entry.parameters
        return fuse_reply_entry(take(), &parameters) == 0
    }

    /// Replies that the name does not exist. The kernel may cache this for `timeout` seconds.
    package consuming func negativeEntry(timeout: Double) {
        var parameters = fuse_entry_param()
        parameters.entry_timeout = timeout
        _ = fuse_reply_entry(take(), &parameters)
    }

    /// - Parameter timeout: in seconds.
    package consuming func attributes(_ attributes: NodeAttributes, timeout: Double) {
        var status = attributes.status
        _ = fuse_reply_attr(take(), &status, timeout)
    }

    /// Replies with the number of bytes written, or copied by copy_file_range.
    package consuming func written(_ count: Int) { _ = fuse_reply_write(take(), count) }

    package consuming func statfs(_ statistics: FileSystemStatistics) {
        var status = statistics.status
        _ = fuse_reply_statfs(take(), &status)
    }

    /// Replies with the length of a value or list in bytes, for a request with size 0.
    package consuming func xattrSize(_ count: Int) { _ = fuse_reply_xattr(take(), count) }

    package consuming func seekOffset(_ offset: Int64) {
        _ = fuse_reply_lseek(take(), Int(offset))
    }
}

// Replies with data.
extension Request {
    package consuming func data(_ bytes: UnsafeRawBufferPointer) {
        _ = fuse_reply_buf(
            take(), bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    /// Calls `fill` with a buffer of this thread, and sends the bytes that it wrote. `fill` returns
    /// their number, at most `capacity`; if it throws, the reply is that error. Does not allocate for
    /// up to 1 MiB. `fill` must not call this method again on the same thread.
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

    /// Replies with the target of readlink.
    package consuming func symlink(_ target: [UInt8]) { data(target) }

    package consuming func data(_ bytes: [UInt8]) {
        let handle = take()
        bytes.withUnsafeBytes { raw in
            _ = fuse_reply_buf(
                handle, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
        }
    }

    /// Answers getxattr or listxattr: with the length if `size` is 0, with ERANGE if the value is
    /// longer than `size`, else with the value.
    package consuming func xattr(_ value: [UInt8], size: Int) {
        if size == 0 { return xattrSize(value.count) }
        if value.count > size { return fail(.range) }
        data(value)
    }

    package consuming func directory(_ buffer: borrowing DirectoryBuffer) {
        data(buffer.bytes)
    }
}
