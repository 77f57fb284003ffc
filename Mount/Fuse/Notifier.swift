// Notifier: tells the kernel to drop what it caches. The kernel may need answers from our own
// workers before a notification returns, so they go out from a thread of their own; everybody
// else only enqueues. The queue is as long as its callers make it.

internal import CFuse
internal import Glibc
package import Platform
internal import Synchronization

package final class Notifier: @unchecked Sendable {
    private enum Notice {
        case inode(UInt64, offset: Int64, length: Int64)
        case entry(parent: UInt64, [UInt8])
        case deletion(parent: UInt64, child: UInt64, [UInt8])
    }

    // Guarded by `monitor`.
    private var queue: [Notice] = []
    private var sending = false
    private var stopped = false
    private var started = false

    private let monitor = Monitor()
    private let session: OpaquePointer
    private let failed = Atomic<UInt64>(0)

    init(session: OpaquePointer) { self.session = session }

    /// Notifications that failed otherwise than by ENOENT (nothing was cached).
    package var failureCount: UInt64 { failed.load(ordering: .relaxed) }

    /// Drops attributes, and the cached data from `offset` on; `length` 0 means to the end, a
    /// negative `offset` attributes only. In bytes.
    package func invalidateInode(_ node: UInt64, offset: Int64 = 0, length: Int64 = 0) {
        enqueue(.inode(node, offset: offset, length: length))
    }

    /// Drops one name in a directory, and the directory's attributes.
    package func invalidateEntry(parent: UInt64, name: FileName) {
        enqueue(.entry(parent: parent, name.bytes))
    }

    /// As `invalidateEntry`; a watching process gets an event that the file is gone.
    package func deleteEntry(parent: UInt64, child: UInt64, name: FileName) {
        enqueue(.deletion(parent: parent, child: child, name.bytes))
    }

    /// Waits until all that was enqueued is sent; false if that takes longer. Never from a
    /// worker thread, nor under a lock that one may want.
    package func drain(milliseconds: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        let deadline = monitor.deadline(milliseconds)
        while sending || !queue.isEmpty {
            if stopped || !monitor.wait(until: deadline) { return queue.isEmpty && !sending }
        }
        return true
    }

    /// Drops what is queued and waits, bounded, for the notice that is being sent. True once
    /// the thread will touch the session no more.
    func stop(milliseconds: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        stopped = true
        queue = []
        monitor.wakeAll()
        let deadline = monitor.deadline(milliseconds)
        while sending { if !monitor.wait(until: deadline) { return !sending } }
        return true
    }

    private func enqueue(_ notice: Notice) {
        monitor.lock()
        defer { monitor.unlock() }
        if stopped { return }
        queue.append(notice)
        if !started { started = Thread.start { [self] in loop() } }
        monitor.wakeAll()
    }

    private func loop() {
        monitor.lock()
        while !stopped {
            if queue.isEmpty {
                monitor.wait()
                continue
            }
            let batch = queue
            queue = []
            sending = true
            for notice in batch where !stopped {
                monitor.unlock()
                let result = send(notice)
                if result != 0, result != -ENOENT { failed.wrappingAdd(1, ordering: .relaxed) }
                monitor.lock()
            }
            sending = false
            monitor.wakeAll()
        }
        monitor.unlock()
    }

    private func send(_ notice: Notice) -> Int32 {
        switch notice {
        case .inode(let node, let offset, let length):
            fuse_lowlevel_notify_inval_inode(session, node, Int(offset), Int(length))
        case .entry(let parent, let name):
            withName(name) { fuse_lowlevel_notify_inval_entry(session, parent, $0, $1) }
        case .deletion(let parent, let child, let name):
            withName(name) { fuse_lowlevel_notify_delete(session, parent, child, $0, $1) }
        }
    }

    /// libfuse sends the NUL behind the name too.
    private func withName(
        _ name: [UInt8], _ body: (UnsafePointer<CChar>?, Int) -> Int32
    ) -> Int32 {
        (name + [0]).withUnsafeBytes {
            body($0.baseAddress?.assumingMemoryBound(to: CChar.self), name.count)
        }
    }
}
