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
        let inherited = try inheritedLayer(record, layers)
        var lower = inherited
        let last = try lastGeneration(of: record.id, store)
        let first = try firstGeneration(upTo: last, of: paths, treeLog.front)
        // A release or a merge that a kill ended left its part.
        if !paths.areInMemory { DatabaseSeal.removeDatabase(paths.scratchPath) }
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
                var damaged = generation
                if generation == first {
                    generation = try rebuildGeneration(treeLog.front)
                    damaged = min(damaged, generation)
                }
                putAside(damaged...last, of: paths)
                break
            }
            generation += 1
        }
        let top = try openTop(
            paths.path(generation), treeLog: treeLog, events: events, report: &report)
        let rows = LayeredRows(of: record.id, top, over: lower)
        let opened = Databases(rows: rows, generation: generation)
        guard try opened.isBefore(treeLog.front) else { return opened }
        // After a power cut. The records between are gone, and what they led to is the state that the log
        // begins with. No fork begins with a layer from before that.
        generation = try rebuildGeneration(treeLog.front)
        events.post(
            .notice, "the database of \(LogDirectory.workspacePath(record.id)) is older than what "
                + "\(treeLog.path) has; it is rebuilt")
        report.rebuiltDatabase = true
        top.close()
        if let last { putAside(0...last, of: paths) }
        let empty = LayeredRows(of: record.id, try TreeDatabase(":memory:"), over: inherited)
        return Databases(rows: empty, generation: generation)
    }

    /// Returns the layer of another workspace that this one was forked from; nil if it was not.
    private static func inheritedLayer(
        _ record: WorkspaceRecord, _ layers: Layers
    ) throws(StorageError) -> Layer? {
        guard let fork = record.fork else { return nil }
        let name = Layer.Name(workspace: fork.workspace, generation: fork.generation)
        if let layer = layers.find(name) { return layer }
        throw .damaged(
            path: LogDirectory.workspacePath(record.id),
            what: "the state of the workspace that it was forked from is missing")
    }

    /// Returns the last generation that has a database; nil if none has one.
    private static func lastGeneration(of id: UInt16, _ store: Store) throws(StorageError) -> UInt32? {
        do throws(Errno) {
            return try store.lastGeneration(of: id)
        } catch {
            throw .system(error, doing: "list", path: LogDirectory.workspacePath(id))
        }
    }

    /// Returns the generation with which a replay of the whole tree log begins.
    /// - Throws: what is wrong with the state that the log begins with: then nothing is put aside.
    private static func rebuildGeneration(_ front: TreeLogFront) throws(StorageError) -> UInt32 {
        if let fault = front.fault { throw fault }
        return front.generation
    }

    /// Returns the first generation that is needed: databases before the last one that has all are not.
    private static func firstGeneration(
        upTo last: UInt32?, of paths: DatabasePaths, _ front: TreeLogFront
    ) throws(StorageError) -> UInt32 {
        guard let last else { return front.generation }
        let first = try Layer.firstGeneration(upTo: last, of: paths)
        if front.fault != nil {
            // It is not known whether databases were made again from a state.
            return (first...last).first { DatabaseSeal.exists(paths.path($0)) } ?? last
        }
        // Nor are those before the state that the tree log begins with, once they were made again from it.
        if first < front.generation,
            (first..<front.generation).allSatisfy({ !DatabaseSeal.exists(paths.path($0)) }) {
            return front.generation
        }
        return first
    }

    /// Whether they lack changes whose records were released, and are not empty, as before a replay of all.
    private func isBefore(_ front: TreeLogFront) throws(StorageError) -> Bool {
        if front.sequence == 0 { return false }
        let layer = rows.lower?.name.workspace == rows.workspace ? rows.lower : nil
        let position = max(try rows.top.position().treeLog, layer?.position.treeLog ?? 0)
        if position >= front.position { return false }
        return position > 0 || layer != nil || generation != front.generation
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

    private static func putAside(_ generations: ClosedRange<UInt32>, of paths: DatabasePaths) {
        for number in generations where DatabaseSeal.exists(paths.path(number)) {
            putAside(paths.path(number))
        }
    }

    /// Puts a database aside that is of no use.
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
