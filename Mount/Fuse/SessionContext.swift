// SessionContext: the state that libfuse's callbacks reach through their user data pointer. It lives
// as long as the session and is safe to use from any thread.

internal import CFuse
internal import Glibc
internal import Platform
internal import Synchronization

final class SessionContext: Sendable {
    let operations: any Operations
    let transport: any Transport
    private let wanted: Capabilities
    private let offered = Atomic<UInt64>(0)
    /// The number of the FUSE_INIT request that waits for its reply, else 0.
    private let pendingInit = Atomic<UInt64>(0)
    private let agreed = Atomic<UInt64>(0)
    private let initialized: Mutex<(@Sendable () -> Void)?> = Mutex(nil)

    init(_ operations: any Operations, _ transport: any Transport, wanted: Capabilities) {
        self.operations = operations
        self.transport = transport
        self.wanted = wanted
    }

    /// The flags of the reply to FUSE_INIT; empty before it.
    var negotiated: Capabilities { Capabilities(rawValue: agreed.load(ordering: .acquiring)) }

    /// Sets the action to run once the kernel has the reply to FUSE_INIT.
    func whenInitialized(_ action: @escaping @Sendable () -> Void) {
        initialized.withLock { $0 = action }
    }

    /// Records the flags that the kernel offers in a FUSE_INIT request.
    func noteInit(_ request: RawRequest) {
        offered.store(request.offeredCapabilities.rawValue, ordering: .relaxed)
        pendingInit.store(request.unique, ordering: .releasing)
    }

    /// Selects the flags in libfuse's structure, after libfuse has decoded FUSE_INIT.
    func initialize(_ connection: UnsafeMutablePointer<fuse_conn_info>) {
        let offered = Capabilities(rawValue: self.offered.load(ordering: .relaxed))
        connection.pointee.want = wanted.libraryFlags & connection.pointee.capable
        operations.initialize(
            ProtocolInfo(
                major: connection.pointee.proto_major, minor: connection.pointee.proto_minor,
                offered: offered, agreed: wanted.intersection(offered),
                maximumWrite: Int(connection.pointee.max_write),
                maximumReadAhead: Int(connection.pointee.max_readahead)))
    }

    func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        try transport.receive(from: descriptor, into: buffer)
    }

    func send(
        _ parts: UnsafeMutableBufferPointer<iovec>, to descriptor: Int32
    ) throws(Errno) -> Int {
        if pendingInit.load(ordering: .relaxed) == 0 || !amendInitReply(parts) {
            return try transport.send(parts, to: descriptor)
        }
        let length = try transport.send(parts, to: descriptor)
        let action = initialized.withLock { $0.take() }
        action?()
        return length
    }

    /// Amends the flags if these parts are the reply to FUSE_INIT, and returns whether they are. A
    /// reply is a header (length, error, number of the request) followed by its body.
    private func amendInitReply(_ parts: UnsafeMutableBufferPointer<iovec>) -> Bool {
        let pending = pendingInit.load(ordering: .acquiring)
        guard parts.count >= 2, parts[0].iov_len >= 16, let header = parts[0].iov_base,
            header.loadUnaligned(fromByteOffset: 8, as: UInt64.self) == pending,
            header.loadUnaligned(fromByteOffset: 4, as: Int32.self) == 0
        else { return false }
        pendingInit.store(0, ordering: .relaxed)
        let body = UnsafeMutableRawBufferPointer(
            start: parts[1].iov_base, count: parts[1].iov_len)
        let offered = Capabilities(rawValue: self.offered.load(ordering: .relaxed))
        let unwanted = Capabilities.knownToLibrary.subtracting(wanted)
        let flags = InitReply.amend(
            body, adding: wanted.intersection(offered), removing: unwanted)
        if let flags {
            agreed.store(flags.rawValue, ordering: .releasing)
        }
        return true
    }

    /// The custom I/O hook of libfuse. It returns -1 and sets errno on failure, as read(2) and
    /// writev(2) do.
    static let customIO = fuse_custom_io(
        writev: { descriptor, parts, count, context in
            guard let context else { return -1 }
            return Unmanaged<SessionContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
                do throws(Errno) {
                    return try $0.send(
                        UnsafeMutableBufferPointer(start: parts, count: Int(count)),
                        to: descriptor)
                } catch {
                    errno = error.code
                    return -1
                }
            }
        },
        read: { descriptor, buffer, length, context in
            guard let context else { return -1 }
            return Unmanaged<SessionContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
                do throws(Errno) {
                    return try $0.receive(
                        from: descriptor,
                        into: UnsafeMutableRawBufferPointer(start: buffer, count: length))
                } catch {
                    errno = error.code
                    return -1
                }
            }
        },
        splice_receive: nil, splice_send: nil)
}
