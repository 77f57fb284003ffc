// Bytes: little-endian cursors over byte arrays, used for every number on disk, and the search for a
// byte string in another one.

internal import CPlatform

/// Appends little-endian numbers and length-prefixed byte strings to a growing array.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package var count: Int { bytes.count }

    @inlinable
    package mutating func integer<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    package mutating func append(_ raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

    package mutating func raw(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    /// Appends a 32-bit length, then the bytes.
    package mutating func string(_ more: [UInt8]) {
        integer(UInt32(more.count))
        bytes.append(contentsOf: more)
    }

    /// Appends zero bytes up to the next multiple of `alignment`.
    package mutating func pad(to alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    /// Overwrites a number written before. `offset` must lie inside the bytes written so far.
    package mutating func patch<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        Swift.withUnsafeBytes(of: value.littleEndian) { raw in
            for (index, byte) in raw.enumerated() { bytes[offset + index] = byte }
        }
    }
}

/// Reads what `ByteWriter` wrote. After a read past the end, every later read returns nil. It never
/// traps, since the bytes may come from a damaged disk.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    package private(set) var position: Int
    private let end: Int

    package init(_ bytes: [UInt8], from start: Int = 0, to end: Int? = nil) {
        self.bytes = bytes
        self.position = Swift.min(Swift.max(0, start), bytes.count)
        self.end = Swift.min(end ?? bytes.count, bytes.count)
    }

    package var remaining: Int { end - position }
    package var atEnd: Bool { position >= end }

    package mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) -> T? {
        let size = MemoryLayout<T>.size
        guard remaining >= size else {
            position = end
            return nil
        }
        defer { position += size }
        return bytes.withUnsafeBytes { raw in
            T(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: T.self))
        }
    }

    package mutating func raw(_ count: Int) -> [UInt8]? {
        guard count >= 0, remaining >= count else {
            position = end
            return nil
        }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    package mutating func string() -> [UInt8]? {
        guard let count: UInt32 = integer() else { return nil }
        return raw(Int(count))
    }

    package mutating func skip(_ count: Int) {
        position = count >= 0 && count <= remaining ? position + count : end
    }
}

extension [UInt8] {
    /// Returns the first position of the needle at or after `start`. It uses memmem(3), which compares
    /// many bytes at once.
    /// - Parameter end: The end of the bytes to search. Nil for all.
    package func place(of needle: [UInt8], from start: Int, to end: Int? = nil) -> Int? {
        let end = Swift.min(end ?? count, count)
        guard start >= 0, start <= end else { return nil }
        return withUnsafeBytes { raw in
            let rest = UnsafeRawBufferPointer(rebasing: raw[start..<end])
            let found = needle.withUnsafeBytes { wanted in
                cp_find(rest.baseAddress, rest.count, wanted.baseAddress, wanted.count)
            }
            return found < 0 ? nil : start + Int(found)
        }
    }

    /// Returns the same. The bytes at four `positions` of the needle are compared first.
    func place(
        of needle: [UInt8], comparingFirst positions: [UInt32], from start: Int, to end: Int
    ) -> Int? {
        let end = Swift.min(end, count)
        guard start >= 0, start <= end, positions.count == 4 else { return nil }
        return withUnsafeBufferPointer { all in
            let rest = UnsafeBufferPointer(rebasing: all[start..<end])
            let found = needle.withUnsafeBufferPointer { wanted in
                cp_find_by_four(rest.baseAddress, rest.count, wanted.baseAddress, wanted.count, positions)
            }
            return found < 0 ? nil : start + Int(found)
        }
    }

    /// Returns the numbers of line ends (LF) and of first bytes of UTF-8 characters in the first
    /// `length` bytes.
    package func lineEndsAndCharacters(_ length: Int) -> (lines: UInt64, characters: UInt64) {
        var lines: UInt64 = 0
        var characters: UInt64 = 0
        withUnsafeBytes { cp_count_text($0.baseAddress, Swift.min(length, count), &lines, &characters) }
        return (lines, characters)
    }
}

extension [UInt8] {
    /// The same bytes in an array that has room for no more.
    package var compact: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}
