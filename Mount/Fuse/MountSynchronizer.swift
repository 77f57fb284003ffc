// MountSynchronizer: has the kernel write the dirty pages of shared mappings back to us.
//
// syncfs(2) sends them; but Linux (6.18.y, 6.19 and later) does not wait for a FUSE server to take
// them. They stand in the kernel's one queue of background requests. So we read a page of our own
// mount next, which goes through the same queue: once we have that request, a worker has each page
// that was sent before it. Then we wait for the workers to be done with what they have in hand.
//
// The thread waits for our workers in the kernel, where no signal reaches it. Were the process killed
// then, the connection would end only with its last descriptor, and with it the wait. So this thread
// has a table of descriptors of its own, without the connection's.

internal import Glibc
package import Platform
internal import Synchronization

package final class MountSynchronizer: @unchecked Sendable {
    private let path: String
    private let barrier: String
    private let session = Mutex<Session?>(nil)
    /// How long workers are waited for, in milliseconds.
    private static let limit = 30_000
    private let monitor = Monitor()

    // Guarded by `monitor`.
    private var asked: UInt64 = 0
    private var done: UInt64 = 0
    private var failure: Errno?
    private var isRunning = false

    /// - Parameters:
    ///   - path: the mount point, absolute.
    ///   - barrier: a file below it that is not empty and never cached from one open to the next.
    package init(_ path: String, barrier: String) {
        self.path = path
        self.barrier = barrier
    }

    /// The session that serves the mount; nil at its end.
    package func connect(_ session: Session?) { self.session.withLock { $0 = session } }

    /// Returns once all that was dirty at the call has been written. Never from a worker, nor under a
    /// lock that one may want.
    package func synchronize() throws(Errno) {
        monitor.lock()
        defer { monitor.unlock() }
        asked += 1
        let ticket = asked
        if !isRunning {
            guard Thread.start({ [self] in run() }) else { throw .again }
            isRunning = true
        }
        monitor.wakeAll()
        while done < ticket { monitor.wait() }
        if let failure { throw failure }
    }

    /// Each round serves all who asked before it began.
    private func run() {
        Thread.blockProcessSignals()
        // Where that cannot be had, a kill at the wrong moment leaves a mount to be aborted by hand.
        try? detachDescriptors()
        monitor.lock()
        while true {
            while asked == done { monitor.wait() }
            let round = asked
            monitor.unlock()
            let result = synchronizeNow()
            monitor.lock()
            done = round
            failure = result
            monitor.wakeAll()
        }
    }

    /// The mount point is opened each time: a descriptor that stays would keep the mount busy.
    private func synchronizeNow() -> Errno? {
        do throws(Errno) {
            let root = try File.open(path, flags: O_RDONLY | O_DIRECTORY)
            try root.synchronizeFileSystem()
            guard let session = session.withLock({ $0 }) else { return nil }
            try readBarrier(in: root)
            return session.awaitWorkers(milliseconds: Self.limit) ? nil : .again
        } catch {
            return error
        }
    }

    private func readBarrier(in root: File) throws(Errno) {
        let file = try File.open(barrier, in: root, flags: O_RDONLY)
        let count = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) {
            (buffer) throws(Errno) in try file.read(into: buffer, at: 0)
        }
        if count != 1 { throw .inputOutput }
    }
}
