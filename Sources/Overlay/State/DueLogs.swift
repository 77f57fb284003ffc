// DueLogs: edit logs that must be durable before the tree log. A rename over another file makes the edit
// log of the renamed file due: if the name became durable before the data, a power cut would leave an empty
// file in place of a complete one (ext4 has auto_da_alloc for this). rename(2) does not wait for it: the
// maintenance thread syncs due logs, and each sync of the tree log syncs them first.
//
// The kernel may still write pages of the tree log before those of an edit log. So the transaction names
// the content that it depends on, and recovery after a power cut ends the tree log before a transaction
// whose content is missing.

internal import Platform
internal import Storage
internal import Synchronization

final class DueLogs: Sendable {
    private let logs: LogDirectory
    private let state = Mutex(State())
    /// Whether a background sync has failed. The failure is reported once.
    private let hasFailed = Atomic<Bool>(false)
    /// The number of logs that are remembered one by one. Beyond that the whole file system is synced.
    private static let most = 20_000
    /// The number of rounds after which an emptied file is synced even if it is still being written.
    private static let patience = 20

    private struct State: Sendable {
        /// The sequence number of the edit up to which each log must be durable.
        var due: [InodeNumber: UInt64] = [:]
        /// The number of times that `due` overflowed, and how many of these are covered by a sync of
        /// everything.
        var overflows = 0
        var syncedOverflows = 0
        /// The emptied files, with the end of their log in the last round and the number of rounds so far.
        var emptied: [InodeNumber: (end: UInt64, rounds: Int)] = [:]
    }

    init(_ logs: LogDirectory) { self.logs = logs }

    func insert(_ number: InodeNumber, upTo sequence: UInt64) {
        state.withLock { state in
            state.due[number] = max(state.due[number] ?? 0, sequence)
            if state.due.count > Self.most {
                state.due = [:]
                state.overflows += 1
            }
        }
    }

    /// Notes that a sync of the log alone has made it durable up to that edit.
    func remove(_ number: InodeNumber, upTo sequence: UInt64) {
        state.withLock { state in
            if let wanted = state.due[number], wanted <= sequence { state.due[number] = nil }
        }
    }

    /// Makes durable what was due at the time of the call. The caller syncs the tree log afterwards.
    func synchronize() throws(Errno) {
        // Entries that are added or raised meanwhile stay due: `remove` compares sequence numbers.
        let (due, overflows, synced) = state.withLock { ($0.due, $0.overflows, $0.syncedOverflows) }
        if overflows > synced {
            try logs.disk.synchronizeAll()
            state.withLock { $0.syncedOverflows = max($0.syncedOverflows, overflows) }
        }
        if due.isEmpty { return }
        try logs.synchronizeExisting(due.keys)
        for (number, sequence) in due { remove(number, upTo: sequence) }
    }

    // MARK: In the background

    /// Notes that a file was emptied. The content written next is synced soon after the last write.
    func noteEmptied(_ number: InodeNumber) {
        state.withLock { state in
            if state.emptied.count < Self.most { state.emptied[number] = (0, 0) }
        }
    }

    /// Syncs due logs, and emptied files that are no longer written. Called by the maintenance thread.
    func maintain(_ events: EventLog) {
        let quiet = takeQuiet().filter { EditLog.exists($0, in: logs) }
        do throws(Errno) {
            try logs.synchronize(quiet)
            try synchronize()
            hasFailed.store(false, ordering: .relaxed)
        } catch {
            guard !hasFailed.exchange(true, ordering: .relaxed) else { return }
            events.post(
                .error,
                "cannot sync the content of files that replaced other files (\(error)), so syncs of the "
                    + "workspace's names fail: check the store's disk, then mount again")
        }
    }

    /// Returns the emptied files that were not written since the last round, or that have waited for
    /// `patience` rounds.
    private func takeQuiet() -> [InodeNumber] {
        let emptied = state.withLock { $0.emptied }
        if emptied.isEmpty { return [] }
        var quiet: [InodeNumber] = []
        for (number, known) in emptied {
            let end = (try? logs.file(number).length()) ?? 0
            let isQuiet = end == known.end || known.rounds >= Self.patience
            if isQuiet { quiet.append(number) }
            state.withLock { state in
                state.emptied[number] = isQuiet ? nil : (end, known.rounds + 1)
            }
        }
        return quiet
    }
}
