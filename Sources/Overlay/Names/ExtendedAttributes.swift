// Extended attributes: values of the workspace take precedence over those of the base. A removed attribute
// of the base is hidden.

internal import Platform
internal import Storage

/// The flags of setxattr(2).
package enum XattrMode: Sendable { case either, create, replace }

extension FileAttributes {
    /// Checks that a name lies in one of the namespaces of xattr(7) or is an ACL.
    /// - Throws: EOPNOTSUPP for any other name.
    func checkNamespace(_ name: [UInt8]) throws(Errno) {
        let isACL = name == AccessControlList.accessName || name == AccessControlList.defaultName
        let isKnown = ["user.", "trusted.", "security."].contains {
            name.count > $0.utf8.count && name.starts(with: $0.utf8)
        }
        if !isACL, !isKnown { throw .notSupported }
    }

    /// Returns the attributes of an inode that the workspace has set or hidden.
    private func overlayXattrs(of inode: Inode) throws(Errno) -> [[UInt8]: XattrValue] {
        guard inode.record.flags.contains(.hasXattrs) else { return [:] }
        if let known = tree.caches.xattrs(of: inode.number) { return known }
        let found = try tree.xattrs(of: inode.number)
        tree.caches.setXattrs(found, of: inode.number)
        return found
    }

    /// Returns the effective value of an attribute, or nil if there is none.
    func xattrValue(_ name: [UInt8], of inode: Inode) throws(Errno) -> [UInt8]? {
        switch try overlayXattrs(of: inode)[name] {
        case .value(let bytes): return bytes
        case .hidden: return nil
        case nil: break
        }
        guard let place = inode.place else { return nil }
        do throws(Errno) {
            return try tree.base.xattr(name, of: place)
        } catch {
            if error == .noData || error == .noEntry { return nil }
            throw error
        }
    }

    func xattrNames(of inode: Inode) throws(Errno) -> [[UInt8]] {
        let overlay = try overlayXattrs(of: inode)
        var names: [[UInt8]] = []
        if let place = inode.place {
            names = try tree.base.xattrNames(of: place).filter { overlay[$0] == nil }
        }
        // The base's order comes first, so that archives of an untouched file are the same, byte for byte.
        let own = overlay.filter { $0.value != .hidden }.keys
        return names + own.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Sets an extended attribute, as setxattr(2).
    /// - Parameter clearsSetGroup: the caller is not in the file's group, so a new access ACL clears the
    ///   set-group-id bit, as chmod(2) does.
    /// - Throws: ERANGE, E2BIG, EOPNOTSUPP, EEXIST, ENODATA; EINVAL and EACCES for ACLs.
    func setXattr(
        _ number: InodeNumber, _ name: [UInt8], _ value: [UInt8], mode: XattrMode,
        clearsSetGroup: Bool = false, caller: Caller
    ) throws(Errno) {
        if name.isEmpty || name.count > 255 { throw .range }
        if value.count > tree.limits.xattrValueBytes { throw .tooBigList }
        try checkNamespace(name)
        let inode = try tree.inode(number)
        let exists = try xattrValue(name, of: inode) != nil
        if mode == .create, exists { throw .exists }
        if mode == .replace, !exists { throw .noData }
        var transaction = tree.begin(.setXattr, caller.stamp(tree.clock.realtime()))
        try setCheckedXattr(name, of: inode, to: value, in: &transaction)
        if clearsSetGroup, name == AccessControlList.accessName {
            transaction.update(inode) { $0.mode &= ~ModeBits.setGroup }
        }
        try tree.commit(&transaction)
    }

    /// Sets an attribute; an access ACL also changes the mode, and is not stored if it says no more than
    /// the mode.
    private func setCheckedXattr(
        _ name: [UInt8], of inode: Inode, to value: [UInt8], in transaction: inout Transaction
    ) throws(Errno) {
        let isAccess = name == AccessControlList.accessName
        guard isAccess || name == AccessControlList.defaultName else {
            try setXattr(name, of: inode, to: .value(value), in: &transaction)
            return
        }
        guard let acl = AccessControlList(value), acl.isValid else { throw .invalid }
        if !isAccess, !inode.isDirectory { throw .accessDenied }
        guard isAccess else {
            try setXattr(name, of: inode, to: .value(acl.bytes), in: &transaction)
            return
        }
        let bits = acl.mode
        let time = transaction.stamp.time
        try tree.update(inode, in: &transaction) { record in
            record.mode = (record.mode & ~0o777) | bits
            record.changeTime = time
        }
        if acl.isMinimal {
            if try xattrValue(name, of: inode) != nil {
                try removeXattr(name, of: inode, in: &transaction)
            }
        } else {
            try setXattr(name, of: inode, to: .value(acl.bytes), in: &transaction)
        }
    }

    func removeXattr(_ number: InodeNumber, _ name: [UInt8], caller: Caller) throws(Errno) {
        try checkNamespace(name)
        let inode = try tree.inode(number)
        guard try xattrValue(name, of: inode) != nil else {
            // An ACL that says no more than the mode is never stored, so removing one succeeds.
            if name.starts(with: Array("system.".utf8)) { return }
            throw .noData
        }
        var transaction = tree.begin(.removeXattr, caller.stamp(tree.clock.realtime()))
        try removeXattr(name, of: inode, in: &transaction)
        try tree.commit(&transaction)
    }

    func setXattr(
        _ name: [UInt8], of inode: Inode, to value: XattrValue, in transaction: inout Transaction
    ) throws(Errno) {
        let before = try overlayXattrs(of: inode)[name]
        let time = transaction.stamp.time
        let isCapability = name == XattrNames.capability
        try tree.update(inode, in: &transaction) { record in
            record.flags.insert(.hasXattrs)
            if isCapability { record.flags.insert(.hasCapability) }
            record.changeTime = time
        }
        transaction.changes.append(.xattr(inode.number, name, before: before, after: value))
    }

    func removeXattr(
        _ name: [UInt8], of inode: Inode, in transaction: inout Transaction
    ) throws(Errno) {
        let before = try overlayXattrs(of: inode)[name]
        var isInBase = false
        if let place = inode.place { isInBase = (try? tree.base.xattr(name, of: place)) != nil }
        let time = transaction.stamp.time
        let isCapability = name == XattrNames.capability
        try tree.update(inode, in: &transaction) { record in
            record.flags.insert(.hasXattrs)
            if isCapability { record.flags.remove(.hasCapability) }
            record.changeTime = time
        }
        transaction.changes.append(
            .xattr(inode.number, name, before: before, after: isInBase ? .hidden : nil))
    }

    /// Returns the default ACL that new names inherit; empty if there is none.
    func defaultACL(of directory: Inode) throws(Errno) -> [UInt8] {
        if let known = tree.caches.defaultACL(of: directory.number) { return known }
        let value = try xattrValue(AccessControlList.defaultName, of: directory) ?? []
        tree.caches.setDefaultACL(value, of: directory.number)
        return value
    }
}
