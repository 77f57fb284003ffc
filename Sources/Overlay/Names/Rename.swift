// renameat2(2) as one transaction, whatever is moved. A base directory moves as a single inode, which
// remembers its path in the base. Nothing below it is touched, and EXDEV does not occur.

internal import Platform
internal import Storage

package struct RenameFlags: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let noReplace = RenameFlags(rawValue: 1)
    package static let exchange = RenameFlags(rawValue: 2)
}

extension NameChanges {
    func rename(
        _ oldName: FileName, in oldParentNumber: InodeNumber, to newName: FileName,
        in newParentNumber: InodeNumber, flags: RenameFlags, kept: Set<PinIdentity>,
        caller: Caller
    ) throws(Errno) {
        guard flags.isSubset(of: [.noReplace, .exchange]), flags != [.noReplace, .exchange] else {
            throw .invalid
        }
        let oldParent = try tree.directory(oldParentNumber)
        let newParent = try tree.directory(newParentNumber)
        if newParent.record.links == 0 { throw .noEntry }
        guard let source = try tree.child(oldName, of: oldParent) else { throw .noEntry }
        let target = try tree.child(newName, of: newParent)
        if flags.contains(.exchange) {
            guard let target else { throw .noEntry }
            try exchange(
                source, oldName, oldParent, target, newName, newParent, kept: kept, caller: caller)
            return
        }
        if flags.contains(.noReplace), target != nil { throw .exists }
        // If both names lead to the same file, rename(2) requires that nothing happens.
        if target === source { return }
        try checkMove(of: source, into: newParent)
        if let target { try checkReplace(target, by: source) }

        var transaction = tree.begin(.rename, caller.stamp(tree.clock.realtime()), kept: kept)
        let time = transaction.stamp.time
        for parent in [oldParent, newParent] {
            try tree.update(parent, in: &transaction) { _ in }
            transaction.touchTimes(of: parent)
        }
        try tree.update(source, in: &transaction) { $0.changeTime = time }
        var isLast = false
        if let target {
            addDue(source, to: &transaction)
            isLast = try dropLink(of: target, in: &transaction)
            if target.isDirectory { adjustLinks(of: newParent, by: -1, in: &transaction) }
        }
        if source.isDirectory, oldParent !== newParent {
            adjustLinks(of: oldParent, by: -1, in: &transaction)
            adjustLinks(of: newParent, by: 1, in: &transaction)
        }
        let empty = try tree.emptyEntry(oldName, of: oldParent)
        try tree.setEntry(oldName, of: oldParent, to: empty, in: &transaction)
        try tree.setEntry(
            newName, of: newParent, to: Entry(inode: source.number, type: source.type),
            in: &transaction)
        try tree.commit(&transaction)
        source.parent = newParent.number
        if let target { finishDrop(target, isLast: isLast, time: time) }
    }

    private func checkReplace(_ target: Inode, by source: Inode) throws(Errno) {
        if source.isDirectory {
            guard target.isDirectory else { throw .notDirectory }
            guard try isEmpty(target) else { throw .notEmpty }
        } else if target.isDirectory {
            throw .isDirectory
        }
    }

    /// Refuses to move a directory below itself (EINVAL). The kernel checks this too, but the tree log must
    /// not contain a loop whatever the caller is.
    private func checkMove(of source: Inode, into directory: Inode) throws(Errno) {
        guard source.isDirectory else { return }
        var number = directory.number
        let root = tree.rootNumber
        while number != root {
            if number == source.number { throw .invalid }
            // A directory that was loaded from the database by number alone has no known parent; the check
            // ends there.
            guard let above = tree.inodes[number]?.parent, above != 0 else { return }
            number = above
        }
    }

    private func exchange(
        _ first: Inode, _ firstName: FileName, _ firstParent: Inode,
        _ second: Inode, _ secondName: FileName, _ secondParent: Inode, kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) {
        if first === second { return }
        try checkMove(of: first, into: secondParent)
        try checkMove(of: second, into: firstParent)
        var transaction = tree.begin(.rename, caller.stamp(tree.clock.realtime()), kept: kept)
        let time = transaction.stamp.time
        for parent in [firstParent, secondParent] {
            try tree.update(parent, in: &transaction) { _ in }
            transaction.touchTimes(of: parent)
        }
        for inode in [first, second] {
            addDue(inode, to: &transaction)
            try tree.update(inode, in: &transaction) { $0.changeTime = time }
        }
        if firstParent !== secondParent, first.isDirectory != second.isDirectory {
            let toSecond = first.isDirectory ? 1 : -1
            adjustLinks(of: secondParent, by: toSecond, in: &transaction)
            adjustLinks(of: firstParent, by: -toSecond, in: &transaction)
        }
        try tree.setEntry(
            firstName, of: firstParent, to: Entry(inode: second.number, type: second.type),
            in: &transaction)
        try tree.setEntry(
            secondName, of: secondParent, to: Entry(inode: first.number, type: first.type),
            in: &transaction)
        try tree.commit(&transaction)
        first.parent = secondParent.number
        second.parent = firstParent.number
    }
}

extension NameChanges {
    /// Records in a transaction that it gives `inode` the name of another file, so that content is synced
    /// before names.
    func addDue(_ inode: Inode, to transaction: inout Transaction) {
        let sequence = inode.record.contentSequence
        guard inode.type == .regular, inode.record.flags.contains(.hasLog),
            sequence > tree.openLogs.syncedBefore
        else { return }
        // A log that is not in memory may or may not be durable, so it is recorded.
        if let log = tree.openLogs[inode.number], log.isKnownDurable { return }
        if inode.record.flags.contains(.inheritsLog) {
            if tree.inheritedIsDurable { return }
            // The records are in the log of an ancestor. If that cannot be read, nothing can be synced.
            guard let log = try? tree.edits.log(of: inode), let source = log.inheritedFrom else { return }
            return transaction.changes.append(.due(source, sequence: sequence))
        }
        transaction.changes.append(.due(inode.number, sequence: sequence))
    }
}
