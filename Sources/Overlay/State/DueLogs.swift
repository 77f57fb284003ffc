// DueLogs: edit logs that must be durable before the tree log is. A rename over another file makes the
// file that comes due: the name must not become durable before the data, or a power cut would leave an
// empty file where a whole one was (ext4 does so, too: auto_da_alloc). Nobody waits for it in rename(2):
// the maintenance thread syncs what is due, and each sync of the tree log syncs it first.
//
// The kernel may still write pages of the tree log before those of an edit log. So the transaction says
// what it waits for, and recovery after a power cut ends the tree log before one whose content is missing.

internal import Platform
internal import Storage
internal import Synchronization

final class DueLogs: Sendable {
    private let logs: LogDirectory
    private let state = Mutex(State())
    /// A failed sync in the background is told once.
    private let hasFailed = Atomic<Bool>(false)
    /// Logs that are remembered one by one; beyond that everything is synced.
    private static let most = 20_000
    /// Rounds in which an emptied file may be written on before it is synced all the same.
    private static let patience = 20

    private struct State: Sendable {
        /// Up to which edit each log must be durable.
        var due: [InodeNumber: UInt64] = [:]
        /// How often there were too many to remember, and after how many of these all was synced.
        var overflows = 0
        var syncedOverflows = 0
        /// Files that were emptied, with the end of their log in the last round and the rounds so far.
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

    /// A sync of its own has made the log durable up to that edit.
    func remove(_ number: InodeNumber, upTo sequence: UInt64) {
        state.withLock { state in
            if let wanted = state.due[number], wanted <= sequence { state.due[number] = nil }
        }
    }

    /// Makes durable what was due when it was called; the caller syncs the tree log then.
    func synchronize() throws(Errno) {
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

    /// A file was emptied: what is written next is on its way to the disk soon after the last write.
    func noteEmptied(_ number: InodeNumber) {
        state.withLock { state in
            if state.emptied.count < Self.most { state.emptied[number] = (0, 0) }
        }
    }

    /// What the maintenance thread does: syncs what is due, and emptied files that are written.
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
                "content of files that replaced others cannot be synced (\(error)), so no sync of the "
                    + "workspace's names goes through: look after the store's disk, then mount anew")
        }
    }

    /// Emptied files that were not written since the last round, or for long enough.
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
