// Finds where a text occurs in a file, next to its bytes: the file need not be sent to the caller for that.

package import Platform
package import Storage

extension WorkspaceContent {
    /// The number of bytes read at once: they stay in a processor's cache while they are searched.
    private static let searchedAtOnce = 256 << 10

    /// The time in nanoseconds after which the search returns what it found: the thread serves other
    /// requests too.
    private static let longestSearch: Int64 = 50_000_000

    /// Returns the offsets in a file at which the text of `search` occurs.
    /// - Parameter search: at most `ContentSearch.mostBytes` of its range are searched, and at most
    ///   `ContentSearch.mostPlaces` places are returned; the result says where the search ended.
    /// - Throws: ENODATA if the inode is not a regular file; the errors of a read.
    package func places(
        _ search: ContentSearch, in number: InodeNumber
    ) throws(Errno) -> ContentSearch.Places {
        guard !search.text.isEmpty, try workspace.attributes(number).type == .regular else { throw .noData }
        let starts = Range(at: search.starts.lowerBound, count: ContentSearch.mostBytes)
            .clamped(to: search.starts)
        let most = min(search.most, ContentSearch.mostPlaces)
        let reach = search.text.count - 1
        var finder = ByteFinder(search.text)
        var found = ContentSearch.Places([], end: starts.lowerBound)
        let length = min(Self.searchedAtOnce, Int(clamping: starts.upperBound - starts.lowerBound))
        var bytes = [UInt8](repeating: 0, count: length + reach)
        let began = workspace.clock.monotonic()
        while found.end < starts.upperBound {
            let count = try read(number, over: &bytes, at: found.end)
            if found.end == starts.lowerBound { finder.learn(from: bytes, count) }
            // The file ends before the text could fit.
            guard count > reach else { break }
            let end = min(starts.upperBound, found.end + UInt64(count - reach))
            var from = 0
            while let place = finder.place(in: bytes, from: from, to: Int(end - found.end) + reach) {
                found.places.append(found.end + UInt64(place))
                from = place + 1
                if found.places.count >= most {
                    found.end += UInt64(from)
                    return found
                }
            }
            found.end = end
            if workspace.clock.monotonic() - began > Self.longestSearch { break }
        }
        return found
    }
}
