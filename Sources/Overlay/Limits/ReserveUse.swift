// ReserveUse: what works on a full disk: removals, renames, truncations and rollbacks. The tree log sets
// blocks aside for removals and rollbacks before a call that grows the store returns. Everything else uses
// the reserve.

internal import Platform
internal import Storage
internal import Synchronization

/// The memory and disk space that the tree uses.
package struct TreeBounds: Sendable {
    let tree: Tree
}

extension TreeBounds {
    /// The bytes for each name: the record of its removal, and its part of the record of a rollback.
    private static let roomPerName: UInt64 = 1 << 10
    /// The bytes for a workspace without any names: enough to remove a few hundred base files.
    private static let leastRoom: UInt64 = 256 << 10
    /// The bytes of a record, and of each change in it, without names, targets and values.
    private static let recordBytes: UInt64 = 256
    private static let changeBytes: UInt64 = 320

    private enum Claim {
        /// The operation must leave the whole room.
        case strict
        /// The operation must leave as much room as it found.
        case lenient
        /// The room is for this operation.
        case none
    }

    private static func claim(of operation: TreeOperation) -> Claim {
        switch operation {
        case .create, .makeDirectory, .symlink, .link, .setXattr, .clone, .merge: .strict
        case .unlink, .removeDirectory, .removeXattr, .rollback, .undo, .touch: .none
        case .rename, .setAttributes, .edit, .backup, .freeze, .acceptDrift, .dropDrift,
            .refresh: .lenient
        }
    }

    /// Returns the bytes to set aside when there are `newNames` more names, with `variableBytes` beyond the
    /// fixed size of each: enough to remove all names one by one, and for one rollback of that. It never
    /// decreases: removed names may be rolled back.
    func neededRoom(newNames: Int = 0, variableBytes: UInt64 = 0) -> UInt64 {
        let least = tree.quota.usedFiles.multiplied(clamping: Self.roomPerName)
            .adding(clamping: Self.leastRoom)
        return max(tree.logWriter.roomNeeded, least)
            .adding(clamping: UInt64(clamping: newNames).multiplied(clamping: Self.roomPerName))
            .adding(clamping: variableBytes.multiplied(clamping: 4))
    }

    /// The number of moments that are known. Beyond it the oldest one is forgotten.
    private static let mostMarks = 256

    /// Gives room back that only a rollback to before a moment could need, after the history was released up
    /// to it. Then notes what is needed now, for a later release.
    /// - Parameter first: the earliest moment that can be seen.
    package func releaseRoom(before first: UInt64) {
        if let mark = tree.logWriter.roomMarks.last(where: { $0.sequence <= first }) {
            // What there was at the moment, and what was made since.
            let since = tree.logWriter.roomNeeded.subtracting(clamping: mark.room)
            let needed = Self.leastRoom.adding(clamping: since)
                .adding(clamping: mark.files.multiplied(clamping: Self.roomPerName))
            let surplus = tree.logWriter.roomNeeded.subtracting(clamping: needed)
            tree.logWriter.roomNeeded -= surplus
            tree.logWriter.roomMarks.removeAll { $0.sequence < mark.sequence }
            for index in tree.logWriter.roomMarks.indices {
                let room = tree.logWriter.roomMarks[index].room
                tree.logWriter.roomMarks[index].room = room.subtracting(clamping: surplus)
            }
        }
        if tree.logWriter.roomMarks.count >= Self.mostMarks { tree.logWriter.roomMarks.removeFirst() }
        tree.logWriter.roomMarks.append(
            TreeLogWriter.RoomMark(
                sequence: tree.sequence.last, room: neededRoom(), files: tree.quota.usedFiles))
    }

    private static func newNames(_ changes: [TreeChange]) -> Int {
        var count = 0
        for case .entry(_, _, let before, let after) in changes {
            let wasShown = before.map { !$0.isWhiteout } ?? false
            if let after, !after.isWhiteout, !wasShown { count += 1 }
        }
        return count
    }

