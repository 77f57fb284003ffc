// PinFile: the content of a base file as it was, in the pool that all workspaces share. Its name is
// the identity of the base file; the footer at its end says so again and is written last, so that a
// file without one was cut off in its making.
//
// content | zeros up to a multiple of 8 | XXH3 of each 16 KiB of the content, u64 | footer

package import Platform

/// Which base file, and how it was: two files with equal identities have the same content.
package struct PinIdentity: Hashable, Sendable {
    /// 0 for the device of the base's root, else the XXH3 of a path that lies on the device: numbers
    /// of devices change with each boot.
    package var device: UInt64
    package var inode: UInt64
    package var size: UInt64
    package var modificationTime: Int64
    package var changeTime: Int64
    package var birthTime: Int64

    /// - Parameter devicePath: nil for the device of the base's root.
    package init(_ origin: Origin, devicePath: [UInt8]?) {
        device = devicePath.map { Checksum.xxh3($0) } ?? 0
        inode = origin.inode
        size = origin.size
        modificationTime = origin.modificationTime
        changeTime = origin.changeTime
        birthTime = origin.birthTime
    }

    package func fits(_ status: FileStatus) -> Bool {
        inode == status.inode && size == status.size
            && modificationTime == status.modificationTime && changeTime == status.changeTime
    }

    package static let directory = "pool"

    var shard: String {
        let low = String(inode & 0xff, radix: 16)
        return "\(Self.directory)/" + (low.utf8.count == 1 ? "0" + low : low)
    }

    /// - Parameter path: of a file of the pool, also of one in the making (`.new`).
    package init?(path: String) {
        guard let name = path.split(separator: "/").last?.split(separator: ".").first else {
            return nil
        }
        let numbers = name.split(separator: "-").compactMap { UInt64($0, radix: 16) }
        guard numbers.count == 6 else { return nil }
        (inode, size, device) = (numbers[0], numbers[1], numbers[5])
        modificationTime = Int64(bitPattern: numbers[2])
        changeTime = Int64(bitPattern: numbers[3])
        birthTime = Int64(bitPattern: numbers[4])
        guard path == self.path || path == self.path + ".new" else { return nil }
    }

    /// Below the store.
    package var path: String {
        let numbers = [
            inode, size, UInt64(bitPattern: modificationTime), UInt64(bitPattern: changeTime),
            UInt64(bitPattern: birthTime), device,
        ]
        return "\(shard)/" + numbers.map { String($0, radix: 16) }.joined(separator: "-")
    }
}

/// The last bytes of a file of the pool.
package struct PinFooter: Equatable, Sendable {
    package var identity: PinIdentity
    /// The content shares its extents with the base: there are no checksums of it.
    package var isShared: Bool
    /// Of the table of checksums.
    package var tableSum: UInt64

    package static let length = Format.pinFooterLength

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.length)
        writer.integer(Format.pinMagic)
        writer.integer(Format.pinVersion)
        writer.integer(UInt32(isShared ? 1 : 0))
        writer.integer(identity.device)
        writer.integer(identity.inode)
        writer.integer(identity.size)
        writer.integer(identity.modificationTime)
        writer.integer(identity.changeTime)
        writer.integer(identity.birthTime)
        writer.integer(tableSum)
        writer.integer(Checksum.xxh3(writer.bytes))
        return writer.bytes
    }

    /// - Returns: nil where the bytes are no footer of that identity.
    init?(_ bytes: [UInt8], of identity: PinIdentity) {
        guard bytes.count == Self.length else { return nil }
        var reader = ByteReader(bytes)
        reader.skip(12)
        guard let flags: UInt32 = reader.integer() else { return nil }
        reader.skip(48)
        guard let tableSum: UInt64 = reader.integer() else { return nil }
        self.identity = identity
        isShared = flags & 1 == 1
        self.tableSum = tableSum
        guard self.bytes == bytes else { return nil }
    }

    init(identity: PinIdentity, isShared: Bool, tableSum: UInt64) {
        self.identity = identity
        self.isShared = isShared
        self.tableSum = tableSum
    }
}

/// An open file of the pool.
package final class PinFile: Sendable {
    package enum Fault: Error, Equatable {
        /// Without a footer: its making was cut off, or its end is damaged.
        case unfinished
        /// A block of the content, by its number, does not fit its checksum, or cannot be read.
        case block(Int)

        package var reason: String {
            switch self {
            case .unfinished: "is missing or not whole"
            case .block(let number): "has a block that does not fit its checksum, number \(number)"
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

    /// Where the table begins.
    static func tableStart(_ size: UInt64) -> UInt64 { size + (8 - size % 8) % 8 }

    static func footerStart(_ size: UInt64, isShared: Bool) -> UInt64 {
        tableStart(size) + (isShared ? 0 : 8 * blocks(of: size))
    }

    /// Bytes of a file of the pool.
    package static func length(_ size: UInt64, isShared: Bool) -> UInt64 {
        footerStart(size, isShared: isShared) + UInt64(PinFooter.length)
    }

    /// - Throws: `unfinished` where the file has no footer of `identity`.
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

    /// Fills `buffer` with the content from `offset` on, which must lie inside of it.
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

    /// Bytes of the content, unchecked.
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

    /// The blocks that do not fit their checksums.
    /// - Parameter visit: told the bytes looked at; false ends the check.
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
