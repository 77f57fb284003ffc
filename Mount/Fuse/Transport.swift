// Transport: how messages come from and go to the kernel. libfuse decodes and encodes them; the
// custom I/O hook of its session ends here, so that another transport (io_uring) can replace
// the device file.

internal import Glibc
internal import Platform

/// Moves whole FUSE messages. Called from several worker threads at once; errors are those of
/// read(2) and writev(2) on /dev/fuse: ENODEV once unmounted, ENOENT for an interrupted request.
protocol Transport: AnyObject, Sendable {
    /// Blocks for the next request and answers its length.
    func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int

    /// Sends one reply or notification, whole or not at all; answers its length.
    func send(
        _ parts: UnsafeMutableBufferPointer<iovec>, to descriptor: Int32
    ) throws(Errno) -> Int
}

/// The device file: one read(2) for a request, one writev(2) for a reply.
final class DeviceTransport: Transport {
    init() {}

    func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count < 0 { throw .last }
        return count
    }

    func send(
        _ parts: UnsafeMutableBufferPointer<iovec>, to descriptor: Int32
    ) throws(Errno) -> Int {
        let count = writev(descriptor, parts.baseAddress, Int32(clamping: parts.count))
        if count < 0 { throw .last }
        return count
    }
}
