// What works on a full disk: removing, renaming, making smaller and rolling back, with room from the
// reserve.

internal import Platform
internal import Storage
internal import Synchronization

extension Workspace {
    /// Runs a call that frees more than it takes. It is run again after a step of the reserve was
    /// given back: a call that fails for want of space has changed nothing.
    func withReserve<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        try logs.reserve.whileFull(body)
    }
}

extension WorkspaceSet {
    /// The reserve takes no more than this part of the disk.
    private static var partOfDisk: UInt64 { 8 }

    /// Makes the reserve, or makes it whole again, and tells when it is used.
    package func maintainReserve() {
        let reserve = store.logs.reserve
        // The open ones: those that are not can change nothing before they are.
        let files = opened.reduce(UInt64(0)) { $0 &+ $1.quota.usedFiles }
        let disk = try? SpaceOnDisk(store.path)
        let bytes = disk.map { $0.blocks.multipliedReportingOverflow(by: UInt64($0.blockSize)) }
        // Where the disk does not say how large it is, the number of files decides.
        let limit = bytes.map { $0.overflow ? .max : $0.partialValue } ?? .max
        reserve.want(files: files, atMost: limit / Self.partOfDisk)
        let isWhole = reserve.fill()
        let isShort = reserve.isShort
        let isNews = reserveTold.withLock { told in
            defer { told = isShort }
            return told != isShort
        }
        guard isNews else { return }
        if isWhole {
            events.post(.notice, "the store's disk has room again (\(store.path))")
        } else {
            events.post(
                .warning,
                "the disk of the store \(store.path) is full: \(reserve.length >> 10) KiB are kept for "
                    + "removing, renaming and truncating, and all else answers ENOSPC until it has room")
        }
    }
}
