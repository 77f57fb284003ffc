// UnfinishedCommands: joins commands that arrive in pieces. Programs split a long text into writes of
// whole pages (stdio and shells of 4 or 8 KiB, the kernel of 1 MiB) and a rest. A piece of whole
// pages without a line end waits for the next piece of the same process at the offset where it ended.

internal import Control
internal import Overlay
internal import Platform
internal import Synchronization

final class UnfinishedCommands: Sendable {
    enum Outcome {
        case command([UInt8])
        /// Whitespace, such as a line end, that came after its command.
        case blank
        case unfinished(CommandError)
        case tooLong(CommandError)
    }

    private struct Key: Hashable {
        var workspace: UInt16
        var file: ControlFile
        var pid: UInt32
    }

    private struct Held {
        var bytes: [UInt8]
        var end: UInt64
    }

    /// The maximum size of a command in bytes; the longest command is an edit.
    private static let longest = 16 << 20
    private static let page = 4096
    /// The maximum number of processes whose pieces are kept; a further one evicts another.
    private static let processes = 16

    private let held = Mutex<[Key: Held]>([:])

    /// - Parameter offset: nil for a write that appends, whose offset has no meaning.
    func join(
        _ piece: [UInt8], at offset: UInt64?, of workspace: UInt16, _ file: ControlFile, by pid: UInt32
    ) -> Outcome {
        let key = Key(workspace: workspace, file: file, pid: pid)
        return held.withLock { held in
            let before = held.removeValue(forKey: key)
            var whole = piece
            let end = (offset ?? before?.end ?? 0) + UInt64(piece.count)
            if let before, offset == nil || offset == before.end {
                whole = before.bytes + piece
            } else if let offset, offset > 0, piece.allSatisfy({ [0x09, 0x0a, 0x20].contains($0) }) {
                return .blank
            }
            guard whole.count <= Self.longest else {
                return .tooLong(
                    CommandError(
                        .fileTooBig, "the command is longer than \(Self.longest >> 20) MiB: nothing "
                            + "was done"))
            }
            let isCut = !piece.isEmpty && piece.count % Self.page == 0 && piece.last != 0x0a
            guard isCut else { return .command(whole) }
            if held.count >= Self.processes, let other = held.keys.first { held[other] = nil }
            held[key] = Held(bytes: whole, end: end)
            return .unfinished(
                CommandError(
                    .again, "\(whole.count) bytes of a command were received, but no line end: nothing "
                        + "is done until it is complete"))
        }
    }
}
