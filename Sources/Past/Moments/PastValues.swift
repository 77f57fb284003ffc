// PastValues: what the tree was after an earlier change. The journal's records since then say for each key
// that changed what it was before; every other key is as it is now. Sizes and times of content that
// was edited since come from the edit logs.

internal import Overlay
package import Platform
package import Storage

/// The values that keys had, for those that changed since some moment.
package struct PastValues: Sendable {
    var inodes: [InodeNumber: InodeRecord?] = [:]
    var entries: [InodeNumber: [FileName: Entry?]] = [:]
    var xattrs: [InodeNumber: [[UInt8]: XattrValue?]] = [:]
    var origins: [InodeNumber: Origin] = [:]
    /// Files whose logs may have grown since: they were marked, or had their first edit. Nothing else
    /// tells that a removed file was edited by somebody who had it open.
    var marked: Set<InodeNumber> = []
    /// The youngest edit that any of the changes since knew of.
    var lastEdits: [InodeNumber: UInt64] = [:]

    /// Takes a change that came after the moment; of several of one key the first one counts, so
    /// they must come in order.
    mutating func note(_ change: TreeChange) {
        switch change {
        case .inode(let number, let before, let after):
            // A first edit is a transaction and gets no mark of its own.
            if after?.flags.contains(.hasLog) == true, before?.flags.contains(.hasLog) != true {
                marked.insert(number)
            }
            if let edit = before?.contentSequence, edit > lastEdits[number] ?? 0 {
                lastEdits[number] = edit
            }
            if inodes[number] == nil { inodes[number] = .some(before) }
        case .entry(let parent, let name, let before, _):
            if entries[parent]?[name] == nil {
                entries[parent, default: [:]][name] = .some(before)
            }
        case .xattr(let number, let name, let before, _):
            if xattrs[number]?[name] == nil {
                xattrs[number, default: [:]][name] = .some(before)
            }
        case .origin(let number, let before?, _):
            if origins[number] == nil { origins[number] = before }
        case .origin, .device, .alias, .backup, .content, .due:
            break
        }
    }
}

/// The row of a file at some moment, and the content it had if that was edited since.
struct PastRow: Sendable {
    var record: InodeRecord
    /// Nil where the content is what it is now, or the base's.
    var pieces: PieceTree?
}

extension Tree {
    /// Where a touched base file came from, as it was known; nil for a file that nobody had touched.
    package func knownOrigin(_ number: InodeNumber, _ past: PastValues) throws(Errno) -> Origin? {
        if let known = past.origins[number] { return known }
        return try knownOrigin(number)
    }

    /// What changed after `sequence`, read from the journal.
    package func past(after sequence: UInt64) throws(Errno) -> PastValues {
        var past = PastValues()
        do throws(StorageError) {
            try journal.records(after: sequence) { (header, payload) throws(StorageError) in
                switch RecordKind(rawValue: header.kind) {
                case .transaction:
                    for change in try journal.changes(header, payload).changes {
                        past.note(change)
                    }
                case .contentMark:
                    past.marked.formUnion(ContentMark.decode(payload).map(\.inode))
                default: break
                }
            }
        } catch {
            throw failing(error)
        }
        return past
    }

    /// The row that an inode had after `sequence`; nil where it had none, or no name and no user.
    func pastRow(
        _ number: InodeNumber, _ past: PastValues, at sequence: UInt64
    ) throws(Errno) -> PastRow? {
        let known: InodeRecord?
        if let noted = past.inodes[number] { known = noted } else { known = try row(number) }
        guard var record = known, record.links > 0 else { return nil }
        if record.type != .regular || sequence == .max { return PastRow(record: record) }
        if record.contentSequence <= sequence {
            guard record.flags.contains(.hasLog), try wasEdited(record, past) else {
                return PastRow(record: record)
            }
        }
        let (pieces, version) = try historicLog(number).content(at: sequence)
        // Nothing was written between what the row knows and the moment.
        if version.sequence == record.contentSequence {
            return PastRow(record: record, pieces: pieces)
        }
        record.size = version.size
        record.allocated = version.allocated
        record.contentSequence = version.sequence
        if version.sequence > record.sequence {
            record.modificationTime = version.time
            record.changeTime = version.time
        } else if let older = try recorded(number, at: record.sequence) {
            // The edits since have overwritten the times that this change left.
            record.modificationTime = older.modificationTime
            record.changeTime = older.changeTime
        }
        return PastRow(record: record, pieces: pieces)
    }

    /// Whether a file's log may have grown past what `record`, its row of some moment, knows of. No log
    /// is opened for the answer; most files that come back were not edited since.
    ///
    /// It is never wrong towards no. A log grows only while its file has a row that follows it, or
    /// after a mark or a first edit: a removal ends the marks from before it. A row says its last
    /// edit, and when a row is changed or goes, the change says what it was before.
    private func wasEdited(_ record: InodeRecord, _ past: PastValues) throws(Errno) -> Bool {
        if past.marked.contains(record.number) { return true }
        let known = max(
            try row(record.number)?.contentSequence ?? 0, past.lastEdits[record.number] ?? 0)
        return known > record.contentSequence
    }

    /// The row as change `sequence` left it.
    private func recorded(
        _ number: InodeNumber, at sequence: UInt64
    ) throws(Errno) -> InodeRecord? {
        guard sequence > 0 else { return nil }
        var found: InodeRecord?
        do throws(StorageError) {
            try journal.changes(after: sequence - 1, upTo: sequence) { _, _, changes in
                for case .inode(number, _, let after?) in changes { found = after }
            }
        } catch {
            throw failing(error)
        }
        return found
    }
}

extension Journal {
    /// The transactions after `sequence`, in order.
    func changes(
        after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, TreeOperation, [TreeChange]) -> Void
    ) throws(StorageError) {
        try records(after: sequence, upTo: limit) { (header, payload) throws(StorageError) in
            guard header.kind == RecordKind.transaction.rawValue else { return }
            let (operation, changes) = try changes(header, payload)
            visit(header, operation, changes)
        }
    }

    fileprivate func changes(
        _ header: RecordHeader, _ payload: [UInt8]
    ) throws(StorageError) -> (operation: TreeOperation, changes: [TreeChange]) {
        guard let found = try transaction(header, payload) else {
            throw .damaged(path: path, what: "record \(header.sequence) has lost a part")
        }
        return found
    }
}
