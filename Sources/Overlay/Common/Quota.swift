// Quota: the space and files that a workspace or the whole store may use, and uses. The numbers are
// atomics: a check costs a few loads, and less where no limit is set. Usage is counted where it arises:
// bytes by the logs (SpaceCounter), files by the transactions that add or remove a row with a name.
//
// Removals and truncations always work. Calls that grow are refused with EDQUOT or EFBIG.

package import Platform
internal import Storage
internal import Synchronization

package final class Quota: Sendable {
    private let counter: SpaceCounter
    private let reserve: SpaceReserve?
    /// The store's quota, for the quota of a workspace.
    private let whole: Quota?
    /// The bytes from before the counter began, which it does not include.
    private let bytesBefore = Atomic<Int64>(0)
    private let files = Atomic<Int64>(0)
    private let bytesLimit = Atomic<UInt64>(OperatorLimits.none)
    private let filesLimit = Atomic<UInt64>(OperatorLimits.none)
    private let fileSizeLimit = Atomic<UInt64>(OperatorLimits.none)
    private let bytesRefused = Atomic<Bool>(false)
    private let filesRefused = Atomic<Bool>(false)
    /// The level of the last warning for each resource: 80 or 100 percent.
    private let warned = Mutex<[OperatorLimits.Key: Int]>([:])
    /// The bytes that a record needs beside its payload, including the space for names.
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
    /// The number of files and directories that have a row and a name.
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

    /// Adds usage from before the counter began, or that comes and goes with a workspace.
    func add(bytes: Int64, files count: Int64) {
        bytesBefore.wrappingAdd(bytes, ordering: .relaxed)
        files.wrappingAdd(count, ordering: .relaxed)
    }
}

// MARK: Asking

extension Quota {
    /// Checks that there is room for `count` bytes of payload in a file that then ends at or above `end`.
    /// Nothing is reserved: calls that run at once may exceed the limit together.
    /// - Throws: EFBIG or EDQUOT. ENOSPC while the disk has room for removals only.
    func admit(bytes count: UInt64, end: UInt64) throws(Errno) {
        if end > fileSizeLimit.load(ordering: .relaxed) { throw .fileTooBig }
        try admit(bytes: count)
    }

    private func admit(bytes count: UInt64) throws(Errno) {
        if let reserve, reserve.isShort { throw .noSpace }
        let limit = bytesLimit.load(ordering: .relaxed)
        if limit != OperatorLimits.none {
            // Each 16 KiB of payload has a checksum of 8 bytes.
            let needed = count.adding(clamping: count >> 11).adding(clamping: Self.recordBytes)
            if usedBytes.adding(clamping: needed) > limit {
                bytesRefused.store(true, ordering: .relaxed)
                throw .quota
            }
        }
        try whole?.admit(bytes: count)
    }

    /// Returns whether the store may keep that many further bytes of a base file. If not, the edit goes on
    /// without them.
    func hasRoomInPool(_ count: UInt64) -> Bool {
        if let whole { return whole.hasRoomInPool(count) && reserve?.isShort != true }
        if let reserve, reserve.isShort { return false }
        guard let limit = limit(bytesLimit) else { return true }
        return count <= limit && usedBytes <= limit - count
    }

    /// Checks that there is room for the rows that an edit will add.
    func admit(files count: Int) throws(Errno) {
        guard count > 0 else { return }
        let limit = filesLimit.load(ordering: .relaxed)
        if limit != OperatorLimits.none, usedFiles.adding(clamping: UInt64(count)) > limit {
            filesRefused.store(true, ordering: .relaxed)
            throw .quota
        }
        try whole?.admit(files: count)
    }

    /// Returns by how many `changes` increase the number of files with a row and a name.
    static func growth(_ changes: [TreeChange]) -> Int {
        var count = 0
        for case .inode(_, let before, let after) in changes {
            if let after, after.links > 0 { count += 1 }
            if let before, before.links > 0 { count -= 1 }
        }
        return count
    }

    /// Checks whether a transaction that adds `count` files is allowed. Calls that make names, set extended
    /// attributes or clone are checked. Calls that remove, move or only touch are not.
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
        // A refusal counts as full, even if a smaller write would still fit.
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
                "\(owner): the limit of \(name) is reached, \(used) of \(limit) are used; changes "
                    + "that need more answer EDQUOT: \(remedy)")
        } else {
            events.post(
                .warning,
                "\(owner): \(used) of \(limit) \(name) are used, more than 80 % of the limit")
        }
    }

    /// Returns the values for statfs(2): the disk's space, but not more than the limits leave.
    package func constrain(_ space: SpaceOnDisk) -> SpaceOnDisk {
        let own = space.limited(
            bytes: limit(bytesLimit).map { ($0, usedBytes) },
            files: limit(filesLimit).map { ($0, usedFiles) })
        return whole?.constrain(own) ?? own
    }
}
