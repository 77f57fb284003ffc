// SealedFile+Check: verifies every byte of every copy of a sealed file. A reader needs only one good
// copy.

package import Platform

package struct SealedCheck: Sendable {
    /// The payload of the first good copy, or nil if no copy is good.
    package var payload: [UInt8]?
    /// The copies that are not as written, and bytes that belong to no copy.
    package var damage: [Range<UInt64>]
    /// In bytes.
    package var length: UInt64
}

extension SealedFile {
    /// - Throws: `newerVersion`, or `system` (ENOENT if there is no such file).
    package static func check(
        magic: UInt64, copies: Int, path: String, on disk: any Disk
    ) throws(StorageError) -> SealedCheck {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try disk.open(path, .readOnly).readAll()
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        let length = UInt64(bytes.count)
        let payload: [UInt8]
        do throws(StorageError) {
            payload = try read(magic: magic, copies: copies, from: path, on: disk)
        } catch {
            guard case .damaged = error else { throw error }
            return SealedCheck(payload: nil, damage: [0..<length], length: length)
        }
        let copy = copy(of: payload, magic: magic)
        var damage: [Range<UInt64>] = []
        for index in 0..<copies {
            let start = index * copy.count
            let end = start + copy.count
            if bytes.count < end || bytes[start..<end] != copy[...] {
                damage.append(UInt64(start)..<UInt64(end))
            }
        }
        let whole = UInt64(copies * copy.count)
        if length > whole { damage.append(whole..<length) }
        return SealedCheck(payload: payload, damage: damage, length: length)
    }
}
