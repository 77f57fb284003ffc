// ReplacedFiles: editors and `sed -i` write a whole new file and give it the name of the old one. What both
// have in common is in the store twice then. Here the new file is compared with the one that it replaced, and
// reads from its place what is the same. Its own bytes go with the history.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct ReplacedFiles {
    let workspace: Workspace
    /// In bytes: how large both files must be, and how much they must share (`Limits.leastShared`).
    let least: UInt64
    /// The moments that stay whatever is released: backups with a name, and those at which forks began. A
    /// replaced file that none of them shows goes, and is not to be kept for what took its place.
    let kept: [UInt64]
    /// Called between two reads, without a lock.
    let pause: () throws(Errno) -> Void

    /// A file that got the name of another one.
    private struct Candidate {
        var number: InodeNumber
        /// The file that had the name, as it was.
        var old: InodeRecord
        /// The change that gave it the name.
        var sequence: UInt64
    }

    /// How many times as long as the bytes of its own a file may be.
    private static let mostLengths: UInt64 = 4
    /// In bytes: the shortest run that is shared between large files.
    private static let shortestRun: UInt64 = 16 << 10
    /// The number of files that are looked at in one go: the youngest, and up to as many more.
    private static let most = 4_096

    /// Looks at all files that got the name of another one since the last time.
    /// - Throws: EINTR from `pause`, and what keeps the tree log from being read.
    func shareAll() throws(StorageError) {
        let last = workspace.sequence.last
        let known = workspace.pastMemory.replacedUpTo.withLock { $0 }
        let all = try candidates(after: max(known, workspace.horizon.record.first))
        let byNumber = Dictionary(all.map { ($0.number, $0) }) { $1 }
        for candidate in all {
            do throws(Errno) {
                try share(candidate, byNumber)
            } catch {
                if error == .interrupted {
                    throw .system(error, doing: "compare replaced files of", path: "\(workspace.id)")
                }
                // Its own bytes stay: a log that cannot be read is told of by its readers.
            }
            workspace.pastMemory.replacedUpTo.withLock { $0 = max($0, candidate.sequence) }
        }
        workspace.pastMemory.replacedUpTo.withLock { $0 = last }
    }

    private func candidates(after sequence: UInt64) throws(StorageError) -> [Candidate] {
        var found: [InodeNumber: Candidate] = [:]
        try workspace.treeLog.changes(after: sequence) { (header, operation, changes) in
            guard operation == .rename else { return }
            var named: [InodeNumber] = []
            var files: [InodeRecord] = []
            for change in changes {
                switch change {
                case .entry(_, _, _, let after?) where !after.isWhiteout && after.type == .regular:
                    named.append(after.inode)
                case .inode(_, let before, let after):
                    if let record = before ?? after, record.type == .regular { files.append(record) }
                default: break
                }
            }
            // An exchange names two.
            guard let number = named.first, named.count == 1,
                let old = files.first(where: { $0.number != number }), old.size >= least
            else { return }
            found[number] = Candidate(number: number, old: old, sequence: header.sequence)
            // They come in their order: what is in excess is found once in a while.
            if found.count <= 2 * Self.most { return }
            for first in found.values.sorted(by: { $0.sequence < $1.sequence }).prefix(Self.most) {
                found[first.number] = nil
            }
        }
        return found.values.sorted { $0.sequence < $1.sequence }
    }

    // MARK: One file

    private func share(
        _ candidate: Candidate, _ others: [InodeNumber: Candidate]
    ) throws(Errno) {
        guard let snapshot = try snapshot(of: candidate.number) else { return }
        var candidate = candidate
        guard var old = try replaced(by: candidate) else { return }
        // One that was replaced itself, and goes: the one before it may stay.
        while !isKept(old, candidate), let earlier = others[candidate.old.number],
            earlier.sequence < candidate.sequence, let content = try replaced(by: earlier) {
            (candidate.old, candidate.sequence) = (earlier.old, earlier.sequence)
            old = content
        }
        guard old.sequence < snapshot.sequence, old.pieces.length >= least else { return }
        let isKept = isKept(old, candidate)
        // What it shares itself is kept by others.
        let leaving = isKept ? nil : candidate.old.number
        if let leaving, old.pieces.allPieces.allSatisfy({ $0.isHole || isOwn($0, leaving) }) { return }
        let runs = try CommonRuns(
            oldLength: old.pieces.length, newLength: snapshot.pieces.length,
            atLeast: min(Self.shortestRun, least),
            old: { (range) throws(Errno) in try read(range, old.pieces) },
            new: { (range) throws(Errno) in try read(range, snapshot.pieces) }
        ).runs
        var content = snapshot.pieces
        var sources: Set<UInt64> = []
        var gain: UInt64 = 0
        for run in runs {
            gain += take(
                run, of: old.pieces, besides: leaving, into: &content, of: candidate.number, &sources)
        }
        if gain < least { return }
        try Deduplication(workspace).run(candidate.number, to: content, from: snapshot, sources: sources)
    }

    /// Whether a moment that stays shows what a file has replaced.
    private func isKept(_ old: (pieces: PieceTree, sequence: UInt64), _ candidate: Candidate) -> Bool {
        kept.contains { $0 >= old.sequence && $0 < candidate.sequence }
    }

    /// Returns what a file has replaced; nil if it is not known any more.
    private func replaced(
        by candidate: Candidate
    ) throws(Errno) -> (pieces: PieceTree, sequence: UInt64)? {
        // It is needed as long as that moment can be seen.
        guard candidate.sequence > 0, workspace.horizon.shows(candidate.sequence - 1) else { return nil }
        return try content(of: candidate.old, before: candidate.sequence)
    }

    /// Returns the content of a file that has enough bytes of its own; nil for any other.
    private func snapshot(of number: InodeNumber) throws(Errno) -> LogDedupe? {
        guard let snapshot = try Deduplication(workspace).content(of: number),
            snapshot.pieces.length >= least else { return nil }
        var own: UInt64 = 0
        for piece in snapshot.pieces.allPieces where isOwn(piece, number) {
            own = own.adding(clamping: piece.length)
        }
        // A file of holes may be of any length, and all of it would be compared.
        let isDense = snapshot.pieces.length / Self.mostLengths <= own
        return own >= least && isDense ? snapshot : nil
    }

    private func isOwn(_ piece: Piece, _ number: InodeNumber) -> Bool {
        if case .log(number, _, _) = piece.source { true } else { false }
    }

    /// Returns the content of a replaced file, and the number of its last change.
    private func content(
        of record: InodeRecord, before sequence: UInt64
    ) throws(Errno) -> (pieces: PieceTree, sequence: UInt64)? {
        // The content of a base file may change: what was copied from it stays a copy.
        guard record.flags.contains(.hasLog) else { return nil }
        let log = try workspace.withTree { (tree) throws(Errno) in try tree.historicLog(record.number) }
        let moment = record.contentMoment(at: sequence - 1, in: workspace.logs)
        let (pieces, version) = try log.content(at: moment)
        return (pieces, version.sequence)
    }

    private func read(_ range: Range<UInt64>, _ pieces: PieceTree) throws(Errno) -> [UInt8] {
        try pause()
        return try workspace.content.bytes(range, of: pieces, orOf: nil)
    }

    /// Lets a content take a run from the old one where it has bytes of its own, and the old one has them in
    /// a log.
    /// - Returns: the number of bytes that it takes.
    private func take(
        _ run: CommonRuns.Run, of old: PieceTree, besides leaving: InodeNumber?,
        into content: inout PieceTree, of number: InodeNumber, _ sources: inout Set<UInt64>
    ) -> UInt64 {
        var gain: UInt64 = 0
        var at = run.new
        for piece in content.pieces(in: run.new..<(run.new + run.length)) {
            defer { at += piece.length }
            guard isOwn(piece, number) else { continue }
            let first = run.old + (at - run.new)
            var to = at
            for source in old.pieces(in: first..<(first + piece.length)) {
                if case .log(let log, _, _) = source.source, log != number, log != leaving {
                    content.replace(to..<(to + source.length), with: [source])
                    gain += source.length
                    sources.insert(log)
                }
                to += source.length
            }
        }
        return gain
    }
}
