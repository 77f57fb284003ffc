// TreeLogRelease: gives the space of the oldest records of a tree log back. Positions are part of
// checksums, so nothing moves: the front of the file becomes a hole. What these records led to is kept
// beside the log, as the state that it begins with (TreeLogStart). It is made from the records alone, so no
// lock of the tree is held.
//
// Order: the state is written and synced, it gets its name, which is synced too, and then the bytes go. A
// kill leaves at most a file without a name, or bytes that the next release gives back.

package import Platform

package struct TreeLogRelease {
    private let treeLog: TreeLog
    private let disk: any Disk
    /// Where a database is made meanwhile.
    private let scratch: String
    /// Whether a layer of another workspace is below, so that removals are a part of the state.
    private let isOverLayer: Bool
    /// Called now and then, without a lock; an error ends the release.
    private let pause: () throws(StorageError) -> Void

    /// The number of keys that are held in memory at once.
    private static let part = 5_000
    /// The number of names of processes that are kept: the youngest.
    private static let mostNames = 1 << 16

    /// - Parameter scratch: the path of a database that is made for the time of the release, or ":memory:".
    package init(
        _ treeLog: TreeLog, on disk: any Disk, scratch: String, isOverLayer: Bool,
        pause: @escaping () throws(StorageError) -> Void
    ) {
        self.treeLog = treeLog
        self.disk = disk
        self.scratch = scratch
        self.isOverLayer = isOverLayer
        self.pause = pause
    }

    /// Returns how many bytes of records up to a change the log has.
    package func bytes(upTo last: UInt64) throws(StorageError) -> UInt64 {
        var scanner = try treeLog.scanner()
        let front = treeLog.front
        return try scanner.bisect { $0.sequence > last }.position.subtracting(clamping: front.position)
    }

    /// Writes the state after a change. The log must be durable up to there.
    /// - Parameter now: nanoseconds since 1970.
    /// - Returns: false if there is nothing to release.
    /// - Throws: `system` (EOPNOTSUPP if the file system cannot make holes in files), `damaged`.
    package func prepare(upTo last: UInt64, now: Int64) throws(StorageError) -> Bool {
        let front = treeLog.front
        // Without the state it is not known what the records lead to.
        if let fault = front.fault { throw fault }
        // It tells at once whether the file system can make holes in files.
        var writer = try TreeLogStartWriter(
            beside: treeLog.path, id: treeLog.id, key: treeLog.key, on: disk)
        var state = TreeLogState(
            try TreeDatabase(scratch), isOverLayer: isOverLayer, front: front)
        defer { state.database.close() }
        try state.makeTables()
        try front.visitState { (header, payload) throws(StorageError) in
            try pause()
            try note(header, payload, &state)
        }
        try treeLog.ownRecords(after: state.fields.sequence, upTo: last) {
            (header, payload) throws(StorageError) in
            try pause()
            try note(header, payload, &state)
            state.fields.sequence = header.sequence
            // A clock that was wrong once must not hide the moments after it.
            state.fields.time = min(header.time, now)
        }
        if state.fields.sequence == front.start?.sequence ?? 0 { return false }
        try state.flush()
        try state.dropUnreachable()
        var scanner = try treeLog.scanner()
        let found = try scanner.bisect { $0.sequence > state.fields.sequence }
        // The padding of the last record may not be in the file yet.
        state.fields.position = found.before.map { $0.position + $0.header.recordLength } ?? found.position
        (state.fields.first, state.fields.firstPosition) = (state.fields.sequence, state.fields.position)
        do throws(StorageError) {
            try state.write(to: &writer, pause)
            try writer.finish(state.fields)
        } catch {
            removeUnplaced()
            throw error
        }
        return true
    }

    /// Gives the state that was written its name. The caller syncs the directory after it.
    /// - Returns: the state.
    package func place() throws(StorageError) -> TreeLogStart? {
        let path = TreeLogStart.path(beside: treeLog.path)
        do throws(Errno) {
            try disk.rename(path + ".new", to: path)
        } catch {
            throw .system(error, doing: "write", path: path)
        }
        return try TreeLogStart(beside: treeLog.path, id: treeLog.id, key: treeLog.key, on: disk)
    }

    /// Removes a state that did not get its name.
    package func removeUnplaced() {
        // The next release writes over it.
        try? disk.remove(TreeLogStart.path(beside: treeLog.path) + ".new")
    }

    /// Gives the records before the front of the log back, also those that an earlier release has left. The
    /// state must be durable with its name.
    package func punch() throws(StorageError) {
        let front = treeLog.front
        let mark = TreeLogFront.mark(id: treeLog.id, key: treeLog.key, sequence: front.sequence)
        let start = UInt64(Format.logHeaderLength) + UInt64(mark.count)
        guard front.start != nil, front.position > start else { return }
        do throws(Errno) {
            // It comes before the hole, and no reader looks at it as long as there is a state.
            if !TreeLogFront.isMarked(treeLog.file, id: treeLog.id, key: treeLog.key) {
                try treeLog.file.writeBytes(mark, at: UInt64(Format.logHeaderLength))
                try treeLog.synchronizeAgain()
            }
            _ = try treeLog.file.punch(start..<front.position)
        } catch {
            throw .system(error, doing: "release the front of", path: treeLog.path)
        }
    }

    // MARK: The state

    private func note(
        _ header: RecordHeader, _ payload: [UInt8], _ state: inout TreeLogState
    ) throws(StorageError) {
        switch RecordKind(rawValue: header.kind) {
        case .transaction, .state:
            guard let changes = try treeLog.transaction(header, payload)?.changes else {
                throw .damaged(path: treeLog.path, what: "record \(header.sequence) has lost a part")
            }
            for change in changes { state.note(change) }
            if state.keys >= Self.part { try state.flush() }
        case .contentMark:
            for mark in ContentMark.decode(payload) where mark.hasBegun { state.begun.append(mark.inode) }
            if state.begun.count >= Self.part { try state.flush() }
        case .process, .names:
            state.names += ProcessName.decode(header, payload)
            if state.names.count > 2 * Self.mostNames {
                state.names.removeFirst(state.names.count - Self.mostNames)
            }
        default:
            // A filler stands for changes that are not known.
            throw .damaged(path: treeLog.path, what: "record \(header.sequence) was lost")
        }
    }
}
