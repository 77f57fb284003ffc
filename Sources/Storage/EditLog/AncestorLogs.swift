// AncestorLogs: the content that a fork has from the workspaces it was forked from. Such a content is a log
// in memory, without a file: the records are in the log of an ancestor. A first edit makes a file for it.

package import Platform

/// The logs of one file in the ancestors of a fork.
package struct AncestorLogs {
    private let id: UInt64
    private let logs: LogDirectory
    /// The nearest ancestor first.
    private let ancestors: [LogAncestor]

    package init(_ id: UInt64, in logs: LogDirectory) {
        self.id = id
        self.logs = logs
        ancestors = logs.ancestors(of: id.workspace).filter { $0.mayHave(id) }
        last = logs.ancestors(of: id.workspace).first?.last ?? 0
    }

    /// Whether there is none: the workspace is no fork, or the file was made in it.
    var isEmpty: Bool { ancestors.isEmpty }

    /// The last change that comes from an ancestor; 0 if the workspace is no fork.
    package let last: UInt64

    /// Whether an ancestor has a log of the file.
    package func isThere() throws(Errno) -> Bool {
        for ancestor in ancestors {
            if try EditLog.presence(id.moved(to: ancestor.workspace), in: logs) != .missing { return true }
        }
        return false
    }

    /// Returns the content of the fork's file that is in the log of an ancestor.
    /// - Throws: `damaged` if no ancestor has a log of the file.
    package func open() throws(StorageError) -> EditLog {
        guard let found = try content(upTo: .max) else {
            throw .damaged(
                path: LogDirectory.path(id), what: "the log that it was forked from is missing")
        }
        var state = EditLog.State(
            pieces: found.pieces, end: UInt64(Format.logHeaderLength), sequence: found.version.sequence,
            time: found.version.time)
        state.unwrittenHeader = LogHeader(kind: .edit, id: id, created: 0).bytes
        return EditLog(id, logs, state, nameIsDurable: false, inheritedFrom: found.log)
    }

    /// Returns the content as above, if the workspace has no log of the file and an ancestor has one.
    package func openIfAlone() throws(StorageError) -> EditLog? {
        if isEmpty { return nil }
        do throws(Errno) {
            guard try EditLog.presence(id, in: logs) == .missing, try isThere() else { return nil }
        } catch {
            throw .system(error, doing: "open", path: LogDirectory.path(id))
        }
        return try open()
    }

    struct Content {
        var pieces = PieceTree()
        var version = ContentVersion(size: 0, allocated: 0, sequence: 0, time: 0)
        /// The log that has the records.
        var log: UInt64
    }

    /// Returns the content that the nearest ancestor with an edit up to `sequence` has. Nil if there is none.
    func content(upTo sequence: UInt64) throws(StorageError) -> Content? {
        // A log of an ancestor without a record up to then, which begins with the base's content.
        var unedited: Content?
        for (index, ancestor) in ancestors.enumerated() {
            let limit = min(sequence, ancestor.last)
            // Changes with these numbers are those of an older ancestor.
            if index + 1 < ancestors.count, limit <= ancestors[index + 1].last { continue }
            guard let found = try content(of: ancestor, at: limit) else { continue }
            if found.version.sequence > 0 { return found }
            if unedited == nil { unedited = found }
        }
        return unedited
    }

    private func content(of ancestor: LogAncestor, at limit: UInt64) throws(StorageError) -> Content? {
        let source = id.moved(to: ancestor.workspace)
        do throws(Errno) {
            switch try EditLog.presence(source, in: logs) {
            case .missing: return nil
            case .unwritten: return Content(log: source)
            case .written: break
            }
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(source))
        }
        // The ancestor may be appending.
        let log = try EditLog.open(source, in: logs, cutsTail: false) { _ in }
        do throws(Errno) {
            let (pieces, version) = try log.ownContent(at: limit)
            let moved = PieceTree(pieces.allPieces.map { $0.moved(to: id.workspace) })
            return Content(pieces: moved, version: version, log: source)
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(source))
        }
    }

    /// Returns the last change of the file up to `limit` that is not later than `time`.
    func lastSequence(at time: Int64, upTo limit: UInt64) throws(Errno) -> UInt64 {
        for ancestor in ancestors {
            let source = id.moved(to: ancestor.workspace)
            guard try EditLog.presence(source, in: logs) == .written else { continue }
            do throws(StorageError) {
                let log = try EditLog.open(source, in: logs, cutsTail: false) { _ in }
                do throws(Errno) {
                    let last = try log.ownLastSequence(at: time, upTo: min(limit, ancestor.last))
                    if last > 0 { return last }
                } catch {
                    throw StorageError.system(error, doing: "read", path: LogDirectory.path(source))
                }
            } catch {
                throw error.errno
            }
        }
        return 0
    }

    /// Visits the headers of records with sequence numbers in `range`, the oldest first.
    /// - Returns: the first number of the range that is the fork's own.
    func records(
        _ range: ClosedRange<UInt64>, visit: (ScannedRecord) -> Void
    ) throws(StorageError) -> UInt64 {
        var first = range.lowerBound
        for ancestor in ancestors.reversed() where ancestor.last >= first && first <= range.upperBound {
            let last = min(range.upperBound, ancestor.last)
            try EditLog.ownRecords(
                of: id.moved(to: ancestor.workspace), in: logs, end: .max, range: first...last,
                visit: visit)
            first = last.adding(clamping: 1)
        }
        return first
    }
}
