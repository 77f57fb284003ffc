// ContentSource: where an inode's bytes are read from.

internal import Platform
internal import Storage

/// Where an inode's bytes are read from.
enum ContentSource: Sendable {
    case empty
    case log(EditLog)
    case base(BasePlace, size: UInt64)
    /// A touched file whose content is still the base's: the base is checked against the origin.
    case origin(InodeNumber, size: UInt64)
}
