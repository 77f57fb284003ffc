// DirectoryBuffer: the packed entries of a reply to readdir or readdirplus. It owns memory of the
// size that the kernel asked for; an entry that does not fit is left out completely. A buffer
// contains entries of one kind only, from `add` or from `addPlus`.

internal import CFuse
package import Platform

package struct DirectoryBuffer: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes in use.
    package private(set) var count = 0

    /// - Parameter capacity: the size of the request in bytes; at most 1 MiB is used.
    package init(capacity: Int) {
        memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Swift.min(Swift.max(0, capacity), 1 << 20), alignment: 8)
    }

    deinit { memory.deallocate() }

    package var isEmpty: Bool { count == 0 }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[..<count])
    }

    /// Calls `body` with the packed entries.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(bytes)
    }

    /// Appends one entry of readdir. Returns false if it does not fit.
    /// - Parameters:
    ///   - name: may be `.` or `..`; has no NUL and at most 255 bytes (a longer name returns false).
    ///   - inode: st_ino, as `ls -i` shows it.
    ///   - nextCookie: the position after this entry: 1 to 2^63 - 1.
    package mutating func add(
        _ name: [UInt8], inode: UInt64, type: FileType, nextCookie: UInt64
    ) -> Bool {
        var status = stat()
        status.st_ino = UInt(inode)
        status.st_mode = type.modeBits
        return pack(name) { start, room, name in
            fuse_add_direntry(nil, start, room, name, &status, Int(clamping: nextCookie))
        }
    }

    package mutating func add(
        _ name: FileName, inode: UInt64, type: FileType, nextCookie: UInt64
    ) -> Bool {
        add(name.bytes, inode: inode, type: type, nextCookie: nextCookie)
    }

    /// Appends one entry of readdirplus. Returns false if it does not fit. Each entry in the reply
    /// with a `nodeID` other than 0 gives the kernel one reference, as a lookup does. `.` and `..`
    /// must have `nodeID` 0.
    package mutating func addPlus(
        _ name: [UInt8], _ entry: NodeEntry, nextCookie: UInt64
    ) -> Bool {
        var parameters = entry.parameters
        return pack(name) { start, room, name in
            fuse_add_direntry_plus(
                nil, start, room, name, &parameters, Int(clamping: nextCookie))
        }
    }

    package mutating func addPlus(
        _ name: FileName, _ entry: NodeEntry, nextCookie: UInt64
    ) -> Bool {
        addPlus(name.bytes, entry, nextCookie: nextCookie)
    }

    /// Appends one entry with `write`. libfuse expects a NUL after the name. It returns the size that
    /// the entry needs, and writes nothing if that is more than `room`.
    private mutating func pack(
        _ name: [UInt8],
        _ write: (UnsafeMutablePointer<CChar>?, Int, UnsafePointer<CChar>?) -> Int
    ) -> Bool {
        guard name.count <= FileName.maximumLength, memory.count > count,
            let base = memory.baseAddress
        else { return false }
        let room = memory.count - count
        let start = (base + count).assumingMemoryBound(to: CChar.self)
        let needed = withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.count + 1) {
            terminated in
            for (index, byte) in name.enumerated() {
                terminated[index] = CChar(bitPattern: byte)
            }
            terminated[name.count] = 0
            return write(start, room, terminated.baseAddress)
        }
        guard needed <= room else { return false }
        count += needed
        return true
    }
}
