// MountSynchronizer: makes the kernel write the dirty pages of shared mappings back to this server.
//
// syncfs(2) sends these pages, but Linux (6.18.y, 6.19 and later) does not wait until a FUSE server
// has received them. They are in the kernel's one queue of background requests. So the thread then
// reads a page of a file of this mount, which goes through the same queue: when that request arrives,
// the workers have received every page sent before it. Last, the thread waits until the workers have
// finished those requests.
//
// The thread waits for the workers inside the kernel, where no signal reaches it. If the process is
// killed then, the connection ends only when its last descriptor is closed, and the wait only ends
// with the connection. So this thread has its own descriptor table, without the descriptor of the
// connection.

internal import Glibc
package import Platform
internal import Synchronization

package final class MountSynchronizer: @unchecked Sendable {
    private let path: String
    private let barrier: String
    private let session = Mutex<Session?>(nil)
    /// How long to wait for workers, in milliseconds.
    private static let limit = 30_000
    private let monitor = Monitor()

    // Guarded by `monitor`.
    private var rounds = SyncRounds()
    private var isRunning = false

    /// - Parameters:
    ///   - path: the absolute path of the mount point.
    ///   - barrier: a file below it that is not empty, and that the kernel does not cache between
    ///     opens.
    package init(_ path: String, barrier: String) {
        self.path = path
        self.barrier = barrier
    }

    /// Sets the session that serves the mount; nil when it ends.
    package func connect(_ session: Session?) { self.session.withLock { $0 = session } }

    /// Returns once all data that was dirty at the call has been written. Must not be called from a
    /// worker, nor while holding a lock that a worker may take.
    /// - Throws: EAGAIN if no thread can be started or the workers do not finish within 30 s; EIO if
    ///   the barrier cannot be read; else what opening or syncing gives.
    package func synchronize() throws(Errno) {
        monitor.lock()
        defer { monitor.unlock() }
        if !isRunning {
            guard Thread.start({ [self] in run() }) else { throw .again }
            isRunning = true
        }
        let ticket = rounds.ask()
        monitor.wakeAll()
        while true {
            if let result = rounds.take(ticket) { return try result.get() }
            monitor.wait()
        }
    }

    /// Serves requests in rounds. A round serves all calls made before it begins.
    private func run() {
        Thread.blockProcessSignals()
        // If this fails, a kill at the wrong moment leaves a mount that must be aborted by hand.
        try? detachDescriptors()
        monitor.lock()
        while true {
            while !rounds.isAsked { monitor.wait() }
            let round = rounds.begin()
            monitor.unlock()
            let failure = synchronizeNow()
            monitor.lock()
            rounds.end(round, failure)
            monitor.wakeAll()
        }
    }

    /// Opens the mount point for each round, because an open descriptor would keep the mount busy.
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

/// The calls that wait for a round, and the results of those whose round has ended. A caller may wake up
/// after a later round, so each has a result of its own.
struct SyncRounds: Sendable {
    private var asked: UInt64 = 0
    private var done: UInt64 = 0
    private var results: [UInt64: Result<Void, Errno>] = [:]

    var isAsked: Bool { asked > done }

    /// Returns the ticket of a new call.
    mutating func ask() -> UInt64 {
        asked += 1
        return asked
    }

    /// Begins a round for all calls that were made so far. Returns the last one's ticket.
    func begin() -> UInt64 { asked }

    mutating func end(_ round: UInt64, _ failure: Errno?) {
        let result: Result<Void, Errno> = if let failure { .failure(failure) } else { .success(()) }
        while done < round {
            done += 1
            results[done] = result
        }
    }

    /// Returns the result of the round that served a call, once, or nil if it has not ended yet.
    mutating func take(_ ticket: UInt64) -> Result<Void, Errno>? { results.removeValue(forKey: ticket) }
}
