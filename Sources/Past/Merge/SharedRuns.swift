// SharedRuns: the runs of a content by their source, to be found in another content: the other one can share
// them, and need not copy their bytes.

internal import Overlay
internal import Platform
internal import Storage

struct SharedRuns {
    private struct Key: Hashable {
        var file: UInt64
        /// The record of a log; `.max` for the base.
        var record: UInt64
    }

    private struct Run {
        var start: UInt64
        var length: UInt64
        /// The offset in the file that has it.
        var offset: UInt64
    }

    /// In the order of their starts.
    private var runs: [Key: [Run]] = [:]
    private let file: InodeNumber
    private let least: UInt64

    /// - Parameters:
    ///   - file: the file that has this content; with no content nothing is found.
    ///   - least: the length of the shortest run that is found, in bytes.
    init(_ content: DiffContent?, of file: InodeNumber, atLeast least: UInt64) {
        (self.file, self.least) = (file, least)
        guard let content, !content.isForeign else { return }
        var at: UInt64 = 0
        for piece in content.pieces.allPieces {
            if piece.length >= least, let (key, start) = Self.key(piece) {
                runs[key, default: []].append(Run(start: start, length: piece.length, offset: at))
            }
            at = at.adding(clamping: piece.length)
        }
        for key in runs.keys { runs[key]?.sort { $0.start < $1.start } }
    }

    private static func key(_ piece: Piece) -> (Key, UInt64)? {
        switch piece.source {
        case .hole: nil
        // A file of the base has the same number in all workspaces, but for the workspace.
        case .base(let file, let offset):
            (Key(file: file & 1 << 47 == 0 ? file.local : file, record: .max), offset)
        case .log(let log, let record, let skip): (Key(file: log, record: record), UInt64(skip))
        }
    }

    /// Returns the runs of a source, and the index of the first that starts behind a place in it.
    private func runs(behind piece: Piece) -> (runs: [Run], index: Int, start: UInt64)? {
        guard !runs.isEmpty, let (key, start) = Self.key(piece), let known = runs[key] else { return nil }
        var (low, high) = (0, known.count)
        while low < high {
            let middle = (low + high) / 2
            if known[middle].start > start { high = middle } else { low = middle + 1 }
        }
        return (known, low, start)
    }

    /// Returns where the beginning of a piece is found.
    func find(_ piece: Piece) -> (file: InodeNumber, offset: UInt64, length: UInt64)? {
        guard let (runs, index, start) = runs(behind: piece), index > 0 else { return nil }
        let run = runs[index - 1]
        let skip = start - run.start
        guard skip < run.length else { return nil }
        let length = min(run.length - skip, piece.length)
        return length >= least ? (file, run.offset.adding(clamping: skip), length) : nil
    }

    /// Returns the number of bytes of a piece before the next run that may be found.
    func gap(_ piece: Piece) -> UInt64 {
        guard let (runs, index, start) = runs(behind: piece), index < runs.count else { return piece.length }
        return min(piece.length, runs[index].start - start)
    }
}
