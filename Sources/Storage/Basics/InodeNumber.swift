// InodeNumber: the number of an inode, with the workspace in its high bits. A fork shows the files of its
// parent under numbers that differ in these bits only.

/// The number of an inode in a store. The workspace id is in the high 16 bits.
package typealias InodeNumber = UInt64

extension InodeNumber {
    /// The number without the bits of the workspace.
    package var local: UInt64 { self & 0xffff_ffff_ffff }

    /// Whether it is the number of no file, which has the marks of merges as its extended attributes.
    package var isOfMarks: Bool { local == 0 }

    /// How many numbers a workspace had given out with this one; 0 for the number of a base inode.
    var countGivenOut: UInt64 {
        let givenOut: UInt64 = 1 << 47
        return self & givenOut == 0 ? 0 : self & (givenOut - 1)
    }

    /// The workspace in the number's high bits.
    package var workspace: UInt16 { UInt16(truncatingIfNeeded: self >> 48) }

    /// Returns the number of the same file in another workspace. 0, which stands for no file, stays 0.
    package func moved(to workspace: UInt16) -> InodeNumber {
        self == 0 ? 0 : local | UInt64(workspace) << 48
    }
}
