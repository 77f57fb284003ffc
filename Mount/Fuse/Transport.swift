// Transport: receives messages from the kernel and sends replies. libfuse decodes and encodes them;
// the custom I/O hook of its session calls this protocol, so that another transport (io_uring) can
// replace the device file.

internal import Glibc
internal import Platform

/// Moves whole FUSE messages. It is called from several worker threads at once. Errors are those of
/// read(2) and writev(2) on /dev/fuse: ENODEV after the unmount, ENOENT for an interrupted request.
protocol Transport: AnyObject, Sendable {
    /// Blocks for the next request and returns its length in bytes.
    func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int

    /// Sends one reply or notification, whole or not at all. Returns its length in bytes.
    func send(
        _ parts: UnsafeMutableBufferPointer<iovec>, to descriptor: Int32
    ) throws(Errno) -> Int
}

/// The device file: one read(2) for each request, one writev(2) for each reply.
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
