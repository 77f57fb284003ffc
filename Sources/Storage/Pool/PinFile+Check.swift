// PinFile+Check: checks and repairs files of the pool. A checksum locates one flipped bit anywhere.

package import Platform

extension PinFile {
    /// Repairs the footer of a file if one bit of it is wrong. Returns false otherwise.
    package static func mendFooter(
        of file: any DiskFile, _ identity: PinIdentity
    ) throws(Errno) -> Bool {
        for isShared in [false, true] {
            let start = footerStart(identity.size, isShared: isShared)
            guard try file.length() == start + UInt64(PinFooter.length) else { continue }
            var bytes = try file.readBytes(PinFooter.length, at: start)
            for bit in 0..<(8 * bytes.count) {
                bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
                if let footer = PinFooter(bytes, of: identity), footer.isShared == isShared {
                    try file.writeBytes(bytes, at: start)
                    return true
                }
                bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            }
        }
        return false
    }

    /// Returns the range between content and table if it is not all zeros.
    package func paddingFault() throws(Errno) -> Range<UInt64>? {
        let range = identity.size..<Self.tableStart(identity.size)
        let bytes = try file.readBytes(Int(range.upperBound - range.lowerBound), at: range.lowerBound)
        return bytes.allSatisfy { $0 == 0 } ? nil : range
    }

    package func clear(_ range: Range<UInt64>) throws(Errno) {
        let count = Int(range.upperBound - range.lowerBound)
        try file.writeBytes([UInt8](repeating: 0, count: count), at: range.lowerBound)
    }

    /// Returns the position of a block's checksum.
    private func entry(_ block: UInt64) -> UInt64 { Self.tableStart(identity.size) + 8 * block }

    /// Repairs a block or its checksum so that both match again: corrects the block's entry in the
    /// table, or one flipped bit of the block.
    /// - Returns: The bytes that were wrong, or nil if neither is possible.
    package func mend(_ block: UInt64) throws(Errno) -> Range<UInt64>? {
        var bytes = try self.bytes(ofBlock: block)
        let range = range(ofBlock: block)
        guard UInt64(bytes.count) == range.upperBound - range.lowerBound else { return nil }
        let start = Self.tableStart(identity.size)
        let length = 8 * Self.blocks(of: identity.size)
        guard length <= Self.longestTable else { return nil }
        var table = try file.readBytes(Int(length), at: start)
        guard UInt64(table.count) == length else { return nil }
        let place = Int(8 * block)
        var entry = ByteReader(table, from: place)
        guard let sum: UInt64 = entry.integer() else { return nil }
        if Checksum.xxh3(table) != footer.tableSum {
            let right = Checksum.xxh3(bytes)
            for index in 0..<8 { table[place + index] = UInt8(truncatingIfNeeded: right >> (8 * index)) }
            guard Checksum.xxh3(table) == footer.tableSum else { return nil }
            try file.writeBytes(Array(table[place..<place + 8]), at: start + UInt64(place))
            return (start + UInt64(place))..<(start + UInt64(place) + 8)
        }
        for bit in 0..<(8 * bytes.count) {
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            if Checksum.xxh3(bytes) == sum {
                let at = range.lowerBound + UInt64(bit >> 3)
                try file.writeBytes([bytes[bit >> 3]], at: at)
                return at..<(at + 1)
            }
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
        }
        return nil
    }

    /// The longest table in bytes that is repaired, since a repair holds it in memory.
    private static var longestTable: UInt64 { 1 << 20 }
}
