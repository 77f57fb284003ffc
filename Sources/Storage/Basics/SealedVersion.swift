// SealedVersion: the version at the beginning of the payload of a sealed file.

internal import Platform

extension ByteReader {
    /// Reads the version.
    /// - Throws: `newerVersion`, `damaged`.
    mutating func version(atMost known: UInt32, of path: String) throws(StorageError) {
        guard let found: UInt32 = integer() else {
            throw .damaged(path: path, what: "it is too short")
        }
        if found > known { throw .newerVersion(path: path, found: found, known: known) }
    }
}
