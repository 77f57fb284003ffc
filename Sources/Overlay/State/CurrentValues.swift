// CurrentValues: reads the current values of the tree's keys (rows, entries, extended attributes, origins)
// from memory or the database. It loads no inodes into the table for this, except in `historicLog`.

package import Platform
package import Storage

extension Tree {
    /// Returns the current row of an inode, or nil for an untouched base file and for a removed inode.
    package func row(_ number: InodeNumber) throws(Errno) -> InodeRecord? {
        if let inode = inodes[number] { return inode.isPersistent ? inode.record : nil }
        if let known = pending.row(number) { return known }
        return try read { (rows) throws(StorageError) in try rows.inode(number) }
    }

    package func read<R>(_ body: (LayeredRows) throws(StorageError) -> R) throws(Errno) -> R {
        do throws(StorageError) {
            return try body(rows)
        } catch {
            throw failing(error)
        }
    }

    /// Returns the origin of an inode, or nil if it has none.
    package func knownOrigin(_ number: InodeNumber) throws(Errno) -> Origin? {
        try read { (_) throws(StorageError) in try origin(number) }
    }

    /// Returns the overlay's current entry for a name, also in a removed directory.
    package func entry(_ name: FileName, in directory: InodeNumber) throws(Errno) -> Entry? {
        if let index = caches.index(of: directory) { return index.entries[name] }
        if let known = pending.entry(name, in: directory) { return known }
        guard directoriesWithEntries.contains(directory) else { return nil }
        return try read { (rows) throws(StorageError) in try rows.entry(name, of: directory) }
    }

    /// Returns all current overlay entries of a directory.
    package func entries(in directory: InodeNumber) throws(Errno) -> [FileName: Entry] {
        if let index = caches.index(of: directory) { return index.entries }
        guard directoriesWithEntries.contains(directory) else { return [:] }
        var found: [FileName: Entry] = [:]
        try read { (rows) throws(StorageError) in
            try rows.entries(of: directory) { name, entry in found[name] = entry }
        }
        pending.overlay(&found, of: directory)
        return found
    }

    /// Returns all current extended attributes of an inode that the overlay has.
    package func xattrs(of number: InodeNumber) throws(Errno) -> [[UInt8]: XattrValue] {
        if let known = caches.xattrs(of: number) { return known }
        var found = try read { (rows) throws(StorageError) in try rows.xattrs(of: number) }
        pending.overlay(&found, of: number)
        return found
    }

    /// Returns the edit log of an inode. If the file is gone, or no longer uses its log, a separate log is
    /// opened for reading only.
    package func historicLog(
        _ number: InodeNumber, afterPowerCut: Bool = false
    ) throws(Errno) -> EditLog {
        if let log = openLogs[number] { return log }
        // A removed file may still be in memory, while its own log was released with the history.
        if let inode = try? inode(number), inode.record.links > 0 || EditLog.exists(number, in: logs),
            let log = try edits.log(of: inode, afterPowerCut: afterPowerCut) { return log }
        do throws(StorageError) {
            if let log = try AncestorLogs(number, in: logs).openIfAlone() { return log }
            return try EditLog.open(
                number, in: logs, afterPowerCut: afterPowerCut, synced: openLogs.syncedBefore, cutsTail: false
            ) { _ in }
        } catch {
            throw failing(error)
        }
    }

    /// Returns the existing files whose content changed after `sequence`.
    package func editedInodes(after sequence: UInt64) throws(Errno) -> Set<InodeNumber> {
        var found = Set(
            try read { (rows) throws(StorageError) in
                try rows.inodes(editedAfter: sequence)
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

    /// Returns whether the workspace shows a base file that has no row.
    package func isShown(_ place: BasePlace) throws(Errno) -> Bool {
        try isShown(
            place, entry: { (name, parent) throws(Errno) in try entry(name, in: parent) },
            row: { (number) throws(Errno) in try row(number) })
    }

    /// Returns whether a tree with the given entries and rows shows a base file that has no row.
    /// - Parameters:
    ///   - entry: Returns the entry for a name in a directory.
    ///   - row: Returns the row of an inode.
    package func isShown(
        _ place: BasePlace, entry: (FileName, InodeNumber) throws(Errno) -> Entry?,
        row: (InodeNumber) throws(Errno) -> InodeRecord?
    ) throws(Errno) -> Bool {
        var place = place
        if place.top != base.top { return false }
        // Walks upwards to the first directory with a row, or to the root.
        while !place.isRoot {
            let directory = BasePlace(path: place.directory)
            // `isPast`: a directory that was removed keeps its number, since it may come back.
            guard let status = try? base.status(directory) else { return false }
            let parent = try number(of: status, at: directory, isPast: true)
            let name = FileName(trusted: place.name)
            if try entry(name, parent) != nil { return false }
            if try row(parent) != nil { return true }
            // A touched directory without a row may have lost its name.
            if identity.touched.contains(parent) { return false }
            place = directory
        }
        return true
    }
}
