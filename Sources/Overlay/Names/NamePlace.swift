// NamePlace: where a name stands, as a key.

internal import Platform
internal import Storage

/// A name in a directory.
struct NamePlace: Hashable, Sendable {
    var parent: InodeNumber
    var name: FileName
}
