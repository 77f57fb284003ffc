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
