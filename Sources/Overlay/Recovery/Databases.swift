// Databases: opens the databases of a workspace at its opening: that of the present generation, and those of
// its layers. What is damaged is put aside, and made again from the tree log.

internal import Platform
internal import Storage
import Glibc

/// The databases of a workspace that is being opened.
struct Databases {
    let rows: LayeredRows
    let generation: UInt32
}

extension Databases {
    static func open(
        _ record: WorkspaceRecord, _ store: Store, _ layers: Layers, treeLog: TreeLog, events: EventLog,
        report: inout RecoveryReport
    ) throws(StorageError) -> Databases {
        let paths = store.databases(of: record.id)
        var lower: Layer?
        if let fork = record.fork {
            let name = Layer.Name(workspace: fork.workspace, generation: fork.generation)
            guard let layer = layers.find(name) else {
                throw .damaged(
                    path: LogDirectory.workspacePath(record.id),
                    what: "the state of the workspace that it was forked from is missing")
            }
            lower = layer
        }
        let last: UInt32?
        do throws(Errno) {
            last = try store.lastGeneration(of: record.id)
        } catch {
            throw .system(error, doing: "list", path: LogDirectory.workspacePath(record.id))
        }
        // Databases before the last one that has all are not needed.
        let first = try last.map { (last) throws(StorageError) in
            try Layer.firstGeneration(upTo: last, of: paths)
        } ?? 0
        // A merge that a kill ended left its part.
        if let last, !paths.areInMemory {
            for number in first...last { DatabaseSeal.removeDatabase(paths.mergePath(number)) }
        }
        var generation = first
        // Each database but the last is that of a layer. The last may be one too, if nothing was written
        // since.
        while let last, generation <= last {
            let name = Layer.Name(workspace: record.id, generation: generation)
            let path = paths.path(generation)
            if generation == last, try !isFrozen(path) { break }
            do throws(StorageError) {
                guard DatabaseSeal.exists(path) else { throw .damaged(path: path, what: "it is missing") }
                lower = try layers.layer(name, at: path, over: lower)
            } catch {
                switch error {
                case .damaged, .outdated: break
                default: throw error
                }
                events.post(
                    .warning, "\(error); the databases from there on are rebuilt from \(treeLog.path)")
                report.rebuiltDatabase = true
                // The earlier generations of a merged database may be gone: all are rebuilt then.
                if generation == first { generation = 0 }
                for damaged in generation...last where DatabaseSeal.exists(paths.path(damaged)) {
                    putAside(paths.path(damaged))
                }
                break
            }
            generation += 1
        }
        let top = try openTop(
            paths.path(generation), treeLog: treeLog, events: events, report: &report)
        return Databases(rows: LayeredRows(of: record.id, top, over: lower), generation: generation)
    }

    private static func isFrozen(_ path: String) throws(StorageError) -> Bool {
        guard DatabaseSeal.exists(path) else { return false }
        do throws(StorageError) {
            return try Layer.open(path).position().isFrozen
        } catch {
            // What is wrong with it shows when it is opened.
            switch error {
            case .damaged, .outdated: return false
            default: throw error
            }
        }
    }

    /// Puts a damaged database aside.
    private static func putAside(_ path: String) {
        for suffix in ["-wal", "-shm"] { _ = Glibc.unlink(path + suffix) }
        _ = Glibc.rename(path, path + ".damaged")
        DatabaseSeal.remove(path)
    }

    /// Opens the database and checks every row, unless it was closed cleanly. A damaged database is put
    /// aside: the tree log has everything in it.
    private static func openTop(
        _ path: String, treeLog: TreeLog, events: EventLog, report: inout RecoveryReport
    ) throws(StorageError) -> TreeDatabase {
        // A new workspace has no database before its first checkpoint.
        if path != ":memory:", !DatabaseSeal.exists(path) { return try TreeDatabase(":memory:") }
        do throws(StorageError) {
            let seal = path == ":memory:" ? .fits : DatabaseSeal.state(path)
            if seal == .unfit {
                throw .damaged(path: path, what: "it does not match its checksum in tree.db.sum")
            }
            if seal == .damaged {
                events.post(
                    .warning,
                    "\(DatabaseSeal.path(path)) is damaged; the database is checked row by row")
            }
            let database = try TreeDatabase(path)
            if seal != .fits { try database.verify() }
            DatabaseSeal.remove(path)
            return database
        } catch {
            switch error {
            case .damaged:
                events.post(
                    .warning, "\(error); the database is rebuilt from \(treeLog.path)")
                report.rebuiltDatabase = true
            case .outdated:
                events.post(.notice, "\(error); it is rebuilt from \(treeLog.path)")
            default: throw error
            }
        }
        putAside(path)
        return try TreeDatabase(path)
    }
}
