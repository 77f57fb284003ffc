// Quota: how much a workspace, or all of the store, may take and takes. Numbers are atomics: asking
// costs a few loads, and nothing where no limit is set. What is used is counted where it is made:
// bytes by the logs (SpaceCounter), files by the transactions that give a row or take a name.
//
// Removing and making smaller always works; what grows is refused with EDQUOT or EFBIG.

package import Platform
internal import Storage
internal import Synchronization

package final class Quota: Sendable {
    private let counter: SpaceCounter
    private let reserve: SpaceReserve?
    /// The store's quota, for that of a workspace.
    private let whole: Quota?
    /// Bytes that the counter does not know, since they are from before.
    private let bytesBefore = Atomic<Int64>(0)
    private let files = Atomic<Int64>(0)
    private let bytesLimit = Atomic<UInt64>(OperatorLimits.none)
    private let filesLimit = Atomic<UInt64>(OperatorLimits.none)
    private let fileSizeLimit = Atomic<UInt64>(OperatorLimits.none)
    private let bytesRefused = Atomic<Bool>(false)
    private let filesRefused = Atomic<Bool>(false)
    /// Of each resource, how far its warnings went: 80 and 100 percent.
    private let warned = Mutex<[OperatorLimits.Key: Int]>([:])
    /// What a record takes beside its payload, and the room that names need.
    private static let recordBytes: UInt64 = 256

    init(
        _ counter: SpaceCounter = SpaceCounter(), in whole: Quota? = nil,
        reserve: SpaceReserve? = nil
    ) {
        self.counter = counter
        self.reserve = reserve
        self.whole = whole
    }

    package var usedBytes: UInt64 {
        UInt64(clamping: bytesBefore.load(ordering: .relaxed).adding(clamping: counter.bytes))
    }
    /// Files and directories that have a row and a name.
    package var usedFiles: UInt64 { UInt64(clamping: files.load(ordering: .relaxed)) }

    private func limit(_ atomic: borrowing Atomic<UInt64>) -> UInt64? {
        let value = atomic.load(ordering: .relaxed)
        return value == OperatorLimits.none ? nil : value
    }

    var limitsFiles: Bool {
        limit(filesLimit) != nil || whole.map { $0.limit($0.filesLimit) != nil } == true
    }

    func apply(_ limits: OperatorLimits) {
        bytesLimit.store(limits[.bytes] ?? OperatorLimits.none, ordering: .relaxed)
        filesLimit.store(limits[.files] ?? OperatorLimits.none, ordering: .relaxed)
        fileSizeLimit.store(limits[.fileSize] ?? OperatorLimits.none, ordering: .relaxed)
        bytesRefused.store(false, ordering: .relaxed)
        filesRefused.store(false, ordering: .relaxed)
        warned.withLock { $0 = [:] }
    }

    /// What was there before the counter began, or comes and goes with a workspace.
    func add(bytes: Int64, files count: Int64) {
        bytesBefore.wrappingAdd(bytes, ordering: .relaxed)
        files.wrappingAdd(count, ordering: .relaxed)
    }
}

// MARK: Asking

extension Quota {
    /// Room for `count` bytes of payload in a file that then ends at or above `end`.
    /// - Throws: EFBIG or EDQUOT; ENOSPC while the disk has room for removals only.
    func admit(bytes count: UInt64, end: UInt64) throws(Errno) {
        if end > fileSizeLimit.load(ordering: .relaxed) { throw .fileTooBig }
        try admit(bytes: count)
    }

    private func admit(bytes count: UInt64) throws(Errno) {
        if let reserve, reserve.isShort { throw .noSpace }
        let limit = bytesLimit.load(ordering: .relaxed)
        if limit != OperatorLimits.none {
            // Every 16 KiB of payload have a checksum of 8 bytes.
            let needed = count.adding(clamping: count >> 11).adding(clamping: Self.recordBytes)
            if usedBytes.adding(clamping: needed) > limit {
                bytesRefused.store(true, ordering: .relaxed)
                throw .quota
            }
        }
        try whole?.admit(bytes: count)
    }

