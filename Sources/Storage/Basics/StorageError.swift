// StorageError: the errors of the store, one case per cause, each with one sentence for people and one
// errno for the kernel.

package import Platform

package enum StorageError: Error, Sendable, CustomStringConvertible {
    /// A system call on a file of the store failed.
    case system(Errno, doing: String, path: String)
    /// A file of the store was written by a newer draftfs.
    case newerVersion(path: String, found: UInt32, known: UInt32)
    /// A file of the store was written by an older draftfs, in a format that is no longer supported.
    case olderVersion(path: String, found: UInt32, known: UInt32)
    /// A file of the store has wrong content.
    case damaged(path: String, what: String)
    /// The database has an older version and must be recreated.
    case outdated(path: String)
    /// Another daemon holds the store.
    case locked(path: String, holder: String)
    /// The store belongs to another base.
    case foreignBase(store: String, recorded: String, given: String)
    /// The database returned an error that is not damage.
    case database(String, path: String)

    /// The errno that a POSIX caller gets.
    package var errno: Errno {
        switch self {
        case .system(let errno, _, _): errno
        case .newerVersion, .olderVersion, .foreignBase: .invalid
        case .damaged, .database, .outdated: .inputOutput
        case .locked: .busy
        }
    }

    package var description: String {
        switch self {
        case .system(let errno, let doing, let path):
            return "cannot \(doing) \(path): \(errno)"
        case .newerVersion(let path, let found, let known):
            return "\(path) has format version \(found), and this draftfs knows only up to "
                + "\(known): use the draftfs that wrote it, or a newer one"
        case .olderVersion(let path, let found, let known):
            return "\(path) has format version \(found), and this draftfs knows only \(known): use the "
                + "draftfs that wrote it, or give another store with --store"
        case .damaged(let path, let what):
            return "\(path) is damaged: \(what)"
        case .outdated(let path):
            return "\(path) is of an older version"
        case .locked(let path, let holder):
            return "the store \(path) is in use by \(holder): unmount that first, "
                + "or give another store with --store"
        case .foreignBase(let store, let recorded, let given):
            return "the store \(store) belongs to the base \(recorded), not to \(given): "
                + "give another store with --store"
        case .database(let message, let path):
            return "the database \(path) failed: \(message)"
        }
    }
}
