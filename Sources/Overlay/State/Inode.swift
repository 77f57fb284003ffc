// Inode: what the table has of one file: its row, where its base content lies, where it was found. Inodes
// are touched only under the tree's lock. One stays in the table while the kernel holds it, while it is
// dirty, or while it is used.

package import Platform
package import Storage

package final class Inode {
    package var record: InodeRecord
    /// Whether the overlay has a row of its own for it; false for untouched base files.
    package var isPersistent: Bool
    /// Where its content, listing and attributes lie in the base, for one that came from there.
    package private(set) var place: BasePlace?
    /// The path of a base directory, made once for all its children.
    package private(set) var basePath: [UInt8]?
    /// The directory it was found in last; for a directory the one it is in.
    package var parent: InodeNumber
    /// The name it was found by last.
    package var name: FileName?
    /// References that the kernel holds (lookup counts).
    package var lookups: UInt64 = 0
    /// Kept in memory because a checkpoint has not written it yet.
    var isDirty = false
    var isFlushing = false
    /// When it was used last, in ticks of the tree.
    var lastUse: UInt64 = 0

    package init(_ record: InodeRecord, isPersistent: Bool, place: BasePlace?, parent: InodeNumber) {
        self.record = record
        self.isPersistent = isPersistent
        self.place = place
        self.parent = parent
        basePath = record.type == .directory ? place?.path : nil
    }

    /// Takes over what the base shows now of a file that nobody touched.
    func refresh(_ record: InodeRecord, at place: BasePlace) {
        self.record = record
        self.place = place
        basePath = record.type == .directory ? place.path : nil
    }

    /// It was found by that name. The name of a request is copied only if it is another one.
    func note(_ name: FileName, in directory: Inode) {
        parent = directory.number
        if self.name != name { self.name = name.compact }
    }

    package var number: InodeNumber { record.number }
    var type: FileType { record.type }
    var isDirectory: Bool { record.type == .directory }

    var attributes: InodeAttributes { record.attributes }
}

extension InodeRecord {
    package var attributes: InodeAttributes {
        InodeAttributes(
            number: number, mode: mode, links: links, user: user,
            group: group, specialDevice: specialDevice, size: size,
            blocks: allocated.blocksOf512, accessTime: accessTime,
            modificationTime: modificationTime, changeTime: changeTime)
    }

    /// An untouched base file, as the host shows it.
    package init(number: InodeNumber, status: FileStatus) {
        self.init(
            number: number, mode: status.mode, user: status.user, group: status.group,
            // None would mean that it was removed; some file systems count none.
            links: max(1, status.links), time: 0)
        specialDevice = status.specialDevice
        // As the kernel counts: off_t is signed.
        size = min(status.size, UInt64(Int64.max))
        allocated = status.allocatedBytes
        accessTime = status.accessTime
        modificationTime = status.modificationTime
        changeTime = status.changeTime
        birthTime = status.birthTime
    }
}
