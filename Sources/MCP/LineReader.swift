// LineReader: reads the messages of a client, one on each line, from a descriptor. No byte of a line beyond
// the limit is kept, and the rest of it is skipped.

internal import Glibc

/// One line without its line end.
struct Line: Sendable {
    /// The content; empty if the line is too long.
    var bytes: [UInt8] = []
    /// The number of bytes received, kept or not.
    var length = 0
    var outline = MessageOutline()
    var isTooLong = false

    /// Whether the line has only blanks; such a line is ignored.
    var isBlank: Bool { !isTooLong && bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
}

struct LineReader {
    enum Event {
        case line(Line)
        /// All received bytes are taken; more may follow.
        case waiting
        case ended
        case failed(Int32)
    }

    private let descriptor: Int32
    private let limit: Int
    private var piece = [UInt8](repeating: 0, count: 64 << 10)
    private var position = 0
    private var filled = 0
    private var line = Line()
    private var hasEnded = false

    init(_ descriptor: Int32, limit: Int) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// Returns the next line of the bytes read so far, or `waiting`.
    mutating func next() -> Event {
        while position < filled {
            let rest = piece[position..<filled]
            let end = rest.firstIndex(of: 0x0A)
            take(rest[..<(end ?? filled)])
            position = (end ?? filled) + 1
            if end != nil { return .line(finishLine()) }
        }
        if !hasEnded { return .waiting }
        // The last line may have no line end.
        return line.length > 0 ? .line(finishLine()) : .ended
    }

    /// Makes one read(2), which blocks unless poll(2) has reported input. Returns nil on success.
    mutating func fill() -> Event? {
        let count = read(descriptor, &piece, piece.count)
        if count < 0 {
            return errno == EINTR || errno == EAGAIN ? nil : .failed(errno)
        }
        position = 0
        filled = count
        if count == 0 { hasEnded = true }
        return nil
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        line.length += bytes.count
        line.outline.scan(bytes)
        if line.isTooLong { return }
        if line.length > limit {
            line.isTooLong = true
            line.bytes = []
        } else {
            line.bytes += bytes
        }
    }

    private mutating func finishLine() -> Line {
        let finished = line
        line = Line()
        return finished
    }
}
