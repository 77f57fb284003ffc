// NameChanges: makes files, directories, special files, symlinks and hard links.

internal import Platform
internal import Storage

/// Makes, removes and renames names, and adds hard links.
package struct NameChanges: Sendable {
    let tree: Tree
}

extension NameChanges {
    /// Returns the directory if names can be made in it.
    /// - Throws: ENOENT for a directory that was removed.
    private func openForNames(_ number: InodeNumber) throws(Errno) -> Inode {
        let directory = try tree.directory(number)
        // A directory that was removed while a process still used it takes no new names.
        if directory.record.links == 0 { throw .noEntry }
        return directory
    }

    /// Serves mknod(2), mkdir(2) and symlink(2): makes a file, directory, symlink, fifo, socket or device.
    func makeNode(
        _ name: FileName, in parentNumber: InodeNumber, mode: UInt32, device: UInt64,
        symlinkTarget: [UInt8] = [], caller: Caller
    ) throws(Errno) -> Inode {
        let parent = try openForNames(parentNumber)
        guard try tree.child(name, of: parent) == nil else { throw .exists }
        let type = FileType(mode: mode)
        let operation: TreeOperation = switch type {
        case .directory: .makeDirectory
        case .symlink: .symlink
        default: .create
        }
        var transaction = tree.begin(operation, caller.stamp(tree.clock.realtime()))
        let number = try tree.nextNumber()
        let (permissions, acls) = try initialPermissions(mode, in: parent, caller: caller)
        var record = InodeRecord(
            number: number, mode: type.modeBits | permissions, user: caller.user,
            group: caller.group, links: type == .directory ? 2 : 1, time: transaction.stamp.time)
        if parent.record.mode & ModeBits.setGroup != 0 {
            // A set-group-id directory passes on its group, and to directories also the bit.
            record.group = parent.record.group
            if type == .directory { record.mode |= ModeBits.setGroup }
        }
        record.specialDevice = device
        record.sequence = transaction.sequence
        record.symlinkTarget = symlinkTarget
        record.size = switch type {
        case .directory: 4096
        case .symlink: UInt64(symlinkTarget.count)
        default: 0
        }
        record.allocated = type == .directory ? 4096 : 0
        if !acls.isEmpty { record.flags.insert(.hasXattrs) }
        try tree.update(parent, in: &transaction) { _ in }
        transaction.touchTimes(of: parent)
        if type == .directory { adjustLinks(of: parent, by: 1, in: &transaction) }
        let inode = Inode(record, isPersistent: false, place: nil, parent: parent.number)
        transaction.add(inode, record)
        for (key, value) in acls {
            transaction.changes.append(.xattr(number, key, before: nil, after: .value(value)))
        }
        try tree.setEntry(name, of: parent, to: Entry(inode: number, type: type), in: &transaction)
        try tree.commit(&transaction)
        if type == .directory {
            // A new directory has no rows yet, so these look-ups need not go to the database.
            tree.caches.setIndex(DirectoryIndex(), of: number)
            if acls[AccessControlList.defaultName] == nil { tree.caches.setDefaultACL([], of: number) }
        }
        // The record of the file's making comes after the checkpoint in the tree log, so it serves as a
        // content mark.
        if type == .regular { tree.openLogs.mark([number]) }
        return inode
    }

    /// Returns the permission bits and ACLs of a new file: from the directory's default ACL if it has one,
    /// else from mode and umask (acl(5), "Object creation and default ACLs").
    private func initialPermissions(
        _ mode: UInt32, in parent: Inode, caller: Caller
    ) throws(Errno) -> (mode: UInt32, acls: [[UInt8]: [UInt8]]) {
        let permissions = mode & ModeBits.permissions
        let type = FileType(mode: mode)
        if type == .symlink { return (0o777, [:]) }
        let inherited = try tree.attributes.defaultACL(of: parent)
        guard !inherited.isEmpty, var acl = AccessControlList(inherited) else {
            return (permissions & ~caller.umask, [:])
        }
        var acls: [[UInt8]: [UInt8]] = [:]
        if type == .directory { acls[AccessControlList.defaultName] = inherited }
        let result = acl.createMode(permissions)
        if !acl.isMinimal { acls[AccessControlList.accessName] = acl.bytes }
        return (result, acls)
    }

    /// Changes a directory's link count. File systems that count subdirectories start at 2; others always
    /// report 1, and such a count is left alone.
    func adjustLinks(of directory: Inode, by change: Int, in transaction: inout Transaction) {
        guard transaction.record(of: directory).links >= 2 else { return }
        transaction.update(directory) { record in
            record.links = UInt32(clamping: max(2, Int64(record.links).adding(clamping: Int64(change))))
        }
    }

    /// Serves link(2).
    /// - Throws: EPERM for a directory, ENOENT for an unlinked file, EMLINK at the limit, EEXIST.
    func makeLink(
        to number: InodeNumber, name: FileName, in parentNumber: InodeNumber,
        kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) -> Inode {
        let inode = try tree.inode(number)
        if inode.isDirectory { throw .notPermitted }
        // Linking an unlinked file would need O_TMPFILE, which FUSE does not offer here.
        if inode.record.links == 0 { throw .noEntry }
        if inode.record.links >= tree.limits.links { throw .tooManyLinks }
        let parent = try openForNames(parentNumber)
        guard try tree.child(name, of: parent) == nil else { throw .exists }
        var transaction = tree.begin(.link, caller.stamp(tree.clock.realtime()), kept: kept)
        let time = transaction.stamp.time
        try tree.update(inode, in: &transaction) { record in
            record.links = record.links.adding(clamping: 1)
            record.changeTime = time
        }
        try tree.update(parent, in: &transaction) { _ in }
        transaction.touchTimes(of: parent)
        try tree.setEntry(
            name, of: parent, to: Entry(inode: number, type: inode.type), in: &transaction)
        try tree.commit(&transaction)
        inode.parent = parent.number
        return inode
    }
}
