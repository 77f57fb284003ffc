// TreeLogWriter: the only one that appends to a workspace's tree log, and so the one that orders: each
// record has a higher number than the one before. Guarded by the tree's lock, under which the append is
// made.
//
// payload of a process record: pid u32 | uid u32 | name, u32 length and bytes

internal import Platform
package import Storage

package struct TreeLogWriter {
    package let journal: Journal
    package let sequence: SequenceCounter
    /// Of the last record since the workspace was opened.
    private var last: UInt64 = 0
    /// Which program each process is, as far as the log says it.
    private var processes = ProcessNames()
    /// Bytes that the log is to have set aside; those of names that are gone are counted still.
    var roomNeeded: UInt64 = 0

    init(_ journal: Journal, _ sequence: SequenceCounter) {
        self.journal = journal
        self.sequence = sequence
    }

    /// A number given to a base inode on the way is a transaction of its own, which came first.
    func order(_ transaction: inout Transaction) {
        if transaction.sequence <= last { transaction.renumber(sequence.next()) }
    }

    /// - Throws: what the append threw (ENOSPC, EIO…).
    mutating func append(_ transaction: Transaction) throws(Errno) {
        try journal.append(
            transaction.operation, transaction.changes, sequence: transaction.sequence,
            stamp: transaction.stamp)
        last = transaction.sequence
    }

    mutating func appendMarks(
        _ numbers: [InodeNumber], hasBegun: Bool, stamp: Stamp
    ) throws(Errno) {
        // As many as a record may have; each is a mark by itself.
        let most = max(1, journal.partLength / 8)
        for start in stride(from: 0, to: numbers.count, by: most) {
            let marks = numbers[start..<min(start + most, numbers.count)]
                .map { ContentMark($0, hasBegun: hasBegun) }
            try append(.contentMark, stamp: stamp, ContentMark.encode(marks))
        }
    }

    /// Called before each change. A record that cannot be written costs a name, not the change.
    mutating func noteProcess(_ pid: UInt32, user: UInt32, _ clock: Clock) {
        // 0 is the kernel, which writes back what was mapped.
        guard pid != 0, let name = processes.unrecorded(pid, now: clock.monotonic()) else { return }
        var writer = ByteWriter(capacity: 12 + name.count)
        writer.integer(pid)
        writer.integer(user)
        writer.string(name)
        let stamp = Stamp(time: clock.realtime(), pid: pid, uid: user)
        do throws(Errno) {
            try append(.process, stamp: stamp, writer.bytes)
        } catch {
            return
        }
        processes.noteRecorded(pid, name)
    }

    private mutating func append(
        _ kind: RecordKind, stamp: Stamp, _ payload: [UInt8]
    ) throws(Errno) {
        let number = sequence.next()
        try journal.append(kind, sequence: number, stamp: stamp, payload: payload)
        last = number
    }
}
