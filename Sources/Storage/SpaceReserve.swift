// SpaceReserve: room on the store's disk that is kept for removals, so that they work when the disk
// is full: a file of allocated blocks which is given back in steps. While it is short, what grows is
// refused: the room is not for that.

package import Platform
internal import Synchronization

package final class SpaceReserve: Sendable {
    package static let path = "reserve"
    /// Bytes: some 1,500 removals.
    package static let size: UInt64 = 1 << 20
    private static let step: UInt64 = 128 << 10

    private struct State: Sendable {
        var file: (any DiskFile)?
        /// Bytes that are kept now.
        var length: UInt64 = 0
    }

    private let disk: any Disk
    private let state = Mutex(State())
    private let short = Atomic<Bool>(false)

    package init(_ disk: any Disk) { self.disk = disk }

    /// Some of it is in use: the disk is full.
    package var isShort: Bool { short.load(ordering: .relaxed) }

    package var isWhole: Bool { length == Self.size }

    package var length: UInt64 { state.withLock { $0.length } }

    /// Makes the reserve, or makes it whole again where the disk has room for all of it.
    /// - Returns: whether it is whole.
    @discardableResult
    package func fill() -> Bool {
        state.withLock { state in
            if state.length == Self.size { return true }
            do throws(Errno) {
                let file: any DiskFile
                if let known = state.file {
                    file = known
                } else {
                    file = try disk.open(Self.path, .create)
                    state.file = file
                    state.length = min(try file.length(), Self.size)
                    try file.truncate(to: state.length)
                }
                try file.allocate(to: Self.size)
                state.length = Self.size
            } catch {
                // Part of it may have been allocated.
                try? state.file?.truncate(to: state.length)
                return false
            }
            short.store(false, ordering: .relaxed)
            return true
        }
    }

    /// Gives room for a few removals back to the disk.
    /// - Returns: false where nothing is left.
    package func giveBack() -> Bool {
        state.withLock { state in
            guard let file = state.file, state.length > 0 else { return false }
            let rest = state.length - min(state.length, Self.step)
            guard (try? file.truncate(to: rest)) != nil else { return false }
            state.length = rest
            short.store(true, ordering: .relaxed)
            return true
        }
    }
}
