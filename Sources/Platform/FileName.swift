// FileName: one component of a path. Names are bytes, not text: any bytes but "/" and NUL.

/// One component of a path: 1 to 255 bytes without `/` and NUL, neither `.` nor `..`.
package struct FileName: Hashable, Sendable, CustomStringConvertible {
    /// The longest name in bytes (NAME_MAX of limits.h).
    package static let maximumLength = 255

    package let bytes: [UInt8]

    /// - Throws: `Errno.invalid` for an empty name, `.`, `..` or one with `/` or NUL;
    ///   `Errno.nameTooLong` past 255 bytes.
    package init(_ bytes: [UInt8]) throws(Errno) {
        if bytes.count > FileName.maximumLength { throw .nameTooLong }
        if bytes.isEmpty || bytes == [0x2e] || bytes == [0x2e, 0x2e] { throw .invalid }
        for byte in bytes where byte == 0 || byte == 0x2f { throw .invalid }
        self.bytes = bytes
    }

    package init(_ text: String) throws(Errno) { try self.init(Array(text.utf8)) }

    /// Makes a name of bytes that the kernel or a verified record has already validated.
    package init(trusted bytes: [UInt8]) { self.bytes = bytes }

    /// The name in an array that holds no more than its bytes. A name of a request that is kept keeps
    /// this one: the request's own array is used again for the next one.
    package var compact: FileName {
        FileName(trusted: bytes.compact)
    }

    /// The name for messages. Bytes that are not UTF-8 become replacement characters.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Names are ordered by their bytes.
extension FileName: Comparable {
    package static func < (one: FileName, two: FileName) -> Bool {
        one.bytes.lexicographicallyPrecedes(two.bytes)
    }
}