    /// Returns the bytes of long names, of targets and of values.
    private static func variableBytes(_ changes: [TreeChange]) -> UInt64 {
        var bytes = 0
        for change in changes {
            switch change {
            case .inode(_, _, let after): bytes += after?.symlinkTarget.count ?? 0
            case .entry(_, let name, _, _): bytes += max(0, name.bytes.count - 64)
            case .xattr(_, let name, _, .value(let value)): bytes += name.count + value.count
            case .xattr(_, let name, _, _): bytes += name.count
            default: break
            }
        }
        return UInt64(bytes)
    }

    /// Sets aside the space that the removal of a transaction's names will need. Called before it is
    /// appended.
    /// - Parameter files: The number of files that it adds.
    /// - Throws: ENOSPC if the disk has no space for it. Otherwise the later removal would fail.
    func keepRoom(for transaction: Transaction, files: Int) throws(Errno) {
        let claim = Self.claim(of: transaction.operation)
        if claim == .none { return }
        let changes = transaction.changes
        let variable = Self.variableBytes(changes)
        let needed = neededRoom(
            newNames: max(files, Self.newNames(changes)), variableBytes: variable)
        let own = UInt64(changes.count).multiplied(clamping: Self.changeBytes)
            .adding(clamping: variable.multiplied(clamping: 2))
            .adding(clamping: Self.recordBytes)
        try keepRoom(needed, own: own, isLenient: claim == .lenient)
        tree.logWriter.roomNeeded = needed
    }

    /// Does the same for a record of `own` bytes that adds no name.
    func keepRoom(own: Int) throws(Errno) {
        try keepRoom(neededRoom(), own: UInt64(own), isLenient: true)
    }

    private func keepRoom(_ bytes: UInt64, own: UInt64, isLenient: Bool) throws(Errno) {
        do throws(Errno) {
            try tree.treeLog.keepRoom(bytes, own: own, isLenient: isLenient)
        } catch {
            if error == .noSpace || error == .quota { tree.logs.reserve.noteShort() }
            throw error
        }
    }
}

extension WorkspaceSet {
    /// The reserve takes at most 1/8 of the disk. Its least size is 1/64 of the disk, but not more than 16
    /// MiB.
    private static var partOfDisk: UInt64 { 8 }
    private static var leastPartOfDisk: UInt64 { 64 }
    private static var enough: UInt64 { 16 << 20 }

    /// Makes or refills the reserve and the room of the tree logs. Posts an event when they begin or cease
    /// to be short.
    package func maintainReserve() {
        let reserve = store.logs.reserve
        let opened = opened
        // Only open workspaces count: the others change nothing before they are opened.
        let files = opened.reduce(UInt64(0)) { $0 &+ $1.quota.usedFiles }
        let disk = try? SpaceOnDisk(store.path)
        let bytes = disk.map { $0.blocks.multipliedReportingOverflow(by: UInt64($0.blockSize)) }
        // If the size of the disk is not known, the number of files decides.
        let limit = bytes.map { $0.overflow ? .max : $0.partialValue }
        reserve.want(
            files: files, atLeast: min((limit ?? 0) / Self.leastPartOfDisk, Self.enough),
            atMost: (limit ?? .max) / Self.partOfDisk)
        // The tree logs come first: a full reserve says that there is space for calls that grow the store.
        let hasRoom = opened.map { $0.keepRoom() }.allSatisfy { $0 }
        if !hasRoom { reserve.noteShort() }
        let isWhole = hasRoom && reserve.fill()
        let isShort = reserve.isShort
        let isNews = reserveTold.withLock { told in
            defer { told = isShort }
            return told != isShort
        }
        guard isNews else { return }
        if isWhole {
            events.post(.notice, "the store's disk has room again (\(store.path))")
        } else {
            let kept = opened.reduce(reserve.length) { $0.adding(clamping: $1.treeLog.room) }
            events.post(
                .warning,
                "the disk of the store \(store.path) is full: \(kept >> 10) KiB are kept for "
                    + "removing, renaming and truncating; other changes answer ENOSPC until it has room")
        }
    }
}
