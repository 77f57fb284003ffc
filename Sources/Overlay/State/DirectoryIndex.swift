// DirectoryIndex: the overlay's entries of one directory.

internal import Platform
internal import Storage

/// The overlay entries of one directory. Names without an entry are resolved in the base.
final class DirectoryIndex {
    var entries: [FileName: Entry] = [:]

    var memoryBytes: Int { 128 + entries.count * 120 }

    /// Whether any entry is not a whiteout.
    var hasVisibleEntry: Bool { entries.values.contains { !$0.isWhiteout } }
}
