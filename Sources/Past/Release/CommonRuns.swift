// CommonRuns: finds the runs of bytes that two contents have in common, wherever they are. The same front and
// the same back are found by comparing; between them the blocks of the old content are looked for in the new
// one by a rolling checksum, as rsync does it (Tridgell, Mackerras: The rsync algorithm, 1996). Each run is
// compared byte by byte.

package import Platform

package struct CommonRuns {
    package struct Run: Equatable {
        /// The offset in each content.
        package var old: UInt64
        package var new: UInt64
        package var length: UInt64
    }

    package typealias Reading = (Range<UInt64>) throws(Errno) -> [UInt8]

    private let old: Reading
    private let new: Reading
    private let least: UInt64
    /// In the order of the new content. None is shorter than `least`, and none overlaps another there.
    package private(set) var runs: [Run] = []

    /// In bytes: how much is read at a time, at first and later.
    private static let firstChunk: UInt64 = 16 << 10
    fileprivate static let chunk: UInt64 = 1 << 20
    /// In bytes: how much between front and back is looked through.
    private static let mostInside: UInt64 = 256 << 20
    private static let shortestBlock: UInt64 = 4_096
    private static let mostBlocks: UInt64 = 1 << 16
    /// The number of blocks that have the checksum and not the bytes. Only a content made for it has many.
    private static let mostFailures = 1_000

    /// - Parameters:
    ///   - least: the length of the shortest run that counts, in bytes.
    ///   - old: returns the bytes of a range of the old content.
    package init(
        oldLength: UInt64, newLength: UInt64, atLeast least: UInt64, old: @escaping Reading,
        new: @escaping Reading
    ) throws(Errno) {
        self.old = old
        self.new = new
        self.least = least
        let most = min(oldLength, newLength)
        let front = try equalLength(old: 0, new: 0, most: most)
        add(Run(old: 0, new: 0, length: front))
        let back = try equalLength(beforeOld: oldLength, new: newLength, most: most - front)
        try findInside(front..<(oldLength - back), front..<(newLength - back))
        add(Run(old: oldLength - back, new: newLength - back, length: back))
    }

    private mutating func add(_ run: Run) {
        if run.length >= least { runs.append(run) }
    }

    // MARK: Comparing

    /// Returns how many bytes are the same from two offsets on.
    private func equalLength(old first: UInt64, new second: UInt64, most: UInt64) throws(Errno) -> UInt64 {
        var done: UInt64 = 0
        var chunk = Self.firstChunk
        while done < most {
            let count = min(chunk, most - done)
            chunk = min(2 * chunk, Self.chunk)
            let one = try old((first + done)..<(first + done + count))
            let two = try new((second + done)..<(second + done + count))
            if one != two {
                let length = min(one.count, two.count)
                return done + UInt64((0..<length).first { one[$0] != two[$0] } ?? length)
            }
            done += count
        }
        return done
    }

    /// Returns how many bytes are the same before two offsets.
    private func equalLength(
        beforeOld first: UInt64, new second: UInt64, most: UInt64
    ) throws(Errno) -> UInt64 {
        var done: UInt64 = 0
        var chunk = Self.firstChunk
        while done < most {
            let count = min(chunk, most - done)
            chunk = min(2 * chunk, Self.chunk)
            let one = try old((first - done - count)..<(first - done))
            let two = try new((second - done - count)..<(second - done))
            if one != two {
                if one.count != two.count { return done }
                let last = one.count - 1
                return done + UInt64((0...last).first { one[last - $0] != two[last - $0] } ?? 0)
            }
            done += count
        }
        return done
    }

    // MARK: Between front and back

    private mutating func findInside(
        _ oldRange: Range<UInt64>, _ newRange: Range<UInt64>
    ) throws(Errno) {
        guard UInt64(oldRange.count) >= least, UInt64(newRange.count) >= least,
            UInt64(oldRange.count) <= Self.mostInside, UInt64(newRange.count) <= Self.mostInside
        else { return }
        let table = try BlockTable(
            of: oldRange, length: max(Self.shortestBlock, UInt64(oldRange.count) / Self.mostBlocks),
            read: old)
        var window = RollingWindow(newRange, length: table.length, read: new)
        var end = newRange.lowerBound
        var failures = 0
        while let (at, sum) = try window.next(), failures < Self.mostFailures {
            guard let known = table.offset(of: sum) else { continue }
            let length = try equalLength(
                old: known, new: at, most: min(oldRange.upperBound - known, newRange.upperBound - at))
            if length < table.length {
                failures += 1
                continue
            }
            let before = try equalLength(
                beforeOld: known, new: at,
                most: min(known - oldRange.lowerBound, at - end, table.length))
            add(Run(old: known - before, new: at - before, length: before + length))
            end = at + length
            window.move(to: end)
        }
    }
}

