// OpenLogs: the open edit logs of a workspace, the edits under way in them, and the content marks since the
// last checkpoint. Guarded by the tree's lock.

package import Storage

package struct OpenLogs {
    private final class Open {
        let log: EditLog
        /// The number of edits under way outside the tree's lock.
        var writers = 0
        /// Whether no record of the tree log says yet that this log has a record.
        var isNew: Bool

        init(_ log: EditLog, isNew: Bool) {
            self.log = log
            self.isNew = isNew
        }
    }

    private var table: [InodeNumber: Open] = [:]
    /// The files whose content mark is in the tree log after the last checkpoint's position.
    private var marked: Set<InodeNumber> = []
    /// The logs with restored content that may not be durable yet.
    var unsyncedRestores: Set<InodeNumber> = []
    /// Records up to this sequence number were synced before the workspace was opened.
    let syncedBefore: UInt64

    init(syncedBefore: UInt64) { self.syncedBefore = syncedBefore }

    package subscript(_ number: InodeNumber) -> EditLog? { table[number]?.log }

    package var count: Int { table.count }
    package var all: [EditLog] { table.values.map(\.log) }
    /// The logs without an edit under way.
    var unused: [EditLog] { table.values.filter { $0.writers == 0 }.map(\.log) }

    /// Adds an open log.
    /// - Parameter isNew: Whether it was just made and has no record.
    mutating func insert(_ log: EditLog, isNew: Bool = false) {
        table[log.id] = Open(log, isNew: isNew)
    }

    mutating func remove(_ number: InodeNumber) { table[number] = nil }

    /// Closes the log of a file that does not exist, before it is removed.
    package mutating func forget(_ number: InodeNumber) {
        remove(number)
        marked.remove(number)
        unsyncedRestores.remove(number)
    }
    mutating func removeAll() { table = [:] }
}

// MARK: Edits

extension OpenLogs {
    package func hasWriters(_ number: InodeNumber) -> Bool { (table[number]?.writers ?? 0) > 0 }

    /// The files with an edit under way.
    var edited: [InodeNumber] { table.filter { $0.value.writers > 0 }.map(\.key) }

    mutating func beginEdit(_ number: InodeNumber) { table[number]?.writers += 1 }

    /// Notes the end of an edit.
    /// - Parameter isWritten: Whether the edit appended a record.
    /// - Returns: Whether that is the first record of a new log.
    mutating func endEdit(_ number: InodeNumber, isWritten: Bool) -> Bool {
        // A rollback may have closed the log meanwhile.
        guard let open = table[number], open.writers > 0 else { return false }
        open.writers -= 1
        let isFirst = open.isNew && isWritten
        if isFirst { open.isNew = false }
        return isFirst
    }
}

// MARK: Content marks

extension OpenLogs {
    var hasMarks: Bool { !marked.isEmpty }

    func isMarked(_ number: InodeNumber) -> Bool { marked.contains(number) }
    mutating func mark(_ numbers: some Sequence<InodeNumber>) { marked.formUnion(numbers) }
    mutating func unmark(_ number: InodeNumber) { marked.remove(number) }
    mutating func unmarkAll() { marked = [] }
}
