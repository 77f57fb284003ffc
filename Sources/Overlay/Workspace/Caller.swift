// Caller: on whose behalf an operation runs.

internal import Platform
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

    /// Whether the process is in a group. A request names the process's own group only: the others
    /// are asked of /proc, while the process waits for the answer to its call.
    func isMember(of group: UInt32) -> Bool {
        self.group == group || ProcessFacts.groups(of: pid).contains(group)
    }

    /// Whether a chown by the process leaves setgid where the group may not execute. A setattr
    /// does not say who has CAP_FSETID: root has.
    func mayKeepSetGroup(of group: UInt32) -> Bool { user == 0 || isMember(of: group) }
}

/// Bits of a mode (inode(7)).
enum ModeBits {
    static let type: UInt32 = 0o170000
    static let permissions: UInt32 = 0o7777
    static let setUser: UInt32 = 0o4000
    static let setGroup: UInt32 = 0o2000
    static let groupExecute: UInt32 = 0o010

    /// The mode after a write or chown by somebody who may not keep set-id bits. Without group
    /// execute setgid is a mark for locking, which members of the file's group may keep.
    static func withoutSetID(_ mode: UInt32, isMember: @autoclosure () -> Bool) -> UInt32 {
        let mode = mode & ~setUser
        guard mode & setGroup != 0 else { return mode }
        return mode & groupExecute != 0 || !isMember() ? mode & ~setGroup : mode
    }
}
