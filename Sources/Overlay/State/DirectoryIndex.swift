// DirectoryIndex: what the overlay says of the names in one directory.

internal import Platform
internal import Storage

/// Overlay entries of one directory; names it does not know are the base's business.
final class DirectoryIndex {
    var entries: [FileName: Entry] = [:]

    var memoryBytes: Int { 128 + entries.count * 120 }

    /// Whether a name of the overlay is visible.
    var hasVisibleEntry: Bool { entries.values.contains { !$0.isWhiteout } }
}
