// SpaceReserve: space on the store's disk that is kept for operations that must work on a full disk:
// opening the store, emptying files, the part of a rollback that goes into edit logs, and removing more
// than the tree logs have room for. It is a file of allocated blocks that is released in steps. While
// it is short, operations that grow the store are refused, so that they do not use this space.

package import Platform
internal import Synchronization

package final class SpaceReserve: Sendable {
    package static let path = "reserve"
    /// In bytes: enough for some 2,500 removals of base files.
    package static let size: UInt64 = 1 << 20
    /// Bytes for each file: what a rollback appends to its log.
    private static let perFile: UInt64 = 1 << 8
    private static let largest: UInt64 = 256 << 20
    /// The least growth of the reserve in bytes.
    private static let growth: UInt64 = 256 << 10
    /// Bytes that are released first. Each further step of one call is twice as large.
    private static let firstStep: UInt64 = 128 << 10

    private struct State: Sendable {
        var file: (any DiskFile)?
        /// The number of bytes that are reserved now, and that are to be reserved.
        var length: UInt64 = 0
        var wanted = SpaceReserve.size
    }

    private let disk: any Disk
    private let state = Mutex(State())
    private let short = Atomic<Bool>(false)

    package init(_ disk: any Disk) { self.disk = disk }

    /// Whether some of it is in use because the disk is full.
    package var isShort: Bool { short.load(ordering: .relaxed) }

    package var isWhole: Bool { state.withLock { $0.length >= $0.wanted } }

    package var length: UInt64 { state.withLock { $0.length } }

    /// Notes that operations that grow the store must be refused: tree logs could not set blocks aside,
    /// or space is about to be released.
    package func noteShort() { short.store(true, ordering: .relaxed) }

    /// Makes the reserve large enough for a rollback of `files`. It never shrinks: removed files may be
    /// rolled back.
    /// - Parameters:
    ///   - least: The least number of bytes, independent of `files`.
    ///   - limit: The number of bytes that the disk can spare.
    package func want(files: UInt64, atLeast least: UInt64, atMost limit: UInt64) {
        let bytes = files < Self.largest / Self.perFile ? files * Self.perFile : Self.largest
        let wanted = min(max(bytes, least, Self.size), max(limit, Self.size))
        state.withLock { state in
            if wanted >= state.wanted + Self.growth { state.wanted = wanted }
        }
    }

    /// Opens the reserve file, which may be from an earlier session. Its length is the size wanted then.
    private func open(_ state: inout State, create: Bool) throws(Errno) -> any DiskFile {
        if let known = state.file { return known }
        let file = try disk.open(Self.path, create ? .create : .readWrite)
        let length = try file.length()
        state.length = min(length, Self.largest)
        if length > state.length { try file.truncate(to: state.length) }
        state.wanted = max(state.wanted, state.length)
        state.file = file
        return file
    }

    /// Makes the reserve, or restores its full size if the disk has space for all of it.
    /// - Returns: Whether it has its full size.
    @discardableResult
    package func fill() -> Bool {
        state.withLock { state in
            let isKnown = state.file != nil
            if isKnown, state.length >= state.wanted {
                // `noteShort` may have set it while the reserve was whole.
                short.store(false, ordering: .relaxed)
                return true
            }
            do throws(Errno) {
                let file = try open(&state, create: true)
                try file.allocate(to: state.wanted)
                state.length = state.wanted
            } catch {
                // Part of it may have been allocated.
                try? state.file?.truncate(to: state.length)
                // The disk is as full as it was when the reserve was used, or fuller.
                if error == .noSpace || error == .quota { short.store(true, ordering: .relaxed) }
                return false
            }
            short.store(false, ordering: .relaxed)
            return true
        }
    }

    /// Releases space to the disk.
    /// - Parameter bytes: The number of bytes to release, limited to what is left.
    /// - Returns: False if nothing is left.
    package func giveBack(_ bytes: UInt64 = firstStep) -> Bool {
        state.withLock { state in
            guard let file = try? open(&state, create: false), state.length > 0 else { return false }
            let rest = state.length - min(state.length, bytes)
            // Set first: other operations must not use the released space.
            short.store(true, ordering: .relaxed)
            guard (try? file.truncate(to: rest)) != nil else { return false }
            state.length = rest
            // A journaling file system can reuse freed blocks only after it has committed that they are
            // free.
            try? file.synchronize()
            return true
        }
    }

    /// Runs `body`, which must work on a full disk. After each failure it releases more space and runs
    /// `body` again. A failure for lack of space must leave nothing behind.
    package func whileFull<R, Failure: Error>(
        _ isFull: (Failure) -> Bool, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        var step = Self.firstStep
        while true {
            do throws(Failure) {
                return try body()
            } catch {
                guard isFull(error), giveBack(step) else { throw error }
                step *= 2
            }
        }
    }

    package func whileFull<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        try whileFull({ $0 == .noSpace || $0 == .quota }, body)
    }

    package func whileFull<R>(
        opening body: () throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try whileFull({ $0.errno == .noSpace || $0.errno == .quota }, body)
    }
}
