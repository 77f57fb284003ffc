// CurrentValues: what the keys of the tree say now, from memory or the database: rows, names, extended
// attributes, origins. The kernel's inodes are not needed for it.

package import Platform
package import Storage

extension Tree {
    /// The row of an inode as it is now; nil for an untouched base file and for what is gone.
    package func row(_ number: InodeNumber) throws(Errno) -> InodeRecord? {
        if let inode = inodes[number] { return inode.isPersistent ? inode.record : nil }
        if let known = pending.row(number) { return known }
        return try read { (reader) throws(StorageError) in try reader.inode(number) }
    }

    package func read<R>(_ body: (TreeDatabase) throws(StorageError) -> R) throws(Errno) -> R {
        do throws(StorageError) {
            return try body(reader)
        } catch {
            throw failing(error)
        }
    }

    /// Where a touched base file came from; nil for a file that nobody has touched.
    package func knownOrigin(_ number: InodeNumber) throws(Errno) -> Origin? {
        try read { (_) throws(StorageError) in try origin(number) }
    }

    /// What the overlay says of a name now, also in a directory that is gone.
    package func entry(_ name: FileName, in directory: InodeNumber) throws(Errno) -> Entry? {
        if let index = caches.index(of: directory) { return index.entries[name] }
        if let known = pending.entry(name, in: directory) { return known }
        guard directoriesWithEntries.contains(directory) else { return nil }
        return try read { (reader) throws(StorageError) in try reader.entry(name, of: directory) }
    }

    /// All that the overlay says of a directory's names now.
    package func entries(in directory: InodeNumber) throws(Errno) -> [FileName: Entry] {
        if let index = caches.index(of: directory) { return index.entries }
        guard directoriesWithEntries.contains(directory) else { return [:] }
        var found: [FileName: Entry] = [:]
        try read { (reader) throws(StorageError) in
            try reader.entries(of: directory) { name, entry in found[name] = entry }
        }
        pending.overlay(&found, of: directory)
        return found
    }

    /// All that the overlay says of an inode's extended attributes now.
    package func xattrs(of number: InodeNumber) throws(Errno) -> [[UInt8]: XattrValue] {
        if let known = caches.xattrs(of: number) { return known }
        var found = try read { (reader) throws(StorageError) in try reader.xattrs(of: number) }
        pending.overlay(&found, of: number)
        return found
    }

    /// An inode's edit log; one of our own, only to be read, for a file that is gone or that the log
    /// belongs to no more.
    package func historicLog(
        _ number: InodeNumber, afterPowerCut: Bool = false
    ) throws(Errno) -> EditLog {
        if let log = openLogs[number] { return log }
        if let inode = try? inode(number), let log = try edits.log(of: inode, afterPowerCut: afterPowerCut) {
            return log
        }
        do throws(StorageError) {
            return try EditLog.open(
                number, in: logs, afterPowerCut: afterPowerCut, synced: openLogs.syncedBefore, cutsTail: false
            ) { _ in }
        } catch {
            throw failing(error)
        }
    }

    /// Files whose content changed after `sequence` and that are there now.
    package func editedInodes(after sequence: UInt64) throws(Errno) -> Set<InodeNumber> {
        var found = Set(
            try read { (reader) throws(StorageError) in
                try reader.inodes(editedAfter: sequence)
            })
        for batch in pending.batches {
            for case (let number, let record?) in batch.inodes
            where record.contentSequence > sequence { found.insert(number) }
        }
        for inode in inodes.values
        where inode.isPersistent && inode.record.contentSequence > sequence {
            found.insert(inode.number)
        }
        return found
    }

    /// Whether the workspace shows a base file that it has no row for.
    package func isShown(_ place: BasePlace) throws(Errno) -> Bool {
        try isShown(
            place, entry: { (name, parent) throws(Errno) in try entry(name, in: parent) },
            row: { (number) throws(Errno) in try row(number) })
    }

    /// - Parameters:
    ///   - entry: what is said of a name.
    ///   - row: what is said of an inode.
    package func isShown(
        _ place: BasePlace, entry: (FileName, InodeNumber) throws(Errno) -> Entry?,
        row: (InodeNumber) throws(Errno) -> InodeRecord?
    ) throws(Errno) -> Bool {
        var place = place
        // Upwards until a directory is known to be there or not.
        while !place.name.isEmpty {
            let directory = BasePlace(path: place.directory)
            // One that is gone keeps its number: it may come back.
            guard let status = try? base.status(directory) else { return false }
            let parent = try number(of: status, at: directory, isPast: true)
            let name = FileName(trusted: place.name)
            if try entry(name, parent) != nil { return false }
            if try row(parent) != nil { return true }
            // Without a row it may have lost its name.
            if identity.touched.contains(parent) { return false }
            place = directory
        }
        return true
    }
}
