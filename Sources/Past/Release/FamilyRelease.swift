// FamilyRelease: one release of the history of a family of workspaces.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct FamilyRelease {
    private let set: WorkspaceSet
    private let family: ReleaseFamily
    private let isBackground: Bool
    private let observer: @Sendable () throws(Errno) -> Void
    private var needed = NeededRanges()
    private var present = NeededRanges()
    private(set) var parts: [ReleaseReport.Part]
    /// The logs of files that existed neither at a moment that counts nor since.
    private var unneeded: Set<UInt64> = []
    private var logs: [UInt16: [UInt64]] = [:]
    /// The length of each log in bytes, from before it was looked at.
    private var lengths: [UInt64: UInt64] = [:]

    init(
        set: WorkspaceSet, family: ReleaseFamily, isBackground: Bool,
        observer: @escaping @Sendable () throws(Errno) -> Void
    ) {
        self.set = set
        self.family = family
        self.isBackground = isBackground
        self.observer = observer
        parts = family.members.map { member in
            var part = ReleaseReport.Part(
                id: member.id, name: member.record.isRemoved ? nil : member.record.name)
            part.first = member.workspace == nil ? 0 : member.first
            return part
        }
    }

    private func check() throws(StorageError) {
        do throws(Errno) {
            try observer()
        } catch {
            throw .system(error, doing: "release history of", path: set.store.path)
        }
    }

    // MARK: The horizon

    /// Moves the horizons, first in memory and then on the disk.
    mutating func moveHorizons(_ records: [WorkspaceRecord]) throws(StorageError) {
        let before = family.members.map { $0.workspace?.horizon.record }
        // No commit or refresh reads a moment meanwhile that is gone then.
        let isMoved = set.epochs.committing.withLock { _ in moveInMemory(records) }
        guard isMoved else {
            throw .system(.again, doing: "release history of", path: "workspaces that are being forked")
        }
        do throws(StorageError) {
            // No horizon may survive a power cut that takes the changes up to it.
            try synchronize()
            for member in family.members {
                guard let workspace = member.workspace else { continue }
                try check()
                try write(workspace.horizon.record, of: member)
            }
        } catch {
            // Nothing was released.
            for (member, record) in zip(family.members, before) {
                if let record { member.workspace?.horizon.move(to: record) }
            }
            throw error
        }
    }

    private func moveInMemory(_ records: [WorkspaceRecord]) -> Bool {
        // A fork that is made meanwhile takes the horizon of its parent over.
        set.opening.withLock { _ in
            let now = set.store.allWorkspaces
            guard records.allSatisfy({ record in now.contains { $0 == record } }),
                !now.contains(where: { fork in
                    records.contains { $0.id == fork.fork?.workspace }
                        && !records.contains { $0.id == fork.id }
                })
            else { return false }
            for member in family.members {
                guard let workspace = member.workspace else { continue }
                var record = workspace.horizon.record
                record.first = max(record.first, member.first)
                record.kept = member.kept
                // No rollback to an earlier moment is under way after this.
                workspace.gate.alone { workspace.horizon.move(to: record) }
            }
            return true
        }
    }

    private func write(_ record: HorizonRecord, of member: ReleaseMember) throws(StorageError) {
        try set.store.logs.reserve.whileFull(opening: { () throws(StorageError) in
            try record.write(to: LogDirectory.workspacePath(member.id), on: set.store.disk)
        })
    }

    // MARK: The whole release

    private struct Change {
        var member: Int
        var log: UInt64
        var ranges: ReleasedRanges
        /// Whether the list of what was released before could not be read, so that `ranges` has all of it.
        var isAgain: Bool
        /// The bytes that were given back before.
        var before: UInt64
        var bytes: UInt64
    }

    /// - Parameter isShort: whether the horizon is so near that reads under way may need what is behind it.
    mutating func run(isDryRun: Bool, isShort: Bool) throws(StorageError) {
        let started = set.clock.monotonic()
        for index in family.members.indices { try note(family.members[index], index, isDryRun) }
        needed.finish()
        present.finish()
        var changes: [Change] = []
        var removals: [(member: Int, log: UInt64)] = []
        for (index, member) in family.members.enumerated() where member.workspace != nil {
            for log in logs[member.id] ?? [] {
                try pause()
                if unneeded.contains(log), !needed.needs(log) {
                    removals.append((index, log))
                } else if let change = try change(log, index) {
                    changes.append(change)
                }
            }
        }
        if isDryRun {
            for change in changes { parts[change.member].releasedBytes += change.bytes }
            for (index, log) in removals {
                parts[index].releasedBytes += try size(of: log)
                parts[index].removedLogs += 1
            }
            return finish()
        }
        if changes.isEmpty, removals.isEmpty { return try settle() }
        try noteRanges(of: changes)
        if isShort { wait(since: started) }
        try punch(changes)
        for (index, log) in removals { try remove(log, index) }
        try settle()
    }

    /// Waits until reads that began before the horizon moved are done.
    private func wait(since started: Int64) {
        let left = Self.longestRead - (set.clock.monotonic() - started)
        if left > 0 { Clock.pause(microseconds: UInt32(clamping: left / 1_000)) }
    }

    /// How long a read may hold on to pieces, in nanoseconds.
    private static let longestRead: Int64 = 1_000_000_000

    /// Returns what can be released of a log, with what an earlier release has listed only.
    private func change(_ log: UInt64, _ index: Int) throws(StorageError) -> Change? {
        // What is missing in one that may be damaged must not be taken for what was released.
        if needed.needsAll(of: log) { return nil }
        guard let needs = try needs(of: log) else { return nil }
        let member = family.members[index]
        let ranges = try needs.releasable(
            upTo: member.first, kept: member.kept, page: set.limits.releasePage
        ) { record, bytes in
            needed.needs(bytes, of: record, in: log)
        }
        let known = needs.released
        if ranges.ranges.isEmpty, known.isDone || known.ranges.isEmpty { return nil }
        let new = ranges.byteCount
        return Change(
            member: index, log: log, ranges: ranges, isAgain: known.isUnknown, before: known.doneBytes,
            bytes: new.adding(clamping: known.byteCount.subtracting(clamping: known.doneBytes)))
    }

    private mutating func punch(_ changes: [Change]) throws(StorageError) {
        let release = LogRelease(set.store.logs)
        var done: [(log: UInt64, bytes: UInt64)] = []
        var failure: StorageError?
        for change in changes {
            do throws(StorageError) {
                guard let bytes = try punch(change, release) else { continue }
                done.append((change.log, bytes.subtracting(clamping: change.before)))
            } catch {
                // What was done until then is done.
                failure = error
                break
            }
        }
        if !done.isEmpty { try synchronize() }
        for (log, bytes) in done {
            try check()
            try release.finish(log, bytes: bytes)
        }
        if let failure { throw failure }
    }

    /// - Returns: the bytes of the log that are given back by now; nil if it was not done.
    private mutating func punch(
        _ change: Change, _ release: LogRelease
    ) throws(StorageError) -> UInt64? {
        try check()
        try pause()
        do throws(StorageError) {
            let bytes = try set.store.logs.reserve.whileFull(opening: { () throws(StorageError) in
                try release.punch(change.log)
            })
            if bytes != nil {
                parts[change.member].releasedBytes += change.bytes
            } else {
                parts[change.member].fault = "the file system of the store cannot make holes in files"
            }
            return bytes
        } catch {
            // The other logs do not depend on it. The next release tries again.
            parts[change.member].fault = "\(error)"
            return nil
        }
    }

    /// Records what was found.
    private mutating func settle() throws(StorageError) {
        finish()
        for (index, member) in family.members.enumerated() {
            guard let workspace = member.workspace else { continue }
            var record = workspace.horizon.record
            record.time = set.clock.realtime()
            record.presentBytes = parts[index].presentBytes
            record.historyBytes = parts[index].historyBytes
            record.releasedBytes = record.releasedBytes.adding(clamping: parts[index].releasedBytes)
            workspace.horizon.move(to: record)
            try write(record, of: member)
            // A backup with a name may have names that were removed before the horizon.
            let isAlone = !record.kept.contains { $0 > member.beginning }
            workspace.releaseRoom(before: isAlone ? record.first : 0)
        }
    }

    private mutating func finish() {
        for (index, member) in family.members.enumerated() {
            let all = (logs[member.id] ?? []).reduce(UInt64(0)) { sum, log in
                sum.adding(clamping: (try? size(of: log)) ?? 0)
            }
            parts[index].presentBytes = present.byteCount(of: member.id)
            parts[index].historyBytes = all.subtracting(clamping: parts[index].presentBytes)
        }
    }

    /// Lets others work, if no command waits for the release.
    /// - Throws: EINTR if a command waits, or the mount ends.
    private func pause() throws(StorageError) {
        if !isBackground { return }
        if set.releaseState.isWanted.load(ordering: .relaxed) > 0 {
            throw .system(.interrupted, doing: "release history of", path: set.store.path)
        }
        Clock.pause(microseconds: 200)
    }

    private func size(of log: UInt64) throws(StorageError) -> UInt64 {
        do throws(StorageError) {
            return try needs(of: log)?.byteCount ?? 0
        } catch {
            // It was removed.
            if error.errno == .noEntry { return 0 }
            throw error
        }
    }

    /// Returns nil for a log without records.
    private func needs(of log: UInt64) throws(StorageError) -> LogNeeds? {
        do throws(Errno) {
            return try LogNeeds(log, in: set.store.logs)
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(log))
        }
    }

    // MARK: What is needed

    private mutating func note(
        _ member: ReleaseMember, _ index: Int, _ isDryRun: Bool
    ) throws(StorageError) {
        if set.store.logs.hasSyncFailure(in: member.id) {
            throw .system(.inputOutput, doing: "sync", path: LogDirectory.workspacePath(member.id))
        }
        let numbers: [UInt64]
        do throws(Errno) {
            if member.workspace != nil, !isDryRun {
                try LogRelease(set.store.logs).removeDead(of: member.id)
            }
            numbers = try set.store.logs.numbers(of: member.id)
            // First of all: what is appended from now on shows in the length.
            if member.workspace != nil { for log in numbers { lengths[log] = try length(of: log) } }
        } catch {
            throw .system(error, doing: "list the logs of", path: LogDirectory.workspacePath(member.id))
        }
        logs[member.id] = numbers
        let own = member.kept.filter { $0 > member.beginning }
        var known: Lifetimes?
        if let workspace = member.workspace {
            let earliest = min(own.first ?? .max, max(member.first, member.beginning))
            known = try Lifetimes(of: Set(numbers), in: workspace, after: earliest)
        }
        for log in numbers {
            try pause()
            var moments = own
            if let known { moments = moments.filter { known.exists(log, at: $0) } }
            let isLater = known?.exists(log, since: member.first) ?? true
            if isLater, member.first < .max { moments.append(member.first) }
            if moments.isEmpty, !isLater {
                unneeded.insert(log)
                continue
            }
            // Of a damaged log it is not known what it has taken from others: then nothing is released.
            try note(
                log, moments, later: isLater ? member.first : .max,
                isPresent: known?.exists(log, since: .max) ?? !member.record.isRemoved)
        }
    }

    private mutating func note(
        _ log: UInt64, _ moments: [UInt64], later: UInt64, isPresent: Bool
    ) throws(StorageError) {
        guard let needs = try needs(of: log) else { return }
        var found = needed
        needed = NeededRanges()
        defer { needed = found }
        let now = try needs.visit(
            moments: moments, later: later, content: { found.add($0) }, shared: { found.add($0) },
            whole: { found.addAll(of: log) })
        if isPresent { present.add(now) }
    }

    // MARK: Release

    /// Writes the lists of all that will be released, and syncs them.
    private func noteRanges(of changes: [Change]) throws(StorageError) {
        // All up to the horizon is durable since that has moved: a power cut takes neither what replaced the
        // content that is released, nor positions that a list names.
        let release = LogRelease(set.store.logs)
        for change in changes {
            try check()
            try set.store.logs.reserve.whileFull(opening: { () throws(StorageError) in
                try release.note(change.ranges, of: change.log, isAgain: change.isAgain)
            })
        }
        if changes.isEmpty { return }
        try synchronize()
        for change in changes {
            try check()
            try release.place(change.log)
        }
        try synchronize()
    }

    private func synchronize() throws(StorageError) {
        try check()
        do throws(Errno) {
            try set.store.disk.synchronizeAll()
        } catch {
            throw .system(error, doing: "sync", path: set.store.path)
        }
    }

    private func length(of log: UInt64) throws(Errno) -> UInt64 {
        try set.store.disk.open(LogDirectory.path(log), .readOnly).length()
    }

    /// Removes a log that nothing needs.
    private mutating func remove(_ log: UInt64, _ index: Int) throws(StorageError) {
        guard let workspace = family.members[index].workspace else { return }
        let bytes = try size(of: log)
        try check()
        let release = LogRelease(set.store.logs)
        do throws(Errno) {
            // A command may have given the file a row since, or a process may have opened it.
            let dead = try workspace.withTree { (tree) throws(Errno) -> String? in
                if let row = try tree.row(log), row.links > 0 { return nil }
                guard !Lifetimes.isHeld(log, tree) else { return nil }
                // It may have been edited, and removed once more: then its history is needed.
                if try length(of: log) != lengths[log] { return nil }
                tree.openLogs.forget(log)
                return try release.takeOut(log)
            }
            guard let dead else { return }
            try observer()
            try release.remove(log, dead)
            parts[index].releasedBytes += bytes
            parts[index].removedLogs += 1
        } catch {
            if error == .noEntry { return }
            throw .system(error, doing: "remove", path: LogDirectory.path(log))
        }
    }
}
