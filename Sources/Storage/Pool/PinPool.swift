// PinPool: the contents of base files as they were when a workspace first built on them, for all
// workspaces of the store. A file with its content in the pool no longer needs the base. A content is
// copied before the edit that needs it returns, is shared by identity, and is removed by a sweep once
// no workspace refers to it. If the file system supports it, a copy shares its extents with the base.

internal import Synchronization
package import Platform

package final class PinPool: Sendable {
    package enum Outcome: Equatable, Sendable {
        case kept
        /// The content is larger than the limit, or there is no space for it.
        case tooLarge
        /// The base file changed meanwhile.
        case changed
        case failed(Errno)
    }

    let disk: any Disk
    private let counter: SpaceCounter
    private let open: Mutex<LRUCache<PinIdentity, PinFile>>
    let state = Mutex(State())
    /// One content is made by one thread only. Other threads that need it wait. They may also wait for
    /// another content of the same stripe.
    private let stripes = (0..<16).map { _ in Stripe() }
    /// Whether the store may share extents with the base, until an attempt shows that it cannot.
    private let canShare = Atomic<Bool>(true)
    private let limitBytes = Atomic<UInt64>(OperatorLimits.defaultPin)
    /// The lock is held across syncs on purpose, as in `EditLog`: a thread that waits while a sync fails
    /// must not sync again and succeed.
    private let failedSyncs = Mutex(FailedSyncs())
    /// The size of the pool at the first call of `usage`, less what had been added by then.
    let bytesBefore = Mutex<PinUsage?>(nil)

    struct State {
        /// Contents known to be intact: made or verified since the store was opened.
        var known: Set<PinIdentity> = []
        /// Contents in use by edits that are not recorded yet, with the number of claims.
        var pending: [PinIdentity: Int] = [:]
        /// Contents known to survive a power cut.
        var durable: Set<PinIdentity> = []
        /// The contents made since the current sync began, which it may have missed. Nil if no sync runs.
        var madeMeanwhile: Set<PinIdentity>?
        /// Whether the directories of the pool are durable, and the number of directories made so far.
        var hasDurableDirectories = false
        var madeDirectories = 0
        /// The contents claimed since the current sweep began. Nil if no sweep runs.
        var wanted: Set<PinIdentity>?
        var growth = PinUsage()

        mutating func note(_ identity: PinIdentity) {
            if known.count >= PinPool.mostKnown { known = [] }
            known.insert(identity)
        }
    }

    /// The contents whose sync failed, and the failure of a directory of the pool, which may have lost any
    /// name. Later syncs fail as long as the process runs.
    private struct FailedSyncs: Sendable {
        var contents: [PinIdentity: Errno] = [:]
        var directories: Errno?

        func first(of files: [PinIdentity]) -> Errno? {
            if let directories { return directories }
            for identity in files {
                if let failure = contents[identity] { return failure }
            }
            return nil
        }
    }

    private final class Stripe: Sendable {
        let lock = Mutex<Void>(())
    }

    /// The largest number of identities kept in memory as known. After that, files are verified again.
    private static let mostKnown = 100_000

    package init(_ disk: any Disk, counter: SpaceCounter, openFiles: Int) {
        self.disk = disk
        self.counter = counter
        open = Mutex(LRUCache(capacity: openFiles))
    }

    /// The store's limit `pin`, or nil if there is none.
    package var limit: UInt64? {
        let value = limitBytes.load(ordering: .relaxed)
        return value == OperatorLimits.none ? nil : value
    }

    package func setLimit(_ value: UInt64?) {
        limitBytes.store(value ?? OperatorLimits.none, ordering: .relaxed)
    }

    /// Whether contents of any size are worth an attempt.
    package var mayShareExtents: Bool { canShare.load(ordering: .relaxed) }

    /// Protects a content from a sweep until `release`.
    /// - Returns: Whether the pool is known to have the content already.
    @discardableResult
    package func claim(_ identity: PinIdentity) -> Bool {
        state.withLock { state in
            state.pending[identity, default: 0] += 1
            state.wanted?.insert(identity)
            return state.known.contains(identity)
        }
    }

    /// Copies the content of `source` into the pool, if it is not there yet. The caller has claimed it.
    /// - Parameters:
    ///   - status: Returns the current status of the source.
    ///   - limit: The largest content in bytes that is copied. Nil for no limit.
    ///   - hasRoom: Returns whether that many bytes may be added.
    package func keep(
        _ identity: PinIdentity, of source: File, limit: UInt64?,
        status: () throws(Errno) -> FileStatus, hasRoom: (UInt64) -> Bool
    ) -> Outcome {
        let stripe = stripes[Int(truncatingIfNeeded: identity.inode) & 15]
        return stripe.lock.withLock { _ in
            if state.withLock({ $0.known.contains(identity) }) { return .kept }
            if isWhole(identity) {
                state.withLock { $0.note(identity) }
                return .kept
            }
            do throws(Errno) {
                return try make(
                    identity, of: source, limit: limit, status: status, hasRoom: hasRoom)
            } catch {
                return .failed(error)
            }
        }
    }

    /// Ends a claim: the edit is recorded, or was abandoned.
    package func release(_ identity: PinIdentity) {
        state.withLock { state in
            guard let count = state.pending[identity] else { return }
            state.pending[identity] = count > 1 ? count - 1 : nil
        }
    }

    /// Returns whether a file that already exists is intact. After a power cut its content may be wrong.
    private func isWhole(_ identity: PinIdentity) -> Bool {
        guard let file = try? disk.open(identity.path, .readOnly),
            let pin = try? PinFile(file, identity) else { return false }
        return (try? pin.damagedBlocks(atMost: 1).isEmpty) == true
    }

    // MARK: Making

    private func make(
        _ identity: PinIdentity, of source: File, limit: UInt64?,
        status: () throws(Errno) -> FileStatus, hasRoom: (UInt64) -> Bool
    ) throws(Errno) -> Outcome {
        guard identity.fits(try status()) else { return .changed }
        // A damaged file may be open, and may be partly good. So it is replaced as a whole.
        let isReplacement = disk.exists(identity.path)
        let path = isReplacement ? identity.path + ".new" : identity.path
        do throws(Errno) {
            let isShared = try share(source, to: path, identity)
            if !isShared {
                let length = PinFile.length(identity.size, isShared: false)
                if let limit, identity.size > limit { return .tooLarge }
                guard hasRoom(length) else { return .tooLarge }
                guard try copy(source, to: path, identity) else {
                    try disk.remove(path)
                    return .changed
                }
            }
            guard identity.fits(try status()) else {
                try disk.remove(path)
                return .changed
            }
            if isReplacement {
                try disk.rename(path, to: identity.path)
                _ = open.withLock { $0.removeValue(for: identity) }
            }
            let length = PinFile.length(identity.size, isShared: isShared)
            state.withLock { state in
                state.durable.remove(identity)
                state.madeMeanwhile?.insert(identity)
                if !isReplacement {
                    state.growth.files &+= 1
                    state.growth.bytes &+= length
                }
                state.note(identity)
            }
            if !isReplacement { counter.add(pinBytes: length) }
            return .kept
        } catch {
            if disk.exists(path) { try? disk.remove(path) }
            throw error
        }
    }

    func shrink(_ usage: PinUsage) {
        state.withLock { state in
            state.growth.files &-= usage.files
            state.growth.bytes &-= usage.bytes
        }
        counter.take(pinBytes: usage.bytes)
    }

    /// - Returns: False if the file system cannot share extents.
    private func share(
        _ source: File, to path: String, _ identity: PinIdentity
    ) throws(Errno) -> Bool {
        guard canShare.load(ordering: .relaxed) else { return false }
        try makeDirectories(identity)
        do throws(Errno) {
            try disk.clone(source, to: path)
        } catch {
            if error == .noSpace { throw error }
            if [.notSupported, .crossDevice, .invalid].contains(error) {
                canShare.store(false, ordering: .relaxed)
            }
            return false
        }
        let file = try disk.open(path, .readWrite)
        let footer = PinFooter(identity: identity, isShared: true, tableSum: 0)
        try file.writeBytes(
            footer.bytes, at: PinFile.footerStart(identity.size, isShared: true))
        return true
    }

    private func makeDirectories(_ identity: PinIdentity) throws(Errno) {
        for path in [PinIdentity.directory, identity.shard] where !disk.exists(path) {
            do throws(Errno) {
                try disk.makeDirectory(path)
            } catch {
                guard error == .exists else { throw error }
            }
            state.withLock { state in
                state.madeDirectories += 1
                state.hasDurableDirectories = false
            }
        }
    }

    private func create(_ path: String, _ identity: PinIdentity) throws(Errno) -> any DiskFile {
        do throws(Errno) {
            return try disk.open(path, .create)
        } catch {
            guard error == .noEntry else { throw error }
            try makeDirectories(identity)
            return try disk.open(path, .create)
        }
    }

    /// The number of bytes that are read and written at once.
    private static let chunk = 1 << 20

    /// Copies the content. A small file takes one write, which is complete or leaves no footer. The
    /// footer of a larger file is written last too.
    /// - Returns: False if the source is shorter than its status says. Then there is no footer.
    private func copy(
        _ source: File, to path: String, _ identity: PinIdentity
    ) throws(Errno) -> Bool {
        let file = try create(path, identity)
        var table = ByteWriter(capacity: 8 * Int(clamping: PinFile.blocks(of: identity.size)))
        var at: UInt64 = 0
        while true {
            let count = Int(min(UInt64(Self.chunk), identity.size - at))
            var bytes = try source.readBytes(count, at: at)
            guard bytes.count == count else { return false }
            var start = 0
            while start < count {
                let end = min(start + PinFile.blockLength, count)
                table.integer(Checksum.xxh3(bytes[start..<end]))
                start = end
            }
            let place = at
            at += UInt64(count)
            let isLast = at == identity.size
            if isLast {
                let padding = PinFile.tableStart(identity.size) - identity.size
                bytes += [UInt8](repeating: 0, count: Int(padding)) + table.bytes
                bytes += PinFooter(
                    identity: identity, isShared: false, tableSum: Checksum.xxh3(table.bytes)
                ).bytes
            }
            try file.writeBytes(bytes, at: place)
            if isLast { return true }
        }
    }

    // MARK: Reading

    /// Returns the content with that identity.
    /// - Throws: `unfinished` if the pool does not have the whole content.
    package func file(_ identity: PinIdentity) throws(PinFile.Fault) -> PinFile {
        if let known = open.withLock({ $0.value(for: identity) }) { return known }
        guard let file = try? disk.open(identity.path, .readOnly) else { throw .unfinished }
        let pin = try PinFile(file, identity)
        _ = open.withLock { $0.insert(pin, for: identity) }
        return pin
    }

    package func has(_ identity: PinIdentity) -> Bool { (try? file(identity)) != nil }

    package func forget(_ identity: PinIdentity) { _ = open.withLock { $0.removeValue(for: identity) } }

    // MARK: Durability

    /// More files than this are synced with one sync of the file system.
    private static let singleSyncs = 16

    /// Makes contents survive a power cut.
    /// - Throws: Also if an earlier sync of one of them failed: it may have dropped bytes, and the next
    ///   one would not report that (fsync(2), errors).
    package func synchronize(_ identities: some Sequence<PinIdentity>) throws(Errno) {
        let wanted = Array(identities)
        if state.withLock({ state in wanted.allSatisfy { state.durable.contains($0) } }) { return }
        let failure: Errno? = failedSyncs.withLock { failed in
            // A thread that waited may find its contents synced, or that their sync failed.
            let (files, made, hasDirectories): ([PinIdentity], Int, Bool) = state.withLock { state in
                state.madeMeanwhile = []
                return (
                    wanted.filter { !state.durable.contains($0) }, state.madeDirectories,
                    state.hasDurableDirectories
                )
            }
            defer { state.withLock { $0.madeMeanwhile = nil } }
            if files.isEmpty { return nil }
            if let failure = failed.first(of: files) { return failure }
            // A missing file has no content that could be lost. If it is made later, it is synced then.
            let existing = files.filter { disk.exists($0.path) }
            do throws(Errno) {
                try synchronize(existing, hasDirectories: hasDirectories, &failed)
            } catch {
                return error
            }
            state.withLock { state in
                if state.durable.count >= Self.mostKnown { state.durable = [] }
                state.durable.formUnion(existing)
                state.durable.subtract(state.madeMeanwhile ?? [])
                if state.madeDirectories == made { state.hasDurableDirectories = true }
            }
            return nil
        }
        if let failure { throw failure }
    }

    private func synchronize(
        _ files: [PinIdentity], hasDirectories: Bool, _ failed: inout FailedSyncs
    ) throws(Errno) {
        if files.count > Self.singleSyncs {
            do throws(Errno) {
                return try disk.synchronizeAll()
            } catch {
                // syncfs reports once that data was lost, but not of which file. So each file is synced.
            }
        }
        for identity in files {
            let file = try disk.open(identity.path, .readWrite)
            do throws(Errno) {
                try file.synchronize()
            } catch {
                failed.contents[identity] = error
                throw error
            }
        }
        var directories = Set(files.map(\.shard)).sorted()
        if !hasDirectories, disk.exists(PinIdentity.directory) {
            directories += [PinIdentity.directory, ""]
        }
        do throws(Errno) {
            for directory in directories { try disk.synchronizeDirectory(directory) }
        } catch {
            failed.directories = error
            throw error
        }
    }
}
