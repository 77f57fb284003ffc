// PinIdentity: identifies a content of the pool by the base file that it was copied from.

package import Platform

/// A base file and its attributes. Two files with equal identities have the same content.
package struct PinIdentity: Hashable, Sendable {
    /// 0 for the device of the base's root, otherwise the XXH3 of a path on the device. Device numbers
    /// are not used, since they change with each boot.
    package var device: UInt64
    package var inode: UInt64
    package var size: UInt64
    package var modificationTime: Int64
    package var changeTime: Int64
    package var birthTime: Int64

    /// - Parameter devicePath: Nil for the device of the base's root.
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

    /// - Parameter path: The path of a file of the pool. It may be one that is being made (`.new`).
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

    /// The path of the file of the pool, relative to the store.
    package var path: String {
        let numbers = [
            inode, size, UInt64(bitPattern: modificationTime), UInt64(bitPattern: changeTime),
            UInt64(bitPattern: birthTime), device,
        ]
        return "\(shard)/" + numbers.map { String($0, radix: 16) }.joined(separator: "-")
    }
}
