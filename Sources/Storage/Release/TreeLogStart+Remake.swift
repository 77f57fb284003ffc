// TreeLogStart+Remake: makes the state that a tree log begins with again, from the database, for a repair.

package import Platform

extension TreeLogStart {
    /// Makes the state again from the database, which is not over a layer of the same workspace: the log is
    /// then replayed from the position of the database.
    /// - Parameters:
    ///   - horizon: no change after it was released; 0 if it is not known.
    ///   - file: the tree log.
    /// - Returns: false if that is not possible: the database is older than the log, or no record of the log
    ///   can be read.
    package static func remake(
        from database: TreeDatabase, generation: UInt32, before horizon: UInt64, beside treeLog: String,
        _ file: any DiskFile, id: UInt64, key: ChecksumKey, on disk: any Disk
    ) throws(StorageError) -> Bool {
        let path = path(beside: treeLog)
        let front = try TreeLogFront(of: file, treeLog, id: id, key: key, on: disk)
        var state = try TreeLogState(of: database, generation: generation, front: front)
        let position = try database.position()
        guard front.sequence > 0, position.treeLog >= front.position, !position.isFrozen else { return false }
        if front.start == nil {
            state.fields.first = min(front.sequence, position.sequence)
            if horizon > 0 { state.fields.first = min(state.fields.first, horizon) }
        }
        do throws(StorageError) {
            var writer = try TreeLogStartWriter(beside: treeLog, id: id, key: key, on: disk)
            try state.write(to: &writer) {}
            try writer.finish(state.fields)
            do throws(Errno) {
                try disk.rename(path + ".new", to: path)
                let parent = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
                try disk.synchronizeDirectory(String(parent))
            } catch {
                throw .system(error, doing: "write", path: path)
            }
        } catch {
            try? disk.remove(path + ".new")
            throw error
        }
        return true
    }
}