/// The checksums of the blocks of a content.
private struct BlockTable {
    let length: UInt64
    private var offsets: [UInt64: UInt64] = [:]
    /// One bit for the upper bits of each checksum: most questions end here.
    private var filter = [UInt64](repeating: 0, count: 1 << 14)

    init(of range: Range<UInt64>, length: UInt64, read: CommonRuns.Reading) throws(Errno) {
        self.length = length
        var at = range.lowerBound
        let most = length * max(1, CommonRuns.chunk / length)
        while range.upperBound - at >= length {
            let bytes = try read(at..<min(range.upperBound, at + most))
            var begin = 0
            while bytes.count - begin >= Int(length) {
                let sum = RollingWindow.sum(bytes[begin..<(begin + Int(length))])
                filter[Self.slot(sum)] |= Self.bit(sum)
                if offsets[sum] == nil { offsets[sum] = at }
                begin += Int(length)
                at += length
            }
            if begin == 0 { throw .inputOutput }
        }
    }

    private static func slot(_ sum: UInt64) -> Int { Int(sum >> 50) }
    private static func bit(_ sum: UInt64) -> UInt64 { 1 << (sum >> 44 & 63) }

    func offset(of sum: UInt64) -> UInt64? {
        filter[Self.slot(sum)] & Self.bit(sum) == 0 ? nil : offsets[sum]
    }
}

/// Goes over a content byte by byte, with the checksum of the block at each of them.
private struct RollingWindow {
    private static let factor: UInt64 = 0x9e37_79b9_7f4a_7c15

    private let range: Range<UInt64>
    private let length: UInt64
    private let read: CommonRuns.Reading
    /// The factor of the first byte of a block.
    private let top: UInt64
    private var bytes: [UInt8] = []
    private var start: UInt64
    private var at: UInt64
    private var sum: UInt64?

    init(_ range: Range<UInt64>, length: UInt64, read: @escaping CommonRuns.Reading) {
        (self.range, self.length, self.read) = (range, length, read)
        var top: UInt64 = 1
        for _ in 1..<max(length, 2) { top = top &* Self.factor }
        self.top = top
        (start, at) = (range.lowerBound, range.lowerBound)
    }

    static func sum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 &* factor &+ UInt64($1) &+ 1 }
    }

    mutating func move(to offset: UInt64) {
        at = offset
        sum = nil
    }

    /// Returns the next offset, and the checksum of the block there.
    mutating func next() throws(Errno) -> (at: UInt64, sum: UInt64)? {
        guard range.upperBound >= at, range.upperBound - at >= length else { return nil }
        let here = at
        // One byte of the block before it is needed.
        let first = sum == nil ? here : here - 1
        if first < start || here + length > start + UInt64(bytes.count) {
            start = first
            bytes = try read(start..<min(range.upperBound, here + length + CommonRuns.chunk))
            if UInt64(bytes.count) < here + length - start { throw .inputOutput }
        }
        let begin = Int(here - start)
        let known: UInt64
        if let sum {
            let out = (UInt64(bytes[begin - 1]) &+ 1) &* top
            known = (sum &- out) &* Self.factor &+ UInt64(bytes[begin + Int(length) - 1]) &+ 1
        } else {
            known = Self.sum(bytes[begin..<(begin + Int(length))])
        }
        sum = known
        at = here + 1
        return (here, known)
    }
}
