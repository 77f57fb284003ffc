// Worker: one thread that receives a request, looks into it for what libfuse hides, and has
// libfuse decode it, until the mount is gone. Counts operations in numbers of its own, so
// that workers do not contend.

internal import CFuse
internal import Glibc
internal import Platform
internal import Synchronization

final class Worker: @unchecked Sendable {
    private let session: OpaquePointer
    private let context: SessionContext
    /// Operations from this number on are not counted.
    static let opcodeLimit = 64
    private let counts = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }
    /// In the receive call, or about to be: only then does `kick` disturb nobody.
    private let receiving = Atomic<Bool>(false)
    /// How often it has begun to wait for a request.
    private let rounds = Atomic<UInt64>(0)
    /// nil before the thread runs and after: a kick must not meet a thread that has gone.
    private let thread = Mutex<pthread_t?>(nil)

    init(session: OpaquePointer, context: SessionContext) {
        self.session = session
        self.context = context
    }

    func count(of opcode: Int) -> UInt64 { counts[opcode].load(ordering: .relaxed) }

    /// False if the system has no thread to give. `atEnd` gets the error that ended it, if any.
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
        // libfuse allocates the memory with malloc, as long as the longest request.
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

    private func process(_ received: fuse_buf) {
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

    /// Only this thread writes: no atomic addition needed.
    private func count(_ opcode: UInt32) {
        let index = Int(opcode)
        guard index < Worker.opcodeLimit else { return }
        let old = counts[index].load(ordering: .relaxed)
        counts[index].store(old &+ 1, ordering: .relaxed)
    }
}

// Ending a worker that sleeps in the kernel.
extension Worker {
    /// For `hasPassed`.
    var round: UInt64 { rounds.load(ordering: .acquiring) }

    /// Whether what it had in hand in that round is done. One that sleeps must be kicked for that.
    func hasPassed(_ round: UInt64) -> Bool {
        rounds.load(ordering: .acquiring) != round || thread.withLock { $0 == nil }
    }

    /// Interrupts the receive call. May come too early, so callers repeat it until the worker
    /// has ended.
    func kick() {
        guard receiving.load(ordering: .relaxed) else { return }
        thread.withLock { thread in
            if let thread { pthread_kill(thread, Worker.kickSignal) }
        }
    }

    /// A real-time signal that means nothing to anybody.
    private static let kickSignal = __libc_current_sigrtmin() + 7

    /// Without SA_RESTART, so that the receive call ends with EINTR.
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
