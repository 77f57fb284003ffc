// PinPool: the contents of base files as they were when a workspace first built on them, for all
// workspaces of the store. A file whose content is here needs its base no more. Files are made before
// the edit that needs them is answered, shared by identity, and removed by a sweep once no workspace
// names them. Where the file system can, a copy shares its extents with the base.

internal import Synchronization
package import Platform

package final class PinPool: Sendable {
    package enum Outcome: Equatable, Sendable {
        case kept
        /// It is larger than the limit, or there is no room for it.
        case tooLarge
        /// The base file changed meanwhile.
        case changed
        case failed(Errno)
    }

    let disk: any Disk
    private let counter: SpaceCounter
    private let open: Mutex<LRUCache<PinIdentity, PinFile>>
    let state = Mutex(State())
    /// One content is made by one thread only: whoever asks for it meanwhile waits, and maybe for
    /// another one of the same stripe.
    private let stripes = (0..<16).map { _ in Stripe() }
    /// Whether the store may share extents with the base, until a try shows that it cannot.
    private let canShare = Atomic<Bool>(true)
    private let limitBytes = Atomic<UInt64>(OperatorLimits.defaultPin)
    /// What it took when somebody first asked, less what had been added by then.
    let bytesBefore = Mutex<PinUsage?>(nil)

    struct State {
        /// Known to be whole: made or read through since the store was opened.
        var known: Set<PinIdentity> = []
        /// In use by edits that are not recorded yet.
        var pending: [PinIdentity: Int] = [:]
        /// Known to survive a power cut.
        var durable: Set<PinIdentity> = []
        /// Whether the directories of the pool do, and how many were made.
        var hasDurableDirectories = false
        var madeDirectories = 0
        /// While a sweep runs: what was asked for since it began.
        var wanted: Set<PinIdentity>?
        var growth = PinUsage()
    }

    private final class Stripe: Sendable {
        let lock = Mutex<Void>(())
    }

    /// Identities that are kept in memory as known; beyond, files are read through again.
    private static let mostKnown = 100_000

    package init(_ disk: any Disk, counter: SpaceCounter, openFiles: Int) {
        self.disk = disk
        self.counter = counter
        open = Mutex(LRUCache(capacity: openFiles))
    }

    /// The store's limit `pin`; nil for none.
    package var limit: UInt64? {
        let value = limitBytes.load(ordering: .relaxed)
        return value == OperatorLimits.none ? nil : value
    }

    package func setLimit(_ value: UInt64?) {
        limitBytes.store(value ?? OperatorLimits.none, ordering: .relaxed)
    }

    /// Whether contents of any size are worth a try.
    package var mayShareExtents: Bool { canShare.load(ordering: .relaxed) }

    /// Until `release` no sweep takes that content.
    package func claim(_ identity: PinIdentity) {
        state.withLock { state in
            state.pending[identity, default: 0] += 1
            state.wanted?.insert(identity)
        }
    }

    /// Has the content of `source` in the pool. The caller has claimed it.
    /// - Parameters:
    ///   - status: of the source, now.
    ///   - limit: bytes above which a content is not copied; nil for none.
    ///   - hasRoom: whether so many bytes may be added.
    package func keep(
        _ identity: PinIdentity, of source: File, limit: UInt64?,
        status: () throws(Errno) -> FileStatus, hasRoom: (UInt64) -> Bool
    ) -> Outcome {
        if state.withLock({ $0.known.contains(identity) }) { return .kept }
        let stripe = stripes[Int(truncatingIfNeeded: identity.inode) & 15]
        return stripe.lock.withLock { _ in
            if state.withLock({ $0.known.contains(identity) }) { return .kept }
            if isWhole(identity) {
                note(identity)
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

    /// The edit that claimed a content is recorded, or will never be.
    package func release(_ identity: PinIdentity) {
        state.withLock { state in
            guard let count = state.pending[identity] else { return }
            state.pending[identity] = count > 1 ? count - 1 : nil
        }
    }

    /// A file from before: after a power cut its content may not be what was written.
    private func isWhole(_ identity: PinIdentity) -> Bool {
        guard let file = try? disk.open(identity.path, .readOnly),
            let pin = try? PinFile(file, identity) else { return false }
        return (try? pin.damagedBlocks(atMost: 1).isEmpty) == true
    }

    private func note(_ identity: PinIdentity) {
        state.withLock { state in
            if state.known.count >= Self.mostKnown { state.known = [] }
            state.known.insert(identity)
        }
    }

    // MARK: Making

    private func make(
        _ identity: PinIdentity, of source: File, limit: UInt64?,
        status: () throws(Errno) -> FileStatus, hasRoom: (UInt64) -> Bool
    ) throws(Errno) -> Outcome {
        guard identity.fits(try status()) else { return .changed }
        // One that is damaged may be open, and be right in parts: it is replaced whole.
        let isReplacement = disk.exists(identity.path)
        let path = isReplacement ? identity.path + ".new" : identity.path
        do throws(Errno) {
            let isShared = try share(source, to: path, identity)
            if !isShared {
                let length = PinFile.length(identity.size, isShared: false)
                if let limit, identity.size > limit { return .tooLarge }
                guard hasRoom(length) else { return .tooLarge }
                try copy(source, to: path, identity)
            }
            guard identity.fits(try status()) else {
                try disk.remove(path)
                return .changed
            }
            if isReplacement {
                try disk.rename(path, to: identity.path)
                state.withLock { _ = $0.durable.remove(identity) }
                _ = open.withLock { $0.removeValue(for: identity) }
            }
            let length = PinFile.length(identity.size, isShared: isShared)
            if !isReplacement { grow(PinUsage(files: 1, bytes: length)) }
            note(identity)
            return .kept
        } catch {
            if disk.exists(path) { try? disk.remove(path) }
            throw error
        }
    }

    private func grow(_ usage: PinUsage) {
        state.withLock { state in
            state.growth.files &+= usage.files
            state.growth.bytes &+= usage.bytes
        }
        counter.add(pinBytes: usage.bytes)
    }

    func shrink(_ usage: PinUsage) {
        state.withLock { state in
            state.growth.files &-= usage.files
            state.growth.bytes &-= usage.bytes
        }
        counter.take(pinBytes: usage.bytes)
    }

    /// - Returns: false where the file system cannot share extents.
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

    /// Bytes that are read and written at once.
    private static let chunk = 1 << 20

    /// A small file is one write, which is whole or has no footer; of a larger one the footer comes
    /// last too.
    private func copy(
        _ source: File, to path: String, _ identity: PinIdentity
    ) throws(Errno) {
        let file = try create(path, identity)
        var table = ByteWriter(capacity: 8 * Int(clamping: PinFile.blocks(of: identity.size)))
        var at: UInt64 = 0
        while true {
            let count = Int(min(UInt64(Self.chunk), identity.size - at))
            var bytes = try source.readBytes(count, at: at)
            // It became shorter: the status afterwards says so.
            guard bytes.count == count else { return }
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
            if isLast { return }
        }
    }

    // MARK: Reading

    /// The content of that identity.
    /// - Throws: `unfinished` where the pool does not have it whole.
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

    /// More files than this are synced by one sync of the file system.
    private static let singleSyncs = 16

    /// Makes contents survive a power cut.
    package func synchronize(_ identities: some Sequence<PinIdentity>) throws(Errno) {
        let (files, made, hasDirectories) = state.withLock { state in
            (
                identities.filter { !state.durable.contains($0) }, state.madeDirectories,
                state.hasDurableDirectories
            )
        }
        if files.isEmpty { return }
        if files.count > Self.singleSyncs {
            try disk.synchronizeAll()
        } else {
            // One that is missing is none that could be lost.
            for identity in files where disk.exists(identity.path) {
                try disk.open(identity.path, .readWrite).synchronize()
                try disk.synchronizeDirectory(identity.shard)
            }
            if !hasDirectories, disk.exists(PinIdentity.directory) {
                try disk.synchronizeDirectory(PinIdentity.directory)
                try disk.synchronizeDirectory("")
            }
        }
        state.withLock { state in
            if state.durable.count >= Self.mostKnown { state.durable = [] }
            state.durable.formUnion(files)
            if state.madeDirectories == made { state.hasDurableDirectories = true }
        }
    }
}
