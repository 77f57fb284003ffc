// Inode: one file in the inode table: its row, the place of its base content, and the name by which it was
// found. Used only under the tree's lock. An inode stays in the table while the kernel refers to it, while
// it is dirty, or while it is in use.

package import Platform
package import Storage

package final class Inode {
    package var record: InodeRecord
    /// Whether the overlay has a row for it. False for untouched base files.
    package var isPersistent: Bool
    /// The place of its content, listing and attributes in the base. Nil if it does not come from the base.
    package private(set) var place: BasePlace?
    /// The path of a base directory, made once and shared by all its children.
    package private(set) var basePath: [UInt8]?
    /// The directory in which it was found last. For a directory, its parent.
    package var parent: InodeNumber
    /// The name by which it was found last.
    package var name: FileName?
    /// The number of references that the kernel holds (lookup count).
    package var lookups: UInt64 = 0
    /// Whether a checkpoint has yet to write it. `isFlushing`: a checkpoint is writing it now. Both keep it
    /// in memory.
    var isDirty = false
    var isFlushing = false
    /// The tick of the inode table at the last use.
    var lastUse: UInt64 = 0

    package init(_ record: InodeRecord, isPersistent: Bool, place: BasePlace?, parent: InodeNumber) {
        self.record = record
        self.isPersistent = isPersistent
        self.place = place
        self.parent = parent
        basePath = record.type == .directory ? place?.path : nil
    }

    /// Takes over the current state of an untouched base file.
    func refresh(_ record: InodeRecord, at place: BasePlace) {
        self.record = record
        self.place = place
        basePath = record.type == .directory ? place.path : nil
    }

    /// Changes the place of a file that has a row, or of the root.
    func move(to place: BasePlace?) {
        self.place = place
        basePath = record.type == .directory ? place?.path : nil
    }

    /// Notes the name by which it was found. The request's name is copied only if it differs.
    func note(_ name: FileName, in directory: Inode) {
        parent = directory.number
        if self.name != name { self.name = name.compact }
    }

    /// The row that the database gets. A base file that was edited while it had no name, and that a rollback
    /// has shown again, has none.
    var rowToWrite: InodeRecord? { isPersistent && record.links > 0 ? record : nil }

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

    /// Makes the record of an untouched base file from its status on the host.
    package init(number: InodeNumber, status: FileStatus) {
        self.init(
            number: number, mode: status.mode, user: status.user, group: status.group,
            // A link count of 0 would mean removed, but some file systems report 0.
            links: max(1, status.links), time: 0)
        specialDevice = status.specialDevice
        // off_t is signed, so the kernel has no larger sizes.
        size = min(status.size, UInt64(Int64.max))
        allocated = status.allocatedBytes
        accessTime = status.accessTime
        modificationTime = status.modificationTime
        changeTime = status.changeTime
        birthTime = status.birthTime
    }
}
