// Blame: finds the change that wrote each byte of a file. A piece of content names the position of its
// record in a log; the record's header says who wrote it and when.

package import Overlay
internal import Platform
package import Storage

extension ChangeHistory {
    /// Returns the bytes of a file in order, each run with the change that wrote it. Bytes that were copied
    /// from another file are attributed to the change that wrote them there.
    /// - Throws: EISDIR, EINVAL if the inode is not a regular file, EIO if a log is damaged.
    package func blame(_ number: InodeNumber) throws(CommandError) -> [BlameRange] {
        do throws(Errno) {
            let pieces = try workspace.withTree { (tree) throws(Errno) in
                try self.pieces(of: number, in: tree)
            }
            return try blame(pieces)
        } catch {
            switch error {
            case .isDirectory:
                throw CommandError(error, "a directory has no bytes: blame works on files")
            case .invalid:
                throw CommandError(error, "blame works only on regular files")
            case .stale:
                throw CommandError(.noEntry, "the file is gone")
            default:
                throw CommandError(
                    error, "a log with parts of the file is damaged: run verify to find it")
            }
        }
    }

    /// Returns the pieces of a regular file's present content.
    private func pieces(of number: InodeNumber, in tree: Tree) throws(Errno) -> PieceTree {
        let inode = try tree.edits.regular(number)
        if let log = try tree.edits.log(of: inode) { return try log.snapshot() }
        let size = inode.record.size
        if size == 0 { return PieceTree() }
        guard inode.place != nil else { return PieceTree([.hole(size)]) }
        return PieceTree([Piece(.base(file: number, offset: 0), length: size)])
    }

    private func blame(_ pieces: PieceTree) throws(Errno) -> [BlameRange] {
        let changes = try changes(behind: pieces)
        var found: [BlameRange] = []
        var at: UInt64 = 0
        for piece in pieces.allPieces {
            let range = at..<(at + piece.length)
            at = range.upperBound
            let source: BlameRange.Source
            switch piece.source {
            case .hole: source = .hole
            case .base: source = .base
            case .log(let log, let record, _):
                guard let item = changes[log]?[record] else { throw .inputOutput }
                source = .change(item)
            }
            if let last = found.last, last.source.isSame(as: source) {
                found[found.count - 1].range = last.range.lowerBound..<range.upperBound
            } else {
                found.append(BlameRange(range: range, source: source))
            }
        }
        return found
    }

    /// Returns the changes that wrote the records of pieces, by log and position.
    private func changes(
        behind pieces: PieceTree
    ) throws(Errno) -> [InodeNumber: [UInt64: HistoryItem]] {
        var positions: [InodeNumber: Set<UInt64>] = [:]
        for piece in pieces.allPieces {
            if case .log(let log, let record, _) = piece.source {
                positions[log, default: []].insert(record)
            }
        }
        if positions.isEmpty { return [:] }
        let numbers = Array(positions.keys)
        let (last, paths) = try workspace.withTree {
            (tree) throws(Errno) -> (UInt64, [InodeNumber: [UInt8]]) in
            var finder = PathFinder(tree)
            var paths: [InodeNumber: [UInt8]] = [:]
            // A fork shows the files of its ancestors under its own numbers.
            let ancestors = workspace.logs.ancestors(of: tree.workspace).map(\.workspace)
            for number in numbers where ([tree.workspace] + ancestors).contains(number.workspace) {
                paths[number] = try finder.path(of: number.moved(to: tree.workspace), tree)
            }
            return (tree.sequence.last, paths)
        }
        readProcesses(upTo: last)
        var found: [InodeNumber: [UInt64: HistoryItem]] = [:]
        for (log, set) in positions {
            let headers: [UInt64: RecordHeader]
            do throws(StorageError) {
                headers = try EditLog.headers(at: set.sorted(), of: log, in: workspace.logs)
            } catch {
                workspace.events.post(.error, "\(error)")
                throw error.errno
            }
            for (position, header) in headers {
                guard let event = ChangeEvent(header, of: log) else { continue }
                found[log, default: [:]][position] = item(Change(event: event, path: paths[log]))
            }
        }
        return found
    }
}

extension BlameRange.Source {
    fileprivate func isSame(as other: BlameRange.Source) -> Bool {
        switch (self, other) {
        case (.base, .base), (.hole, .hole): true
        case (.change(let one), .change(let two)):
            one.sequence == two.sequence && one.path == two.path
        default: false
        }
    }
}

/// A run of a file's bytes and the change that wrote it; there is no change for bytes of the base.
package struct BlameRange: Sendable {
    package var range: Range<UInt64>
    package enum Source: Sendable {
        case base
        case hole
        case change(HistoryItem)
    }
    package var source: Source

    package init(range: Range<UInt64>, source: Source) {
        self.range = range
        self.source = source
    }
}
