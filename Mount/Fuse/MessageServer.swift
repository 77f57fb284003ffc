// MessageServer: a session that is mounted nowhere, for figures of what a request costs. Messages in the form
// of the kernel's are handed to it one by one; each is served on the caller's thread as a worker would.
// For one thread at a time.

internal import CFuse
internal import Glibc
internal import Platform

package final class MessageServer {
    package let session: Session
    private let worker: Worker
    private let reply: ReplyBuffer

    package init(_ operations: any Operations, options: MountOptions) throws(MountFailure) {
        let reply = ReplyBuffer()
        let session = try Session(
            operations, options: options, fsname: "none", subtype: "draftfs", capabilities: .wanted,
            transport: reply)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        if null < 0 { throw MountFailure("cannot open /dev/null", .last) }
        try session.hook(null)
        self.session = session
        self.reply = reply
        worker = Worker(session: session.handle, context: session.context)
    }

    /// Serves one message, which may be written over, and lends its reply until the next one: empty for
    /// a message that has none.
    package func serve(_ message: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        reply.clear()
        var buffer = fuse_buf()
        buffer.mem = message.baseAddress
        buffer.size = message.count
        worker.process(buffer)
        return reply.bytes
    }
}

/// Keeps the last reply. Unchecked: only the thread that serves writes to it, as notices, which come from
/// another thread, go nowhere.
private final class ReplyBuffer: Transport, @unchecked Sendable {
    /// Longer than any reply: 1 MiB of data and a header.
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 << 20, alignment: 4096)
    private var count = 0

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    func clear() { count = 0 }

    /// There are no messages but those of `serve`.
    func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int { throw .noDevice }

    func send(
        _ parts: UnsafeMutableBufferPointer<iovec>, to descriptor: Int32
    ) throws(Errno) -> Int {
        var length = 0
        for part in parts { length += part.iov_len }
        // A notice answers no message, so that its number is 0.
        guard length <= memory.count, let first = parts.first, first.iov_len >= 16,
            let header = first.iov_base, header.loadUnaligned(fromByteOffset: 8, as: UInt64.self) != 0
        else { return length }
        for part in parts {
            UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(
                from: UnsafeRawBufferPointer(start: part.iov_base, count: part.iov_len))
            count += part.iov_len
        }
        return length
    }
}
