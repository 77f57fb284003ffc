// Attributes of a workspace's files: getattr, setattr and the extended ones.

package import Platform
package import Storage

extension Workspace {
    package func attributes(_ number: InodeNumber) throws(Errno) -> InodeAttributes {
        try withTree { (tree) throws(Errno) in try tree.inode(number).attributes }
    }

    /// Serves setattr: changes the size first (an edit), then the rest as one transaction.
    package func setAttributes(
        _ number: InodeNumber, _ change: AttributeChange, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        guard change.size == 0 else { return try self.change(number, change, caller: caller) }
        // Emptying a file works on a full disk, together with other attributes of the same request.
        return try withReserve { () throws(Errno) in
            try self.change(number, change, caller: caller)
        }
    }

    private func change(
        _ number: InodeNumber, _ change: AttributeChange, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        if let size = change.size {
            try content.truncate(number, to: size, killSetID: change.killSetID, caller: caller)
        }
        return try withTree { (tree) throws(Errno) in
            if change.changesMetadata || change.size == nil, !change.isOnlyKill {
                try tree.attributes.setAttributes(number, change, caller: caller)
            }
            if change.isOnlyKill, try !tree.inode(number).isDirectory {
                // The kernel sends this before a write by a caller who may not keep set-id bits, and for
                // chown(-1, -1) by any caller.
                _ = try tree.attributes.clearPrivileges(
                    of: tree.inode(number), setID: true, unprivileged: false, caller: caller)
            }
            return try tree.inode(number).attributes
        }
    }

    package func xattr(_ name: [UInt8], of number: InodeNumber) throws(Errno) -> [UInt8] {
        try withTree { (tree) throws(Errno) in
            try tree.attributes.checkNamespace(name)
            guard let value = try tree.attributes.xattrValue(name, of: tree.inode(number)) else {
                throw .noData
            }
            return value
        }
    }

    package func xattrNames(of number: InodeNumber) throws(Errno) -> [[UInt8]] {
        try withTree { (tree) throws(Errno) in try tree.attributes.xattrNames(of: tree.inode(number)) }
    }

    package func setXattr(
        _ name: [UInt8], of number: InodeNumber, to value: [UInt8], mode: XattrMode,
        clearsSetGroup: Bool = false, caller: Caller
    ) throws(Errno) {
        try withTree { (tree) throws(Errno) in
            try tree.attributes.setXattr(
                number, name, value, mode: mode, clearsSetGroup: clearsSetGroup, caller: caller)
        }
    }

    package func removeXattr(
        _ name: [UInt8], of number: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                try tree.attributes.removeXattr(number, name, caller: caller)
            }
        }
    }
}
