// TreeLog+Room: blocks that are set aside after the end of a tree log, so that removing everything and
// a rollback still work on a disk without a free block. The blocks belong to the file: neither other
// files nor other programs can take them.

package import Platform
internal import Synchronization

extension TreeLog {
    /// The largest number of extra bytes that are set aside at once. Below it, twice the need is set
    /// aside. This gives some 1,000 files between two calls of fallocate(2).
    private static let step: UInt64 = 1 << 20

    /// Sets blocks aside for `bytes` after the end that the log will have after a record of `own` bytes.
    /// - Parameter isLenient: Whether the present room suffices if it is less than `bytes`.
    /// - Throws: ENOSPC if the disk has no space for it.
    package func keepRoom(_ bytes: UInt64, own: UInt64, isLenient: Bool = false) throws(Errno) {
        let (end, roomEnd, cuts) = tail.withLock { ($0.end, $0.roomEnd, $0.cuts) }
        let room = roomEnd.subtracting(clamping: end)
        let wanted = (isLenient ? min(room, bytes) : bytes).adding(clamping: own)
        if room >= wanted { return }
        let start = max(end, roomEnd)
        // Done without the lock: on an almost full disk the file system may have to commit first.
        for extra in [min(Self.step, wanted), 0] {
            let target = end.adding(clamping: wanted).adding(clamping: extra)
            do throws(Errno) {
                guard try file.setAside(from: start, length: target - start) else { return }
            } catch {
                if extra > 0, error == .noSpace || error == .quota { continue }
                throw error
            }
            tail.withLock { tail in
                if tail.cuts == cuts { tail.roomEnd = max(tail.roomEnd, target) }
            }
            return
        }
    }

    /// Gives blocks back that are set aside beyond `bytes`, if there are many.
    package func giveRoomBack(keeping bytes: UInt64) {
        tail.withLock { tail in
            let room = tail.roomEnd.subtracting(clamping: tail.end)
            guard room > bytes.adding(clamping: 2 * Self.step), !tail.needsCut,
                (try? file.length()) == tail.end, (try? file.truncate(to: tail.end)) != nil
            else { return }
            // The truncation has released all of it (ext4_setattr does so at an equal size, too).
            tail.roomEnd = tail.end.adding(clamping: bytes)
            takeRoomBack(&tail)
        }
    }

    /// The number of bytes that are known to be set aside.
    package var room: UInt64 { tail.withLock { $0.roomEnd.subtracting(clamping: $0.end) } }

    /// Sets the room aside again after a failed append: the truncation that removed its remains also
    /// released the room.
    func takeRoomBack(_ tail: inout Tail) {
        tail.cuts += 1
        let (start, end) = (tail.end, tail.roomEnd)
        tail.roomEnd = 0
        guard end > start, (try? file.setAside(from: start, length: end - start)) == true else { return }
        tail.roomEnd = end
    }
}
