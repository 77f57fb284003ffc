// What works on a full disk: removing, renaming and making smaller, with room from the reserve.

internal import Platform
internal import Storage
internal import Synchronization

extension Workspace {
    /// Runs a call that frees more than it takes. It is run again after a step of the reserve was
    /// given back: a call that fails for want of space has changed nothing.
    func withReserve<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        while true {
            do throws(Errno) {
                return try body()
            } catch {
                guard error == .noSpace || error == .quota, logs.reserve.giveBack() else {
                    throw error
                }
            }
        }
    }
}

extension WorkspaceSet {
    /// Makes the reserve, or makes it whole again, and tells when it is used.
    package func maintainReserve() {
        let reserve = store.logs.reserve
        let wasShort = reserve.isShort
        let isWhole = reserve.fill()
        let isNews = reserveTold.withLock { told in
            defer { told = wasShort && !isWhole }
            return told != (wasShort && !isWhole)
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