    /// Whether the store may keep so many bytes of a base file more: an edit goes on without them.
    func hasRoomInPool(_ count: UInt64) -> Bool {
        if let whole { return whole.hasRoomInPool(count) && reserve?.isShort != true }
        if let reserve, reserve.isShort { return false }
        guard let limit = limit(bytesLimit) else { return true }
        return count <= limit && usedBytes <= limit - count
    }

    /// Room for rows that an edit is going to make.
    func admit(files count: Int) throws(Errno) {
        guard count > 0 else { return }
        let limit = filesLimit.load(ordering: .relaxed)
        if limit != OperatorLimits.none, usedFiles.adding(clamping: UInt64(count)) > limit {
            filesRefused.store(true, ordering: .relaxed)
            throw .quota
        }
        try whole?.admit(files: count)
    }

    /// How many more files have a row and a name after `changes`.
    static func growth(_ changes: [TreeChange]) -> Int {
        var count = 0
        for case .inode(_, let before, let after) in changes {
            if let after, after.links > 0 { count += 1 }
            if let before, before.links > 0 { count -= 1 }
        }
        return count
    }

    /// Whether a transaction that adds `count` files may be: calls that make names are asked, those
    /// that remove, move or only touch are not.
    func admit(_ operation: TreeOperation, files count: Int) throws(Errno) {
        switch operation {
        case .create, .makeDirectory, .symlink, .link, .setXattr, .clone:
            try admit(files: count)
            try admit(bytes: 0)
        default:
            break
        }
    }

    func count(files change: Int) {
        if change == 0 { return }
        files.wrappingAdd(Int64(change), ordering: .relaxed)
        whole?.count(files: change)
    }
}

// MARK: Telling

extension Quota {
    /// Posts a warning at 80 % and at 100 %, each once until usage falls below it again.
    func review(_ events: EventLog, of owner: String) {
        review(
            events, owner, .bytes, used: usedBytes, limit: limit(bytesLimit),
            wasRefused: bytesRefused, remedy: "raise the limit")
        review(
            events, owner, .files, used: usedFiles, limit: limit(filesLimit),
            wasRefused: filesRefused, remedy: "remove files or raise the limit")
    }

    private func review(
        _ events: EventLog, _ owner: String, _ key: OperatorLimits.Key, used: UInt64, limit: UInt64?,
        wasRefused: borrowing Atomic<Bool>, remedy: String
    ) {
        guard let limit else { return }
        let isHigh = used >= limit / 5 * 4
        // A refusal counts as full, even if a smaller write would still have room.
        let isFull = used >= limit || wasRefused.load(ordering: .relaxed)
        if isFull, used < limit / 5 * 4 { wasRefused.store(false, ordering: .relaxed) }
        let level = isFull ? 100 : isHigh ? 80 : 0
        let known = warned.withLock { levels in
            defer { levels[key] = level }
            return levels[key] ?? 0
        }
        guard level > known else { return }
        let name = key == .bytes ? "bytes" : "files"
        if level == 100 {
            events.post(
                .warning,
                "\(owner): the limit of \(name) is reached, \(used) of \(limit) are used; what needs "
                    + "more answers EDQUOT: \(remedy)")
        } else {
            events.post(
                .warning,
                "\(owner): \(used) of \(limit) \(name) are used, more than 80 % of the limit")
        }
    }

    /// What statfs(2) may show: the disk's room, and no more than the limits leave.
    package func constrain(_ space: SpaceOnDisk) -> SpaceOnDisk {
        let own = space.limited(
            bytes: limit(bytesLimit).map { ($0, usedBytes) },
            files: limit(filesLimit).map { ($0, usedFiles) })
        return whole?.constrain(own) ?? own
    }
}
