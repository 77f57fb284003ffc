// Replay: applies the records of the tree log that the database does not have, in order. It collects what
// they say of edit logs: which may have grown, and which content transactions have set.

internal import Platform
internal import Storage
internal import Synchronization

struct Replay {
    private let workspace: Workspace
    private let position: CheckpointPosition
    /// Files whose edit logs may have grown.
    private(set) var marked: Set<InodeNumber> = []
    /// Logs that had a record, with the sequence number of the content mark that says so.
    private(set) var begun: [InodeNumber: UInt64] = [:]
    /// Content that transactions have set, in order.
    private(set) var restores: [Restore] = []
    /// Transactions of which a part was lost.
    private(set) var lost: Set<UInt64> = []
    /// Layers that were frozen, with the files whose edit logs may have grown before.
    private(set) var freezes: [(layer: Layer, marked: Set<InodeNumber>)] = []
    private var spills = true
    private var damage: StorageError?
    private var processRecords = 0

    init(_ workspace: Workspace, from position: CheckpointPosition) {
        self.workspace = workspace
        self.position = position
    }

    private var path: String { workspace.treeLog.path }

    mutating func run(_ report: inout RecoveryReport) throws(StorageError) {
        let result = try workspace.treeLog.replay(
            from: position.treeLog, after: position.sequence, afterPowerCut: report.afterPowerCut
        ) {
            (header, payload) throws(StorageError) in apply(header, payload, &report)
        }
        workspace.sequence.advance(
            to: max(result.lastSequence, position.sequence, workspace.treeLog.front.first))
        // Process records change nothing.
        report.replayed = result.records - processRecords
        report.tornBytes = result.tornBytes
        if let damage { throw damage }
        if let range = result.damage.first {
            throw .damaged(
                path: path,
                what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable, "
                    + "and changes recorded after them may depend on them")
        }
        if result.tornBytes > 0 {
            workspace.events.post(
                .warning, "\(path): cut off \(result.tornBytes) bytes of an unfinished record")
        }
    }

    private mutating func apply(
        _ header: RecordHeader, _ payload: [UInt8], _ report: inout RecoveryReport
    ) {
        switch RecordKind(rawValue: header.kind) {
        case .transaction, .state:
            do throws(StorageError) {
                let found = try workspace.treeLog.transaction(header, payload)
                apply(found?.changes, header, &report)
            } catch {
                damage = error
            }
        case .process, .names:
            processRecords += 1
        case .contentMark:
            for mark in ContentMark.decode(payload) {
                marked.insert(mark.inode)
                if mark.hasBegun { begun[mark.inode] = header.sequence }
            }
        case .gap:
            report.metGap = true
            workspace.events.post(
                .error,
                "\(path): changes up to number \(header.sequence) were lost, and a "
                    + "repair has put a filler in their place; later changes are kept")
        default:
            damage = .damaged(path: path, what: "record \(header.sequence) is of an unknown kind")
        }
    }

    /// - Parameter changes: the changes of one transaction; nil if a part of it was lost.
    private mutating func apply(
        _ changes: [TreeChange]?, _ header: RecordHeader, _ report: inout RecoveryReport
    ) {
        guard let changes else {
            report.metGap = true
            lost.insert(header.sequence)
            workspace.events.post(
                .error,
                "\(path): change \(header.sequence) was lost, and a repair has put a "
                    + "filler in place of a part of it; later changes are kept")
            return
        }
        workspace.withTreeSafely { tree in
            for change in changes { tree.apply(change) }
            if header.pid != 0 { tree.noteChange(header.time, changes) }
        }
        for case .freeze in changes { freeze(header.sequence) }
        for change in changes {
            if let restore = Restore(change, header) { restores.append(restore) }
            // The record of a new or first edited file serves as a content mark.
            if case .inode(let number, let before, let after) = change, after?.type == .regular,
                before == nil || after?.flags.contains(.hasLog) == true,
                after?.flags.contains(.inheritsLog) != true {
                marked.insert(number)
            }
        }
        // The rows of a layer must not go into the database of another generation.
        if spills, freezes.isEmpty, workspace.withTreeSafely({ $0.checkpoints.isCheckpointDue }) {
            // This is not a checkpoint yet: sizes are known only after the marked logs are read. Rows are
            // written under the old position to free memory. If that fails (a full disk) everything stays
            // in memory: a try for each record would take too long.
            spills = spill()
        }
    }

    private mutating func freeze(_ sequence: UInt64) {
        do throws(StorageError) {
            let top = Layer.WrittenDatabase(try TreeDatabase(":memory:"))
            let layer = workspace.withTreeSafely { Freeze(tree: $0).run(at: sequence, top.database) }
            freezes.append((layer, marked))
        } catch {
            damage = error
        }
    }

    /// Writes rows to the database under the old position.
    /// - Returns: whether they were written, or there is no database to write them to.
    private func spill() -> Bool {
        workspace.checkpointWriter.withLock { writer in
            do throws(StorageError) {
                let generation = workspace.withTreeSafely { $0.generation }
                try workspace.maintenance.openWriter(&writer, generation)
                guard let writer,
                    let (batch, _) = workspace.withTreeSafely({ $0.checkpoints.startCheckpoint() })
                else { return true }
                let isOverLayer = workspace.withTreeSafely { $0.rows.lower != nil }
                do throws(StorageError) {
                    // A power cut from here on must not end the tree log before a change that these rows
                    // contain.
                    do throws(Errno) {
                        try workspace.dueLogs.synchronize()
                    } catch {
                        throw StorageError.system(error, doing: "sync", path: workspace.treeLog.path)
                    }
                    try writer.apply(batch, at: position, isOverLayer: isOverLayer)
                } catch {
                    workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: false) }
                    throw error
                }
                workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: true) }
                return true
            } catch {
                // The checkpoint at the end of the replay reports the reason.
                return false
            }
        }
    }
}
