// LineReader: the messages of a client, one a line, from a descriptor. Lines are read in pieces; of
// one beyond the limit no byte is kept, and the rest is skipped to its end.

internal import Glibc

/// One line without its end.
struct Line: Sendable {
    /// Empty if the line is too long.
    var bytes: [UInt8] = []
    /// Bytes that came, kept or not.
    var length = 0
    var outline = MessageOutline()
    var isTooLong = false

    /// Only blanks, which mean nothing.
    var isBlank: Bool { !isTooLong && bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
}

struct LineReader {
    enum Event {
        case line(Line)
        /// All that came is taken; there may be more later.
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

    /// The next line of what was read before, or nothing.
    mutating func next() -> Event {
        while position < filled {
            let rest = piece[position..<filled]
            let end = rest.firstIndex(of: 0x0A)
            take(rest[..<(end ?? filled)])
            position = (end ?? filled) + 1
            if end != nil { return .line(finishLine()) }
        }
        if !hasEnded { return .waiting }
        // The last line may have no end.
        return line.length > 0 ? .line(finishLine()) : .ended
    }

    /// One read(2): blocks unless poll(2) said that there is something. nil if all is well.
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
