// DirectoryIndex: what the overlay says of the names in one directory. DirectoryListing: the merged
// names of overlay and base in a stable order, so that a listing can go on after any change.

internal import Platform
internal import Storage

/// Overlay entries of one directory; names it does not know are the base's business.
final class DirectoryIndex {
    var entries: [FileName: Entry] = [:]

    var memoryBytes: Int { 128 + entries.count * 120 }

    /// Whether a name of the overlay is visible.
    var hasVisibleEntry: Bool { entries.values.contains { !$0.isWhiteout } }
}
