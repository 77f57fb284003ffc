// Caller: on whose behalf an operation runs.

package import Storage

package struct Caller: Sendable {
    package var user: UInt32
    package var group: UInt32
    package var pid: UInt32
    /// Bits that new files must not have, unless the directory has a default ACL (umask(2)).
    package var umask: UInt32

    package init(user: UInt32, group: UInt32, pid: UInt32, umask: UInt32) {
        self.user = user
        self.group = group
        self.pid = pid
        self.umask = umask
    }

    package func stamp(_ time: Int64) -> Stamp { Stamp(time: time, pid: pid, uid: user) }
}

/// Bits of a mode (inode(7)).
enum ModeBits {
    static let type: UInt32 = 0o170000
    static let permissions: UInt32 = 0o7777
    static let setUser: UInt32 = 0o4000
    static let setGroup: UInt32 = 0o2000
    static let groupExecute: UInt32 = 0o010

    /// The mode after a write or chown by somebody who may not keep set-id bits: setgid goes
    /// only where it means set-id, not mandatory locking (no group execute).
    static func withoutSetID(_ mode: UInt32) -> UInt32 {
        var mode = mode & ~setUser
        if mode & groupExecute != 0 { mode &= ~setGroup }
        return mode
    }
}
