// ByteSearch: finds bytes in a file of any size, in one pass and in bounded memory. In a large file several
// threads search a part each, since one of them compares more slowly than the bytes come. The file system
// is asked to search, if it can; otherwise the bytes are read.

internal import Dispatch
internal import Platform
internal import Synchronization

package struct ByteSearch: Sendable {
    package let needle: [UInt8]
    /// Whether two places may overlap: then a part of a file cannot be searched without the places before
    /// it.
    private let overlapsItself: Bool

    /// The maximum number of bytes of a text to search for.
    package static let longestNeedle = 1 << 20

    /// - Parameter needle: the text, not empty.
    package init?(_ needle: [UInt8]) {
        guard !needle.isEmpty, needle.count <= Self.longestNeedle else { return nil }
        self.needle = needle
        overlapsItself = KnuthMorrisPratt.borders(needle).last != 0
    }

    /// Returns the places in `text` in order; they do not overlap unless that is requested.
    /// - Parameters:
    ///   - range: the bytes of the file that hold all of each place.
    ///   - most: the number of places after which the search ends.
    package func places(
        in text: TextFile, _ range: Range<UInt64>, atMost most: Int, overlapping: Bool = false
    ) throws(ToolError) -> [UInt64] {
        let end = min(range.upperBound, text.size)
        guard range.lowerBound < end, end - range.lowerBound >= UInt64(needle.count) else { return [] }
        /// The offsets at which a place may begin.
        let starts = range.lowerBound..<end - UInt64(needle.count) + 1
        var source = Source(text)
        let partLength = max(1, text.window * Self.windowsOfPart)
        guard UInt64(starts.count) > partLength else {
            return try places(in: source, starts, atMost: most, overlapping)
        }
        var found: [UInt64] = []
        var position = starts.lowerBound
        var runs = 0
        // A text of zeros may be in a hole.
        let mayStandInHoles = needle.allSatisfy { $0 == 0 }
        text.file.settle()
        source.isAsked = text.encoding.unit == 1
        while position < starts.upperBound, found.count < most {
            let isLast = mayStandInHoles || runs >= Self.mostRuns
            let run = isLast ? position..<starts.upperBound : try text.file.dataRun(from: position)
            runs += 1
            // A match may begin before the data that it ends in.
            let first = max(position, run.lowerBound - min(run.lowerBound, UInt64(needle.count) - 1))
            let end = min(run.upperBound, starts.upperBound)
            guard first < end else { break }
            try search(source, first..<end, partLength, atMost: most, overlapping, &found)
            position = end
        }
        return found
    }

    /// The maximum number of runs of data; the rest of the file is then searched as one run.
    private static let mostRuns = 10_000

    /// Adds the places that begin in a run of data.
    private func search(
        _ source: Source, _ starts: Range<UInt64>, _ partLength: UInt64, atMost most: Int,
        _ overlapping: Bool, _ found: inout [UInt64]
    ) throws(ToolError) {
        var start = starts.lowerBound
        while start < starts.upperBound, found.count < most {
            var parts: [Range<UInt64>] = []
            while parts.count < Self.searchers * Self.partsOfEach, start < starts.upperBound {
                let next = min(starts.upperBound, start + min(partLength, starts.upperBound - start))
                parts.append(start..<next)
                start = next
            }
            // A part is searched without the places before it: those that overlap are left out here.
            let mayOverlap = overlapsItself && !overlapping
            let each = mayOverlap ? max(most - found.count, Self.mostOverlapping) : most - found.count
            // Of places that overlap, at least one in as many as the text has bytes is left.
            let enough = (most - found.count).multiplied(clamping: mayOverlap ? needle.count : 1)
            let outcomes = together(
                source, parts, atMost: each, enough: enough, overlapping || overlapsItself)
            for (part, outcome) in zip(parts, outcomes) where found.count < most {
                let places = try outcome.get()
                for place in places where found.count < most {
                    if mayOverlap, let last = found.last, place < last + UInt64(needle.count) { continue }
                    found.append(place)
                }
                guard mayOverlap, places.count >= each, found.count < most else { continue }
                // There were so many places that the part was not searched to its end: continue in one
                // thread.
                let next = max(part.lowerBound, found.last.map { $0 + UInt64(needle.count) } ?? 0)
                if next < part.upperBound {
                    found += try self.places(
                        in: source, next..<part.upperBound, atMost: most - found.count, false)
                }
            }
        }
    }

    /// The maximum number of places in one part, for a text that overlaps itself.
    private static let mostOverlapping = 10_000

    private static let windowsOfPart: UInt64 = 16
    private static let searchers = max(1, min(4, Processors.count))
    /// The number of parts for each searcher between two checks of the result. With several, a slow
    /// searcher does not hold the others up.
    private static let partsOfEach = 4

    /// The properties of a file that several threads share.
    private struct Source: Sendable {
        let file: any GroundFile
        let window: UInt64
        /// The number of bytes of a unit of the encoding.
        let unit: UInt64
        let isCancelled: @Sendable () -> Bool
        /// Whether the file system is asked to search; then `settle` was called.
        var isAsked = false

        init(_ text: TextFile) {
            file = text.file
            window = text.window
            unit = UInt64(text.encoding.unit)
            isCancelled = text.isCancelled
        }
    }

    /// Searches parts at the same time.
    /// - Parameters:
    ///   - most: the number of places after which the search of a part ends.
    ///   - enough: the number of places in the parts before another one with which that one is left out.
    private func together(
        _ source: Source, _ parts: [Range<UInt64>], atMost most: Int, enough: Int, _ overlapping: Bool
    ) -> [Result<[UInt64], ToolError>] {
        let outcomes = Mutex([Result<[UInt64], ToolError>](repeating: .success([]), count: parts.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(parts.count, Self.searchers)) { _ in
            while true {
                let part = next.add(1, ordering: .relaxed).oldValue
                guard part < parts.count else { return }
                // This part is not needed if the parts before it have enough places.
                let before = outcomes.withLock { $0[..<part].reduce(0) { $0 + ((try? $1.get().count) ?? 0) } }
                if before >= enough { return }
                let outcome: Result<[UInt64], ToolError>
                do throws(ToolError) {
                    outcome = .success(try places(in: source, parts[part], atMost: most, overlapping))
                } catch {
                    outcome = .failure(error)
                }
                outcomes.withLock { $0[part] = outcome }
            }
        }
        return outcomes.withLock { $0 }
    }

    /// - Parameter starts: where a place may begin; the file has all bytes of the last one.
    private func places(
        in source: Source, _ starts: Range<UInt64>, atMost most: Int, _ overlapping: Bool
    ) throws(ToolError) -> [UInt64] {
        if source.isAsked, let found = try asked(source, starts, atMost: most, overlapping) { return found }
        var found: [UInt64] = []
        var start = starts.lowerBound
        var finder = ByteFinder(needle)
        let window = min(GroundScan.length, Int(clamping: source.window), Int(clamping: starts.count))
        let length = min(window + needle.count - 1, max(GroundScan.length, 2 * needle.count))
        var bytes = [UInt8](repeating: 0, count: length)
        while start < starts.upperBound, found.count < most {
            if source.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let read = try source.file.scan(over: &bytes, at: start)
            if start == starts.lowerBound { finder.learn(from: bytes, read) }
            // A place begins in the range, so it ends at most a needle's length after it.
            let length = min(UInt64(read), starts.upperBound - start + UInt64(needle.count) - 1)
            let count = Int(length)
            var index = 0
            while found.count < most, let place = finder.place(in: bytes, from: index, to: count) {
                // A match inside a unit of UTF-16 does not count.
                if (start + UInt64(place)) % source.unit == 0 {
                    found.append(start + UInt64(place))
                    index = place + (overlapping ? 1 : needle.count)
                } else {
                    index = place + 1
                }
            }
            // The next read begins after the last match, and overlaps this one by less than a needle.
            let whole = count - needle.count + 1
            if whole <= 0 { throw GroundScan.shrank }
            start += UInt64(max(index, whole))
        }
        return found
    }

    /// Returns the places that the file system finds.
    /// - Returns: nil if it cannot search, or if the front of a long text is in too many places.
    private func asked(
        _ source: Source, _ starts: Range<UInt64>, atMost most: Int, _ overlapping: Bool
    ) throws(ToolError) -> [UInt64]? {
        let front = ContentSearch.front(of: needle)
        let isWhole = front.count == needle.count
        var found: [UInt64] = []
        var start = starts.lowerBound
        var left = starts.count
        while start < starts.upperBound, found.count < most {
            if source.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let search = ContentSearch(
                front, startingIn: start..<starts.upperBound,
                atMost: isWhole ? most - found.count : ContentSearch.mostPlaces)
            guard let answer = try source.file.places(search) else { return nil }
            guard answer.end > start else { throw GroundScan.shrank }
            for place in answer.places where found.count < most && starts.contains(place) {
                if !overlapping, let last = found.last, place < last + UInt64(needle.count) { continue }
                if !isWhole {
                    left -= needle.count + TextFile.costOfRead(source.window)
                    if left < 0 { return nil }
                    guard try source.file.holds(needle, at: place) else { continue }
                }
                found.append(place)
            }
            start = answer.end
        }
        return found
    }
}

/// The table of the method of Knuth, Morris and Pratt.
enum KnuthMorrisPratt {
    /// Returns for each prefix the length of its longest border: the longest shorter prefix that it also
    /// ends with.
    static func borders<Part: Equatable>(_ parts: [Part]) -> [Int] {
        var borders = parts.isEmpty ? [] : [0]
        var length = 0
        for index in parts.indices.dropFirst() {
            while length > 0, parts[index] != parts[length] { length = borders[length - 1] }
            if parts[index] == parts[length] { length += 1 }
            borders.append(length)
        }
        return borders
    }
}
