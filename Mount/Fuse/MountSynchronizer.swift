// MountSynchronizer: has the kernel write the dirty pages of shared mappings back to us (syncfs(2) on
// our own mount). Its thread waits for our workers, in the kernel, where no signal reaches it. Were
// the process killed then, the connection would end only with the last descriptor of it, and with it
// the wait. So this thread has a table of descriptors of its own, without the connection's.

internal import Glibc
package import Platform

package final class MountSynchronizer: @unchecked Sendable {
    private let path: String
    private let monitor = Monitor()

    // Guarded by `monitor`.
    private var asked: UInt64 = 0
    private var done: UInt64 = 0
    private var failure: Errno?
    private var isRunning = false

    /// - Parameter path: the mount point, absolute.
    package init(_ path: String) { self.path = path }

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
            return nil
        } catch {
            return error
        }
    }
}
