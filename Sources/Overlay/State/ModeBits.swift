// ModeBits: the mode bits that have rules of their own (inode(7)).

/// Bits of a mode (inode(7)).
enum ModeBits {
    static let type: UInt32 = 0o170000
    static let permissions: UInt32 = 0o7777
    static let setUser: UInt32 = 0o4000
    static let setGroup: UInt32 = 0o2000
    static let groupExecute: UInt32 = 0o010

    /// Returns the mode after a write or chown by a process that must not keep set-id bits. Setgid without
    /// group execute marks mandatory locking, and members of the file's group may keep it.
    static func withoutSetID(_ mode: UInt32, isMember: @autoclosure () -> Bool) -> UInt32 {
        let mode = mode & ~setUser
        guard mode & setGroup != 0 else { return mode }
        return mode & groupExecute != 0 || !isMember() ? mode & ~setGroup : mode
    }
}
