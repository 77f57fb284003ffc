// Notifier: tells the kernel to drop cached data. A notification may return only after a worker has
// answered another request of the kernel, so a separate thread sends notifications, and callers only
// enqueue them. The queue has no limit of its own.

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

    /// The number of notifications that failed with an error other than ENOENT (nothing was cached).
    package var failureCount: UInt64 { failed.load(ordering: .relaxed) }

    /// Drops the attributes, and the cached data from `offset` on. A `length` of 0 means up to the
    /// end; a negative `offset` drops attributes only. Both are in bytes.
    package func invalidateInode(_ node: UInt64, offset: Int64 = 0, length: Int64 = 0) {
        enqueue(.inode(node, offset: offset, length: length))
    }

    /// Drops one name in a directory, and the directory's attributes.
    package func invalidateEntry(parent: UInt64, name: FileName) {
        enqueue(.entry(parent: parent, name.bytes))
    }

    /// Does what `invalidateEntry` does; processes that watch the directory also get an event for the
    /// removal.
    package func deleteEntry(parent: UInt64, child: UInt64, name: FileName) {
        enqueue(.deletion(parent: parent, child: child, name.bytes))
    }

    /// Waits until all queued notifications are sent. Returns false if that takes longer. Must not be
    /// called from a worker thread, nor while holding a lock that a worker may take.
    package func drain(milliseconds: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        let deadline = monitor.deadline(milliseconds)
        while sending || !queue.isEmpty {
            if stopped || !monitor.wait(until: deadline) { return queue.isEmpty && !sending }
        }
        return true
    }

    /// Drops the queue and waits, at most `milliseconds`, for the notification that is being sent.
    /// Returns true if the thread does not use the session any more.
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

    /// Appends a NUL to the name, because libfuse sends it too.
    private func withName(
        _ name: [UInt8], _ body: (UnsafePointer<CChar>?, Int) -> Int32
    ) -> Int32 {
        (name + [0]).withUnsafeBytes {
            body($0.baseAddress?.assumingMemoryBound(to: CChar.self), name.count)
        }
    }
}
