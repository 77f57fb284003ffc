// ByteSearch: finds bytes in a file of any size, in one pass and in bounded memory. A large file is
// searched by all processors, each a part of it: its bytes come faster than one of them compares. Who keeps
// the file is asked to search in it; where nobody can be asked, its bytes are read.

internal import Dispatch
internal import Platform
internal import Synchronization

package struct ByteSearch: Sendable {
    package let needle: [UInt8]
    /// Whether two places may overlap: a part of a file then cannot be searched without those before.
    private let overlapsItself: Bool

    /// The longest text that is searched for, in bytes.
    package static let longestNeedle = 1 << 20

    /// - Parameter needle: not empty.
    package init?(_ needle: [UInt8]) {
        guard !needle.isEmpty, needle.count <= Self.longestNeedle else { return nil }
        self.needle = needle
        overlapsItself = KnuthMorrisPratt.borders(needle).last != 0
    }

    /// The places in `text` in order, none overlapping another unless asked for.
    /// - Parameters:
    ///   - range: bytes of the file that a place must lie in as a whole.
    ///   - most: places after which the search ends.
    package func places(
        in text: TextFile, _ range: Range<UInt64>, atMost most: Int, overlapping: Bool = false
    ) throws(ToolError) -> [UInt64] {
        let end = min(range.upperBound, text.size)
        guard range.lowerBound < end, end - range.lowerBound >= UInt64(needle.count) else { return [] }
        /// Where a place may begin.
        let starts = range.lowerBound..<end - UInt64(needle.count) + 1
        var source = Source(text)
        let partLength = max(1, text.window * Self.windowsOfPart)
        guard UInt64(starts.count) > partLength else {
            return try places(in: source, starts, atMost: most, overlapping)
        }
        var found: [UInt64] = []
        var position = starts.lowerBound
        var runs = 0
        // A text of zeros may stand in a hole.
        let mayStandInHoles = needle.allSatisfy { $0 == 0 }
        text.file.settle()
        source.isAsked = text.encoding.unit == 1
        while position < starts.upperBound, found.count < most {
            let isLast = mayStandInHoles || runs >= Self.mostRuns
            let run = isLast ? position..<starts.upperBound : try text.file.dataRun(from: position)
            runs += 1
            // It may begin before the data that it ends in.
            let first = max(position, run.lowerBound - min(run.lowerBound, UInt64(needle.count) - 1))
            let end = min(run.upperBound, starts.upperBound)
            guard first < end else { break }
            try search(source, first..<end, partLength, atMost: most, overlapping, &found)
            position = end
        }
        return found
    }

    /// More runs of data are taken for one.
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
            // Parts do not know of places before them: those that overlap are left out here.
            let mayOverlap = overlapsItself && !overlapping
            let each = mayOverlap ? max(most - found.count, Self.mostOverlapping) : most - found.count
            let outcomes = together(source, parts, atMost: each, overlapping || overlapsItself)
            for (part, outcome) in zip(parts, outcomes) where found.count < most {
                let places = try outcome.get()
                for place in places where found.count < most {
                    if mayOverlap, let last = found.last, place < last + UInt64(needle.count) { continue }
                    found.append(place)
                }
                guard mayOverlap, places.count >= each, found.count < most else { continue }
                // So many that the part was not searched to its end: one after the other.
                let next = max(part.lowerBound, found.last.map { $0 + UInt64(needle.count) } ?? 0)
                if next < part.upperBound {
                    found += try self.places(
                        in: source, next..<part.upperBound, atMost: most - found.count, false)
                }
            }
        }
    }

    /// Of a text that overlaps itself, in one part.
    private static let mostOverlapping = 10_000

    private static let windowsOfPart: UInt64 = 16
    private static let searchers = max(1, min(4, Processors.count))
    /// Parts for each of them between two looks at what was found: one that is slow holds the others up.
    private static let partsOfEach = 4

    /// What several threads may have of a file.
    private struct Source: Sendable {
        let file: any GroundFile
        let window: UInt64
        /// Bytes of a unit of its encoding.
        let unit: UInt64
        let isCancelled: @Sendable () -> Bool
        /// Whether who keeps it is asked; it was settled then.
        var isAsked = false

        init(_ text: TextFile) {
            file = text.file
            window = text.window
            unit = UInt64(text.encoding.unit)
            isCancelled = text.isCancelled
        }
    }

    /// Searches parts at the same time.
    private func together(
        _ source: Source, _ parts: [Range<UInt64>], atMost most: Int, _ overlapping: Bool
    ) -> [Result<[UInt64], ToolError>] {
        let outcomes = Mutex([Result<[UInt64], ToolError>](repeating: .success([]), count: parts.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(parts.count, Self.searchers)) { _ in
            while true {
                let part = next.add(1, ordering: .relaxed).oldValue
                guard part < parts.count else { return }
                // Nobody asks for what is behind enough of them.
                let before = outcomes.withLock { $0[..<part].reduce(0) { $0 + ((try? $1.get().count) ?? 0) } }
                if before >= most { return }
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
            // A place begins inside of the range, so it ends so far behind it at most.
            let length = min(UInt64(read), starts.upperBound - start + UInt64(needle.count) - 1)
            let count = Int(length)
            var index = 0
            while found.count < most, let place = finder.place(in: bytes, from: index, to: count) {
                // A match inside a unit of UTF-16 is none.
                if (start + UInt64(place)) % source.unit == 0 {
                    found.append(start + UInt64(place))
                    index = place + (overlapping ? 1 : needle.count)
                } else {
                    index = place + 1
                }
            }
            // What was found may reach into the next part.
            let whole = count - needle.count + 1
            if whole <= 0 { throw GroundScan.shrank }
            start += UInt64(max(index, whole))
        }
        return found
    }

    /// Places that who keeps the file finds.
    /// - Returns: nil where nobody can be asked, or a long text's front stands in too many places.
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

/// Knuth, Morris and Pratt's table.
enum KnuthMorrisPratt {
    /// For each prefix the length of its longest border: the longest shorter prefix that it also ends in.
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
