// Caller: the process on whose behalf an operation runs.

internal import Platform
package import Storage

package struct Caller: Sendable {
    package var user: UInt32
    package var group: UInt32
    package var pid: UInt32
    /// The permission bits that new files must not have, unless the directory has a default ACL (umask(2)).
    package var umask: UInt32

    package init(user: UInt32, group: UInt32, pid: UInt32, umask: UInt32) {
        self.user = user
        self.group = group
        self.pid = pid
        self.umask = umask
    }

    package func stamp(_ time: Int64) -> Stamp { Stamp(time: time, pid: pid, uid: user) }

    /// Returns whether the process is a member of a group. A request carries the process's own group only.
    /// The supplementary groups are read from /proc, while the process waits for the answer to its call.
    func isMember(of group: UInt32) -> Bool {
        self.group == group || ProcessFacts.groups(of: pid).contains(group)
    }

    /// Returns whether a chown by the process keeps setgid on a file without group execute. A setattr
    /// request does not say whether the process has CAP_FSETID; root counts as having it.
    func mayKeepSetGroup(of group: UInt32) -> Bool { user == 0 || isMember(of: group) }
}
