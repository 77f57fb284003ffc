// The room of a tree log: blocks that are set aside behind its end, so that removing everything and a
// rollback find theirs on a disk without a free block, whoever filled it. They belong to the file:
// neither other files nor other programs can take them.

package import Platform
internal import Synchronization

extension Journal {
    /// More than is needed is set aside at once, twice as much up to that: some 1,000 files between two
    /// calls of fallocate(2).
    private static let step: UInt64 = 1 << 20

    /// Has blocks set aside for `bytes` behind what the log will have after a record of `own` bytes.
    /// - Parameter isLenient: as much room as there is now will do, if it was less before.
    /// - Throws: ENOSPC where the disk has no room for it.
    package func keepRoom(_ bytes: UInt64, own: UInt64, isLenient: Bool = false) throws(Errno) {
        let (end, roomEnd, cuts) = tail.withLock { ($0.end, $0.roomEnd, $0.cuts) }
        let room = roomEnd.subtracting(clamping: end)
        let wanted = (isLenient ? min(room, bytes) : bytes).adding(clamping: own)
        if room >= wanted { return }
        let start = max(end, roomEnd)
        // Not under the lock: on an almost full disk the file system may have to commit first.
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

    /// Bytes of room that are known to be there.
    package var room: UInt64 { tail.withLock { $0.roomEnd.subtracting(clamping: $0.end) } }

    /// After an append that failed: with what it left the cut has given the room back to the disk.
    func takeRoomBack(_ tail: inout Tail) {
        tail.cuts += 1
        let (start, end) = (tail.end, tail.roomEnd)
        tail.roomEnd = 0
        guard end > start, (try? file.setAside(from: start, length: end - start)) == true else { return }
        tail.roomEnd = end
    }
}
