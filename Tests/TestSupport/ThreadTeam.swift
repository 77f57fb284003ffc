// ThreadTeam: runs a test on several threads of its own, which run beside each other whatever the number of
// processors. concurrentPerform of Dispatch may make one call after the other on a host with one processor.

import Glibc
package import Overlay
package import Synchronization

/// Holds the threads back until all of them are there.
private final class ThreadGate: Sendable {
    let isOpen = Mutex(false)
}

private final class TeamThread {
    private let index: Int
    private let gate: ThreadGate
    private let body: (Int) -> Void
    private var thread = pthread_t()

    init(_ index: Int, _ gate: ThreadGate, _ body: @escaping (Int) -> Void) {
        self.index = index
        self.gate = gate
        self.body = body
    }

    /// Starts the thread. The caller keeps this object until the thread was joined.
    /// - Returns: the errno, 0 for success.
    func start() -> Int32 {
        pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<TeamThread>.fromOpaque(raw).takeUnretainedValue().run()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func run() {
        if gate.isOpen.withLock({ $0 }) { body(index) }
    }

    func join() { pthread_join(thread, nil) }
}

/// Calls `body` with 0, 1 and so on, each on a thread of its own, and waits for the end of all.
/// - Throws: if a thread cannot be made. Then no call was made, since one may wait for another.
package func onThreads(_ count: Int, _ body: (Int) -> Void) throws {
    try withoutActuallyEscaping(body) { body in
        let gate = ThreadGate()
        let threads = (0..<count).map { TeamThread($0, gate, body) }
        var made = 0
        var failure: Int32 = 0
        gate.isOpen.withLock { isOpen in
            while made < count {
                failure = threads[made].start()
                if failure != 0 { break }
                made += 1
            }
            isOpen = failure == 0
        }
        for thread in threads.prefix(made) { thread.join() }
        if failure != 0 { throw CheckFailure("pthread_create: \(words(failure))") }
    }
}

extension Workspace {
    /// Maintains the workspace, with a checkpoint each time: once, and again while others run.
    /// - Returns: the number of times.
    package func maintain(while running: borrowing Atomic<Int>) -> Int {
        var times = 0
        repeat {
            maintenance.maintain(checkpointNow: true)
            _ = accounts.statistics
            times += 1
        } while running.load(ordering: .relaxed) > 0
        return times
    }
}
