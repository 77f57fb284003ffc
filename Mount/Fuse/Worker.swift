// Worker: one thread that receives requests, reads the parts that libfuse hides, and has libfuse
// decode them, until the mount is gone. Each worker has its own counters of operations, so that
// workers do not contend.

internal import CFuse
internal import Glibc
internal import Platform
internal import Synchronization

final class Worker: @unchecked Sendable {
    private let session: OpaquePointer
    private let context: SessionContext
    /// Operations with this number or a higher one are not counted.
    static let opcodeLimit = 64
    private let counts = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }
    /// Whether the thread is in the receive call or about to be. Only then may `kick` interrupt it.
    private let receiving = Atomic<Bool>(false)
    /// How often the thread has begun to wait for a request.
    private let rounds = Atomic<UInt64>(0)
    /// nil before the thread starts and after it ends, so that `kick` does not signal a thread that
    /// is gone.
    private let thread = Mutex<pthread_t?>(nil)

    init(session: OpaquePointer, context: SessionContext) {
        self.session = session
        self.context = context
    }

    func count(of opcode: Int) -> UInt64 { counts[opcode].load(ordering: .relaxed) }

    /// Starts the thread. Returns false if the system cannot start one. `atEnd` gets the error that
    /// ended the loop, or nil.
    func start(_ atEnd: @escaping @Sendable (Errno?) -> Void) -> Bool {
        Worker.installKick
        return Thread.start { [self] in
            Worker.prepareSignals()
            thread.withLock { $0 = pthread_self() }
            let error = loop()
            thread.withLock { $0 = nil }
            atEnd(error)
        }
    }

    private func loop() -> Errno? {
        // libfuse allocates this memory with malloc, with the size of the longest request.
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        while fuse_session_exited(session) == 0 {
            rounds.wrappingAdd(1, ordering: .acquiringAndReleasing)
            receiving.store(true, ordering: .relaxed)
            let length = fuse_session_receive_buf(session, &buffer)
            receiving.store(false, ordering: .relaxed)
            if length == -EINTR || length == -EAGAIN { continue }
            if length == 0 { return nil }
            if length < 0 { return Errno(-length) }
            process(buffer)
        }
        return nil
    }

    func process(_ received: fuse_buf) {
        var buffer = received
        let bytes = UnsafeMutableRawBufferPointer(start: buffer.mem, count: buffer.size)
        guard let request = RawRequest(bytes) else { return }
        count(request.opcode)
        switch request.opcode {
        case Opcode.write: request.carryWriteFlags()
        case Opcode.setAttributes: request.carryAttributeFlags()
        case Opcode.setXattr where context.negotiated.contains(.extendedSetXattr):
            let skipped = request.foldExtendedSetXattr()
            buffer.mem += skipped
            buffer.size -= skipped
        case Opcode.initialize: context.noteInit(request)
        default: break
        }
        fuse_session_process_buf(session, &buffer)
    }

    /// Counts an operation. Only this thread writes the counters, so no atomic addition is needed.
    private func count(_ opcode: UInt32) {
        let index = Int(opcode)
        guard index < Worker.opcodeLimit else { return }
        let old = counts[index].load(ordering: .relaxed)
        counts[index].store(old &+ 1, ordering: .relaxed)
    }
}

// Ending a worker that waits in the kernel.
extension Worker {
    /// The current round, for `hasPassed`.
    var round: UInt64 { rounds.load(ordering: .acquiring) }

    /// Returns whether the request of that round is done. A worker that waits in the kernel must be
    /// kicked first.
    func hasPassed(_ round: UInt64) -> Bool {
        rounds.load(ordering: .acquiring) != round || thread.withLock { $0 == nil }
    }

    /// Interrupts the receive call. The signal may come too early, so callers repeat it until the
    /// worker has ended.
    func kick() {
        guard receiving.load(ordering: .relaxed) else { return }
        thread.withLock { thread in
            if let thread { pthread_kill(thread, Worker.kickSignal) }
        }
    }

    /// A real-time signal without another meaning in this process.
    private static let kickSignal = __libc_current_sigrtmin() + 7

    /// Installs the handler without SA_RESTART, so that the receive call fails with EINTR.
    private static let installKick: Void = {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(kickSignal, &action, nil)
    }()

    private static func prepareSignals() {
        Thread.blockProcessSignals()
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, kickSignal)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
