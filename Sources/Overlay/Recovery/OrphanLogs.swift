// Handles edit logs that nothing in the tree log refers to, after a recovery that met a filler: the record
// of the first edit, or of the making, of their files was lost. A base file would silently show the base's
// content again. It answers EIO instead, until a user decides. A file that was made in the workspace comes
// back, without its old name.

internal import Platform
internal import Storage

extension Recovery {
    /// Gives a row to logs that no row and no transaction refers to.
    func closeOrphanLogs(_ stamp: Stamp) {
        do throws(StorageError) {
            let orphans = try findOrphanLogs()
            if orphans.isEmpty { return }
            let made = orphans.filter { $0.isMadeHere }
            workspace.withTreeSafely { tree in
                for orphan in made { tree.recovery.bringBack(orphan, stamp) }
            }
            let places = findBasePlaces(of: orphans.filter { !$0.isMadeHere })
            for orphan in orphans where !orphan.isMadeHere {
                guard let place = places[orphan.number] else {
                    workspace.events.post(
                        .warning,
                        "\(LogDirectory.path(orphan.number)) has edits of a base file that no longer "
                            + "exists; no file shows them")
                    continue
                }
                workspace.withTreeSafely { $0.recovery.doubt(orphan, at: place, stamp) }
            }
        } catch {
            workspace.events.post(.error, "\(error)")
        }
    }

    private func findOrphanLogs() throws(StorageError) -> [OrphanLog] {
        let all: [InodeNumber]
        do throws(Errno) {
            all = try workspace.logs.numbers(of: workspace.id)
        } catch {
            throw .system(error, doing: "list the logs of", path: LogDirectory.workspacePath(workspace.id))
        }
        var unknown = workspace.withTreeSafely { tree in
            Set(all.filter { (number) in
                // If the row cannot be read, it is not known to be missing.
                do throws(Errno) {
                    return try tree.row(number) == nil
                } catch {
                    return false
                }
            })
        }
        if unknown.isEmpty { return [] }
        // An inode that a transaction mentions is as that transaction left it, even if it removed the row.
        try workspace.treeLog.allRecords { (header, payload) throws(StorageError) in
            guard [.transaction, .state].contains(RecordKind(rawValue: header.kind)) else { return }
            for change in try workspace.treeLog.transaction(header, payload)?.changes ?? [] {
                switch change {
                case .inode(let number, _, _), .content(let number, _, _), .due(let number, _):
                    unknown.remove(number)
                default: break
                }
            }
        }
        // The changes of a file that was removed may be released before its log is.
        let first = workspace.treeLog.front.first
        return unknown.sorted().compactMap { OrphanLog($0, in: workspace.logs) }
            .filter { $0.version.sequence > first }
    }

    /// Finds the places of the base files with these numbers. It walks the base, which happens only after a
    /// repair.
    private func findBasePlaces(of orphans: [OrphanLog]) -> [InodeNumber: BasePlace] {
        var found: [InodeNumber: BasePlace] = [:]
        let wanted = Set(orphans.map(\.number))
        let inodes = workspace.withTreeSafely { $0.recovery.baseInodes(of: wanted) }
        var open: [[UInt8]] = wanted.isEmpty ? [] : [workspace.base.top]
        while found.count < wanted.count, let path = open.popLast() {
            for entry in (try? workspace.base.list(path)) ?? [] {
                let place = BasePlace(directory: path, name: entry.name.bytes)
                if entry.type == .directory { open.append(place.path) }
                guard inodes.contains(entry.inode), let status = try? workspace.base.status(place),
                    status.type == .regular,
                    let number = try? workspace.withTree({ (tree) throws(Errno) in
                        try tree.number(of: status, at: place)
                    }) else { continue }
                if wanted.contains(number), found[number] == nil { found[number] = place }
            }
        }
        return found
    }
}

/// An edit log that the tree log does not mention.
struct OrphanLog: Sendable {
    let number: InodeNumber
    let header: LogHeader
    let version: ContentVersion
    let end: UInt64
    /// The user who wrote the first record.
    private(set) var user: UInt32 = 0
    /// Whether the log ends in a filler, so that the content is in doubt already.
    private(set) var endsInGap = false

    /// Whether the workspace gave out the number and the file began empty.
    var isMadeHere: Bool { number & (1 << 47) != 0 && header.baseFile == 0 }

