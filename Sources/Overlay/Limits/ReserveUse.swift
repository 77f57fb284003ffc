// ReserveUse: what works on a full disk: removing, renaming, making smaller and rolling back. The tree log
// has room for removals and rollbacks set aside before what grows is answered; the rest comes from the
// reserve.

internal import Platform
internal import Storage
internal import Synchronization

/// What the tree takes of memory and of the disk.
package struct TreeBounds: Sendable {
    let tree: Tree
}

extension TreeBounds {
    /// Bytes of each name: the record of its removal, and its part of a rollback's.
    private static let roomPerName: UInt64 = 1 << 10
    /// Of a workspace without any: a few hundred base files that are removed.
    private static let leastRoom: UInt64 = 256 << 10
    /// Bytes of a record, and of each change in it, beside names, targets and values.
    private static let recordBytes: UInt64 = 256
    private static let changeBytes: UInt64 = 320

    private enum Claim {
        /// It has to leave the whole room.
        case strict
        /// It has to leave as much room as it found.
        case lenient
        /// The room is for it.
        case none
    }

    private static func claim(of operation: TreeOperation) -> Claim {
        switch operation {
        case .create, .makeDirectory, .symlink, .link, .setXattr, .clone: .strict
        case .unlink, .removeDirectory, .removeXattr, .rollback, .undo, .touch: .none
        case .rename, .setAttributes, .edit, .backup, .acceptDrift, .dropDrift: .lenient
        }
    }

    /// What is to be set aside once so many names more, with so many bytes beside what each has, are there:
    /// enough to remove all one by one, and for one rollback of that. It does not get less: what was
    /// removed may be rolled back.
    func neededRoom(newNames: Int = 0, variableBytes: UInt64 = 0) -> UInt64 {
        let least = tree.quota.usedFiles.multiplied(clamping: Self.roomPerName)
            .adding(clamping: Self.leastRoom)
        return max(tree.treeLog.roomNeeded, least)
            .adding(clamping: UInt64(clamping: newNames).multiplied(clamping: Self.roomPerName))
            .adding(clamping: variableBytes.multiplied(clamping: 4))
    }

    private static func newNames(_ changes: [TreeChange]) -> Int {
        var count = 0
        for case .entry(_, _, let before, let after) in changes {
            let wasShown = before.map { !$0.isWhiteout } ?? false
            if let after, !after.isWhiteout, !wasShown { count += 1 }
        }
        return count
    }

    /// Bytes of names that are long, of targets and of values.
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

    /// Before a transaction is appended: sets aside what removing its names will need.
    /// - Parameter files: that it adds.
    /// - Throws: ENOSPC where the disk has no room for that: later it would be the removal that fails.
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
        tree.treeLog.roomNeeded = needed
    }

    /// As above, for a record of `own` bytes that makes no name.
    func keepRoom(own: Int) throws(Errno) {
        try keepRoom(neededRoom(), own: UInt64(own), isLenient: true)
    }

    private func keepRoom(_ bytes: UInt64, own: UInt64, isLenient: Bool) throws(Errno) {
        do throws(Errno) {
            try tree.journal.keepRoom(bytes, own: own, isLenient: isLenient)
        } catch {
            if error == .noSpace || error == .quota { tree.logs.reserve.noteShort() }
            throw error
        }
    }
}

extension WorkspaceSet {
    /// The reserve takes no more than this part of the disk, and no less than that, up to so many bytes.
    private static var partOfDisk: UInt64 { 8 }
    private static var leastPartOfDisk: UInt64 { 64 }
    private static var enough: UInt64 { 16 << 20 }

    /// Makes the reserve and the room of the tree logs, or makes them whole again, and tells when they are
    /// used.
    package func maintainReserve() {
        let reserve = store.logs.reserve
        let opened = opened
        // The open ones: those that are not can change nothing before they are.
        let files = opened.reduce(UInt64(0)) { $0 &+ $1.quota.usedFiles }
        let disk = try? SpaceOnDisk(store.path)
        let bytes = disk.map { $0.blocks.multipliedReportingOverflow(by: UInt64($0.blockSize)) }
        // Where the disk does not say how large it is, the number of files decides.
        let limit = bytes.map { $0.overflow ? .max : $0.partialValue }
        reserve.want(
            files: files, atLeast: min((limit ?? 0) / Self.leastPartOfDisk, Self.enough),
            atMost: (limit ?? .max) / Self.partOfDisk)
        // The room first: the reserve says that there is some for what grows.
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
            let kept = opened.reduce(reserve.length) { $0.adding(clamping: $1.journal.room) }
            events.post(
                .warning,
                "the disk of the store \(store.path) is full: \(kept >> 10) KiB are kept for "
                    + "removing, renaming and truncating, and all else answers ENOSPC until it has room")
        }
    }
}
