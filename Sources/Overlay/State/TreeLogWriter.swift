// TreeLogWriter: the only writer of a workspace's tree log. It keeps the order: each record has a greater
// sequence number than the one before. Guarded by the tree's lock, which is held while a record is
// appended.
//
// payload of a process record: pid u32 | uid u32 | name, u32 length and bytes

internal import Platform
package import Storage

package struct TreeLogWriter {
    package let treeLog: TreeLog
    package let sequence: SequenceCounter
    /// The sequence number of the last record since the workspace was opened.
    private var last: UInt64 = 0
    /// The program name of each process, as recorded in the log.
    private var processes = ProcessNames()
    /// The number of bytes to set aside for the log. Names that were removed still count, as long as a
    /// rollback may bring them back.
    var roomNeeded: UInt64 = 0
    /// What was needed at earlier moments, in their order.
    var roomMarks: [RoomMark] = []

    /// The room that was needed at a moment, and the number of files then.
    struct RoomMark {
        var sequence: UInt64
        var room: UInt64
        var files: UInt64
    }

    init(_ treeLog: TreeLog, _ sequence: SequenceCounter) {
        self.treeLog = treeLog
        self.sequence = sequence
    }

    /// Renumbers a transaction if another record was appended since it began, such as a transaction of its
    /// own for a base inode that was looked up meanwhile.
    func order(_ transaction: inout Transaction) {
        if transaction.sequence <= last { transaction.renumber(sequence.next()) }
    }

    /// Appends a transaction.
    /// - Throws: The error of the append (ENOSPC, EIO…).
    mutating func append(_ transaction: Transaction) throws(Errno) {
        try treeLog.append(
            transaction.operation, transaction.changes, sequence: transaction.sequence,
            stamp: transaction.stamp)
        last = transaction.sequence
    }

    mutating func appendMarks(
        _ numbers: [InodeNumber], hasBegun: Bool, stamp: Stamp
    ) throws(Errno) {
        // Splits the marks into records of the greatest length. Each mark is valid by itself.
        let most = max(1, treeLog.partLength / 8)
        for start in stride(from: 0, to: numbers.count, by: most) {
            let marks = numbers[start..<min(start + most, numbers.count)]
                .map { ContentMark($0, hasBegun: hasBegun) }
            try append(.contentMark, stamp: stamp, ContentMark.encode(marks))
        }
    }

    /// Records the name of a process before its change. If the record cannot be written, history lacks the
    /// name, but the change goes on.
    mutating func noteProcess(_ pid: UInt32, user: UInt32, _ clock: Clock) {
        // Pid 0 is the kernel, which writes back mapped pages.
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

    /// Lets each process be named again before its next change.
    mutating func forgetProcesses() { processes = ProcessNames() }

    private mutating func append(
        _ kind: RecordKind, stamp: Stamp, _ payload: [UInt8]
    ) throws(Errno) {
        let number = sequence.next()
        try treeLog.append(kind, sequence: number, stamp: stamp, payload: payload)
        last = number
    }
}
