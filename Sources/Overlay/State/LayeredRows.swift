// LayeredRows: the database of a workspace and the layers below it, read as one. A value comes from the first
// that has it or its removal. A layer may be another workspace's: then its numbers are moved to this one.

package import Platform
package import Storage

package final class LayeredRows {
    let workspace: UInt16
    /// The database that the workspace writes. Until the first checkpoint makes the file, it is an empty one
    /// in memory, so that a new workspace costs no more than its record.
    package var top: TreeDatabase
    package let lower: Layer?

    package init(of workspace: UInt16, _ top: TreeDatabase, over lower: Layer?) {
        self.workspace = workspace
        self.top = top
        self.lower = lower
    }

    package func inode(_ number: InodeNumber) throws(StorageError) -> InodeRecord? {
        if let found = try top.inode(number) { return found }
        guard lower != nil, try !top.isRemoved(.inode(number)) else { return nil }
        return try inodeBelow(number)
    }

    /// Returns the row that the layers have, whatever the workspace has itself.
    package func inodeBelow(_ number: InodeNumber) throws(StorageError) -> InodeRecord? {
        try lower?.find(number)?.moved(to: workspace)
    }

    package func origin(_ number: InodeNumber) throws(StorageError) -> Origin? {
        if let found = try top.origin(number) { return found }
        guard lower != nil, try !top.isRemoved(.origin(number)) else { return nil }
        return try lower?.search { (layer) throws(StorageError) in
            try layer.origin(number.moved(to: layer.name.workspace))
        }
    }

    package func entry(_ name: FileName, of parent: InodeNumber) throws(StorageError) -> Entry? {
        if let found = try top.entry(name, of: parent) { return found }
        guard lower != nil, try !top.isRemoved(.entry(parent, name.bytes)) else { return nil }
        return try lower?.search { (layer) throws(StorageError) in
            try layer.entry(name, of: parent.moved(to: layer.name.workspace))
        }?.moved(to: workspace)
    }

    package func entries(
        of parent: InodeNumber, _ visit: (FileName, Entry) -> Void
    ) throws(StorageError) {
        guard let lower else { return try top.entries(of: parent, visit) }
        var found: [FileName: Entry] = [:]
        for layer in lower.chain.reversed() {
            try layer.overlay(&found, of: parent.moved(to: layer.name.workspace), in: workspace)
        }
        for name in try top.removedNames(of: parent) {
            if let name = try? FileName(name) { found[name] = nil }
        }
        try top.entries(of: parent) { name, entry in found[name] = entry }
        for (name, entry) in found { visit(name, entry) }
    }

    package func xattrs(of inode: InodeNumber) throws(StorageError) -> [[UInt8]: XattrValue] {
        guard let lower else { return try top.xattrs(of: inode) }
        var found: [[UInt8]: XattrValue] = [:]
        for layer in lower.chain.reversed() {
            try layer.overlay(&found, of: inode.moved(to: layer.name.workspace))
        }
        for name in try top.removedXattrs(of: inode) { found[name] = nil }
        for (name, value) in try top.xattrs(of: inode) { found[name] = value }
        return found
    }

    /// Returns the names that refer to an inode.
    package func names(
        of inode: InodeNumber
    ) throws(StorageError) -> [(parent: InodeNumber, name: FileName)] {
        let own = try top.names(of: inode)
        guard let lower else { return own }
        var found = own
        for layer in lower.chain {
            for (parent, name) in try layer.names(of: inode.moved(to: layer.name.workspace)) {
                let parent = parent.moved(to: workspace)
                if try entry(name, of: parent)?.inode == inode,
                    !found.contains(where: { $0.parent == parent && $0.name == name }) {
                    found.append((parent, name))
                }
            }
        }
        return found
    }

    /// Returns the existing inodes whose content changed after `sequence`.
    package func inodes(editedAfter sequence: UInt64) throws(StorageError) -> [InodeNumber] {
        var found = try top.inodes(editedAfter: sequence)
        guard let lower else { return found }
        for layer in lower.chain where layer.position.sequence > sequence {
            let numbers = try layer.numbers(
                { (database) throws(StorageError) in try database.inodes(editedAfter: sequence) },
                or: { $0.contentSequence > sequence })
            for number in numbers {
                let number = number.moved(to: workspace)
                if let row = try inode(number), row.contentSequence > sequence { found.append(number) }
            }
        }
        return found
    }

    /// Returns the files whose content is in an edit log of the workspace itself.
    package func inodesWithLogs() throws(StorageError) -> [InodeNumber] {
        var found = try top.inodesWithLogs()
        for layer in lower?.chain ?? [] where layer.name.workspace == workspace {
            found += try layer.filesWithLogs()
        }
        return found
    }

    /// Returns the newest change time of an inode in nanoseconds since 1970, as the workspace's own rows have
    /// it; nil without rows.
    package func lastChange() throws(StorageError) -> Int64? {
        var last = try top.lastChange()
        for layer in lower?.chain ?? [] where layer.name.workspace == workspace {
            let time = try layer.read { (batch, database, _) throws(StorageError) in
                let times = batch.inodes.values.compactMap { $0?.changeTime }
                return max(try database.lastChange() ?? .min, times.max() ?? .min)
            }
            if time != .min { last = max(last ?? .min, time) }
        }
        return last
    }

    /// Returns the number of files and directories that have a name. What a fork has from its parent counts
    /// as the parent's.
    package func namedInodes() throws(StorageError) -> Int64 {
        guard let lower else { return Int64(clamping: try top.namedInodes()) }
        let own = lower.chain.prefix { $0.name.workspace == workspace }
        let parent = (own.last ?? lower).name.workspace == workspace ? own.last?.lower : lower
        var count: Int64 = 0
        // The newest row of an inode counts.
        var seen: Set<InodeNumber> = []
        func take(_ rows: [(number: InodeNumber, isNamed: Bool)]) throws(StorageError) {
            for row in rows where seen.insert(row.number).inserted {
                if row.isNamed { count += 1 }
                if let parent, let known = try parent.find(row.number), known.links > 0 { count -= 1 }
            }
        }
        try take(try top.changedInodes())
        for layer in own {
            try take(
                try layer.read { (batch, database, _) throws(StorageError) in
                    batch.inodes.map { ($0.key, ($0.value?.links ?? 0) > 0) } + (try database.changedInodes())
                })
        }
        return count
    }

    /// Writes a checkpoint into the database in memory that a workspace without files has.
    package func apply(
        _ batch: CheckpointBatch, at position: CheckpointPosition
    ) throws(StorageError) {
        try top.apply(batch, at: position, isOverLayer: lower != nil)
    }
}
