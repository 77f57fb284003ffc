// Extended attributes: the overlay's values over the base's; a removed one hides the base's.

internal import Platform
internal import Storage

/// Flags of setxattr(2).
package enum XattrMode: Sendable { case either, create, replace }

extension FileAttributes {
    /// The namespaces of xattr(7).
    /// - Throws: EOPNOTSUPP for a name outside of them.
    func checkNamespace(_ name: [UInt8]) throws(Errno) {
        let isACL = name == AccessControlList.accessName || name == AccessControlList.defaultName
        let isKnown = ["user.", "trusted.", "security."].contains {
            name.count > $0.utf8.count && name.starts(with: $0.utf8)
        }
        if !isACL, !isKnown { throw .notSupported }
    }

    /// What the overlay says of an inode's attributes.
    private func overlayXattrs(of inode: Inode) throws(Errno) -> [[UInt8]: XattrValue] {
        guard inode.record.flags.contains(.hasXattrs) else { return [:] }
        if let known = tree.caches.xattrs(of: inode.number) { return known }
        let found = try tree.xattrs(of: inode.number)
        tree.caches.setXattrs(found, of: inode.number)
        return found
    }

    /// The value that is in force; nil where there is none.
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
        // The base's order first: archives of an untouched file are the same bytes.
        let own = overlay.filter { $0.value != .hidden }.keys
        return names + own.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// - Parameter clearsSetGroup: the caller is not in the file's group, so that a new access ACL
    ///   takes the set-group-id bit with it, as chmod(2) would.
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

    /// ACLs change the mode with them; one that says no more than the mode is not kept.
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
            // An ACL that says no more than the mode is never stored: removing it succeeds.
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

    /// The default ACL that new names inherit; empty for none.
    func defaultACL(of directory: Inode) throws(Errno) -> [UInt8] {
        if let known = tree.caches.defaultACL(of: directory.number) { return known }
        let value = try xattrValue(AccessControlList.defaultName, of: directory) ?? []
        tree.caches.setDefaultACL(value, of: directory.number)
        return value
    }
}