    /// Returns nil for a log without edits: the change of its file may have been cut off before it was
    /// recorded.
    init?(_ number: InodeNumber, in logs: LogDirectory) {
        let path = LogDirectory.path(number)
        guard EditLog.exists(number, in: logs), let file = try? logs.file(number),
            let header = try? LogHeader(reading: file, path: path), header.id == number,
            let log = try? EditLog.open(number, in: logs, report: { _ in }) else { return nil }
        self.number = number
        self.header = header
        version = log.version
        end = log.end
        var edits = 0
        var kind: UInt8 = 0
        var user: UInt32?
        do throws(StorageError) {
            try EditLog.records(of: number, in: logs, range: 0...UInt64.max) { record in
                // A share record for the holes of a sparse base file precedes the record of the first edit.
                if record.header.isDedupe, record.releasedBefore == 0 { return }
                if record.header.kind != RecordKind.share.rawValue || edits > 0 { edits += 1 }
                kind = record.header.kind
                if user == nil { user = record.header.uid }
            }
        } catch {
            return nil
        }
        if edits == 0 { return nil }
        self.user = user ?? 0
        endsInGap = kind == RecordKind.gap.rawValue
    }
}

extension TreeRecovery {
    /// Returns the inode numbers in the base that these numbers may stand for.
    fileprivate func baseInodes(of wanted: Set<InodeNumber>) -> Set<UInt64> {
        var inodes = Set(wanted.map { $0 & (1 << 40 - 1) })
        for (key, number) in tree.identity.aliases where wanted.contains(number) { inodes.insert(key.inode) }
        return inodes
    }

    /// Brings back a file made here whose making was lost. It gets a name together with the other inodes
    /// that have none.
    fileprivate func bringBack(_ orphan: OrphanLog, _ stamp: Stamp) {
        var transaction = tree.begin(.create, stamp)
        tree.sequence.advance(to: orphan.version.sequence)
        var record = InodeRecord(
            number: orphan.number, mode: FileType.regular.modeBits | 0o600, user: orphan.user, group: 0,
            links: 1, time: orphan.version.time)
        record.flags = .hasLog
        record.size = orphan.version.size
        record.allocated = orphan.version.allocated
        record.contentSequence = orphan.version.sequence
        if transaction.sequence <= orphan.version.sequence { transaction.renumber(tree.sequence.next()) }
        record.sequence = transaction.sequence
        transaction.changes.append(.inode(orphan.number, before: nil, after: record))
        do throws(Errno) {
            try tree.commit(&transaction)
            tree.events.post(
                .error,
                "the record that created inode \(orphan.number) was lost; its content was recovered, its "
                    + "owner and mode are unknown")
        } catch {
            tree.events.post(.error, "cannot recover inode \(orphan.number): \(error)")
        }
    }

    /// Handles a base file whose first edit was lost: its content is not certain, so it answers EIO.
    fileprivate func doubt(_ orphan: OrphanLog, at place: BasePlace, _ stamp: Stamp) {
        let name = EpochPath.shown(place.path)
        do throws(Errno) {
            guard try tree.isShown(place) else { return }
            let inode = try tree.inode(at: place)
            guard inode.number == orphan.number, !inode.isPersistent else { return }
            tree.sequence.advance(to: orphan.version.sequence)
            let last = orphan.endsInGap ? orphan.version.sequence : tree.sequence.next()
            if !orphan.endsInGap {
                // A filler, as where records of the log itself were lost: the damage is known until the
                // file is emptied.
                let length = UInt64(Format.recordHeaderLength)
                let file = try tree.logs.file(orphan.number)
                _ = try LogRepair(
                    file, log: orphan.number, key: tree.logs.key, time: stamp.time
                ).fill(
                    orphan.end..<(orphan.end + length), before: orphan.version.sequence, after: nil,
                    atLeast: last)
                try file.synchronize()
            }
            var transaction = tree.begin(.touch, stamp)
            try tree.touch(inode, in: &transaction)
            transaction.update(inode) { record in
                record.flags.insert(.hasLog)
                record.size = orphan.version.size
                record.allocated = orphan.version.allocated
                record.contentSequence = last
            }
            try tree.commit(&transaction)
            tree.events.post(
                .error,
                "the record of the first edit of \(name) was lost; the file answers EIO until it is "
                    + "truncated to 0 or removed; \(LogDirectory.path(orphan.number)) has its edits")
        } catch {
            tree.events.post(.error, "\(name) shows the base's content without its edits: \(error)")
        }
    }
}
