// FileAttributes: chmod, chown, utimensat, and the rules for set-id bits and capabilities that go with
// them. Changes of size are in ContentWrites.

internal import Platform
internal import Storage

/// The attributes that a setattr request sets; nil leaves an attribute unchanged.
package struct AttributeChange: Sendable {
    package enum Time: Sendable {
        case now
        /// A time in nanoseconds since 1970.
        case at(Int64)
    }

    package var mode: UInt32?
    package var user: UInt32?
    package var group: UInt32?
    package var size: UInt64?
    package var accessTime: Time?
    package var modificationTime: Time?
    /// Whether the caller must not keep set-id bits across a truncation.
    package var killSetID = false

    package init() {}

    /// Whether the request changes nothing but the set-id bits.
    var isOnlyKill: Bool { killSetID && size == nil && !changesMetadata }

    var changesMetadata: Bool {
        mode != nil || user != nil || group != nil || accessTime != nil || modificationTime != nil
    }
}

/// Changes the attributes of inodes, including extended attributes.
package struct FileAttributes: Sendable {
    let tree: Tree
}

extension FileAttributes {
    func setAttributes(
        _ number: InodeNumber, _ change: AttributeChange, caller: Caller
    ) throws(Errno) {
        let inode = try tree.inode(number)
        var transaction = tree.begin(.setAttributes, caller.stamp(tree.clock.realtime()))
        let now = transaction.stamp.time
        let clearsSetID = (change.user != nil || change.group != nil) && change.mode == nil
            && inode.type != .directory
        let old = inode.record
        let mode = clearsSetID
            ? ModeBits.withoutSetID(old.mode, isMember: caller.mayKeepSetGroup(of: old.group))
            : old.mode
        try tree.update(inode, in: &transaction) { record in
            record.changeTime = now
            record.mode = mode
            if let mode = change.mode {
                record.mode = (record.mode & ModeBits.type) | (mode & ModeBits.permissions)
            }
            if let user = change.user { record.user = user }
            if let group = change.group { record.group = group }
            switch change.accessTime {
            case nil: break
            case .now: record.accessTime = now
            case .at(let time): record.accessTime = time
            }
            switch change.modificationTime {
            case nil: break
            case .now: record.modificationTime = now
            case .at(let time): record.modificationTime = time
            }
        }
        if let mode = change.mode { try changeACLMode(of: inode, to: mode, in: &transaction) }
        if change.user != nil || change.group != nil {
            try dropCapability(of: inode, in: &transaction)
        }
        try tree.commit(&transaction)
    }

    /// Sets mtime and ctime to now, for a call that counts as a change but alters no byte.
    func touchTimes(_ number: InodeNumber, caller: Caller) throws(Errno) {
        var change = AttributeChange()
        change.modificationTime = .now
        try setAttributes(number, change, caller: caller)
    }

    /// Updates the access ACL after a chmod: owner, mask (or group) and others (acl(5)).
    private func changeACLMode(
        of inode: Inode, to mode: UInt32, in transaction: inout Transaction
    ) throws(Errno) {
        guard inode.type != .symlink else { return }
        let name = AccessControlList.accessName
        guard let bytes = try xattrValue(name, of: inode), var acl = AccessControlList(bytes) else {
            return
        }
        acl.setMode(mode)
        try setXattr(name, of: inode, to: .value(acl.bytes), in: &transaction)
    }

    /// Removes the file's capabilities, as a write or a chown by any user does (capabilities(7)).
    func dropCapability(of inode: Inode, in transaction: inout Transaction) throws(Errno) {
        let name = XattrNames.capability
        guard inode.type == .regular, try xattrValue(name, of: inode) != nil else { return }
        try removeXattr(name, of: inode, in: &transaction)
    }

    /// Clears set-id bits and capabilities after a write. Returns true if the mode changed.
    /// - Parameter unprivileged: the kernel reported that the caller lacks CAP_FSETID, even if it is root.
    func clearPrivileges(
        of inode: Inode, setID: Bool, unprivileged: Bool = true, caller: Caller
    ) throws(Errno) -> Bool {
        let before = inode.record
        let mode = setID
            ? ModeBits.withoutSetID(
                before.mode,
                isMember: unprivileged
                    ? caller.isMember(of: before.group)
                    : caller.mayKeepSetGroup(of: before.group))
            : before.mode
        let changesMode = mode != inode.record.mode
        guard changesMode || inode.record.flags.contains(.hasCapability) else { return false }
        var transaction = tree.begin(.setAttributes, caller.stamp(tree.clock.realtime()))
        let now = transaction.stamp.time
        try tree.update(inode, in: &transaction) { record in
            record.mode = mode
            record.changeTime = now
        }
        try dropCapability(of: inode, in: &transaction)
        try tree.commit(&transaction)
        return changesMode
    }
}
