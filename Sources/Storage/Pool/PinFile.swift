// PinFile: the content of a base file as it was, in the pool that all workspaces share. Its name is the
// identity of the base file. The footer at its end repeats the identity and is written last, so the
// making of a file without a footer was interrupted.
//
// content | zeros up to a multiple of 8 | XXH3 of each 16 KiB of the content, u64 | footer

package import Platform

/// An open file of the pool.
package final class PinFile: Sendable {
    package enum Fault: Error, Equatable {
        /// It has no footer: its making was interrupted, or its end is damaged.
        case unfinished
        /// The block of the content with this number does not match its checksum, or cannot be read.
        case block(Int)

        package var reason: String {
            switch self {
            case .unfinished: "is missing or incomplete"
            case .block(let number): "has a block with a wrong checksum, number \(number)"
            }
        }
    }

    let file: any DiskFile
    package let footer: PinFooter
    package var identity: PinIdentity { footer.identity }

    package static let blockLength = Format.blockLength

    static func blocks(of size: UInt64) -> UInt64 {
        size / UInt64(blockLength) + (size % UInt64(blockLength) == 0 ? 0 : 1)
    }

    /// Returns the position of the table.
    static func tableStart(_ size: UInt64) -> UInt64 { size + (8 - size % 8) % 8 }

    static func footerStart(_ size: UInt64, isShared: Bool) -> UInt64 {
        tableStart(size) + (isShared ? 0 : 8 * blocks(of: size))
    }

    /// Returns the length in bytes of a file of the pool.
    package static func length(_ size: UInt64, isShared: Bool) -> UInt64 {
        footerStart(size, isShared: isShared) + UInt64(PinFooter.length)
    }

    /// - Throws: `unfinished` if the file has no footer of `identity`.
    package init(_ file: any DiskFile, _ identity: PinIdentity) throws(Fault) {
        self.file = file
        for isShared in [false, true] {
            let start = Self.footerStart(identity.size, isShared: isShared)
            guard (try? file.length()) == start + UInt64(PinFooter.length),
                let bytes = try? file.readBytes(PinFooter.length, at: start),
                let footer = PinFooter(bytes, of: identity), footer.isShared == isShared
            else { continue }
            self.footer = footer
            return
        }
        throw .unfinished
    }

    /// Fills `buffer` with the content from `offset` on. The whole range must lie inside the content.
    package func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Fault) {
        if buffer.isEmpty { return }
        let size = UInt64(Self.blockLength)
        let first = offset / size
        guard !footer.isShared else {
            guard (try? file.read(into: buffer, at: offset)) == buffer.count else {
                throw .block(Int(clamping: first))
            }
            return
        }
        let end = offset.adding(clamping: UInt64(buffer.count))
        let last = (end - 1) / size
        let sums = try table(first...last)
        for block in first...last {
            let bounds = range(ofBlock: block)
            let wanted = max(bounds.lowerBound, offset)
                ..< min(bounds.upperBound, end)
            let place = Int(wanted.lowerBound - offset)
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[place..<place + Int(wanted.upperBound - wanted.lowerBound)])
            let sum = sums[Int(block - first)]
            if wanted == bounds {
                guard (try? file.read(into: part, at: bounds.lowerBound)) == part.count,
                    Checksum.xxh3(UnsafeRawBufferPointer(part)) == sum
                else { throw .block(Int(clamping: block)) }
                continue
            }
            let bytes = (try? self.bytes(ofBlock: block)) ?? []
            guard UInt64(bytes.count) == bounds.upperBound - bounds.lowerBound,
                Checksum.xxh3(bytes) == sum else { throw .block(Int(clamping: block)) }
            let start = Int(wanted.lowerBound - bounds.lowerBound)
            part.copyBytes(from: bytes[start..<start + part.count])
        }
    }

    package func range(ofBlock block: UInt64) -> Range<UInt64> {
        let start = block * UInt64(Self.blockLength)
        return start..<min(start + UInt64(Self.blockLength), identity.size)
    }

    func bytes(ofBlock block: UInt64) throws(Errno) -> [UInt8] {
        let range = range(ofBlock: block)
        return try file.readBytes(Int(range.upperBound - range.lowerBound), at: range.lowerBound)
    }

    /// Returns bytes of the content, without checking them.
    package func content(_ count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        try file.readBytes(count, at: offset)
    }

    private func table(_ blocks: ClosedRange<UInt64>) throws(Fault) -> [UInt64] {
        let count = Int(blocks.upperBound - blocks.lowerBound) + 1
        let start = Self.tableStart(identity.size) + 8 * blocks.lowerBound
        var reader = ByteReader((try? file.readBytes(8 * count, at: start)) ?? [])
        var sums: [UInt64] = []
        sums.reserveCapacity(count)
        for _ in 0..<count {
            guard let sum: UInt64 = reader.integer() else {
                throw .block(Int(clamping: blocks.lowerBound))
            }
            sums.append(sum)
        }
        return sums
    }

    /// Returns the blocks that do not match their checksums.
    /// - Parameter visit: Called with the number of bytes of each checked block. It may throw to stop.
    package func damagedBlocks(
        atMost limit: Int = .max, visit: (UInt64) throws(StorageError) -> Void = { _ in }
    ) throws(StorageError) -> [UInt64] {
        guard !footer.isShared else { return [] }
        var found: [UInt64] = []
        var block: UInt64 = 0
        let count = Self.blocks(of: identity.size)
        while block < count, found.count < limit {
            let last = min(block + 63, count - 1)
            let sums = (try? table(block...last)) ?? []
            for next in block...last {
                let bytes = (try? self.bytes(ofBlock: next)) ?? []
                let range = range(ofBlock: next)
                let place = Int(next - block)
                if UInt64(bytes.count) != range.upperBound - range.lowerBound
                    || place >= sums.count || Checksum.xxh3(bytes) != sums[place] {
                    found.append(next)
                }
                try visit(range.upperBound - range.lowerBound)
            }
            block = last + 1
        }
        return found
    }
}
