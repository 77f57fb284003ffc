// ContentSource: the place from which an inode's bytes are read.

internal import Platform
internal import Storage

/// The place from which an inode's bytes are read.
enum ContentSource: Sendable {
    case empty
    case log(EditLog)
    case base(BasePlace, size: UInt64)
    /// A touched file whose content is still the base's; the base file is checked against the origin.
    case origin(InodeNumber, size: UInt64)
}
