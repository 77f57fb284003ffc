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
    /// The logs of each member whose files exist, or existed at a moment that counts.
    private var lifetimes: [UInt16: Lifetimes] = [:]
    private var logs: [UInt16: [UInt64]] = [:]

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
        // A fork that is made meanwhile takes the horizon of its parent over.
        let isMoved = set.opening.withLock { _ in
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
        guard isMoved else {
            throw .system(.again, doing: "release history of", path: "workspaces that are being forked")
        }
        for member in family.members {
            guard let workspace = member.workspace else { continue }
            try check()
            try workspace.horizon.record.write(
                to: LogDirectory.workspacePath(member.id), on: set.store.disk)
        }
    }

    // MARK: The whole release

    mutating func run(isDryRun: Bool) throws(StorageError) {
        for index in family.members.indices { try note(family.members[index], index) }
        needed.finish()
        present.finish()
        var changes: [(member: Int, log: UInt64, ranges: [Range<UInt64>], bytes: UInt64)] = []
        var removals: [(member: Int, log: UInt64)] = []
        for (index, member) in family.members.enumerated() where member.workspace != nil {
            for log in logs[member.id] ?? [] {
                pause()
                if isUnneeded(log, member) {
                    removals.append((index, log))
                    continue
                }
                let ranges = try releasable(log, upTo: member.first)
                if ranges.isEmpty { continue }
                changes.append((index, log, ranges, ranges.reduce(0) { $0 + UInt64($1.count) }))
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
        try note(&changes)
        let release = LogRelease(set.store.logs)
        for change in changes {
            try check()
            pause()
            guard try Self.storing("release", change.log, { () throws(Errno) in
                try release.punch(change.ranges, of: change.log, counting: change.bytes)
            }) else {
                parts[change.member].fault = "the file system of the store cannot make holes in files"
                continue
            }
            parts[change.member].releasedBytes += change.bytes
        }
        for (index, log) in removals { try remove(log, index) }
        try settle()
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
            try record.write(to: LogDirectory.workspacePath(member.id), on: set.store.disk)
        }
    }

    private mutating func finish() {
        for (index, member) in family.members.enumerated() {
            let all = (logs[member.id] ?? []).reduce(UInt64(0)) { sum, log in
                sum.adding(clamping: (try? size(of: log)) ?? 0)
            }
            parts[index].presentBytes = present.byteCount(of: member.id)
            parts[index].historyBytes = all - min(all, parts[index].presentBytes)
        }
    }

    /// Lets others work, if no command waits for the release.
    private func pause() {
        if isBackground { Clock.pause(microseconds: 200) }
    }

    private func size(of log: UInt64) throws(StorageError) -> UInt64 {
        try Self.storing("read", log) { () throws(Errno) in
            do throws(Errno) {
                return try LogNeeds(log, in: set.store.logs)?.byteCount ?? 0
            } catch {
                if error == .noEntry { return 0 }
                throw error
            }
        }
    }

    private static func storing<R>(
        _ doing: String, _ log: UInt64, _ body: () throws(Errno) -> R
    ) throws(StorageError) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            throw .system(error, doing: doing, path: LogDirectory.path(log))
        }
    }

    // MARK: What is needed

    private mutating func note(_ member: ReleaseMember, _ index: Int) throws(StorageError) {
        let numbers: [UInt64]
        do throws(Errno) {
            if member.workspace != nil { try LogRelease(set.store.logs).removeDead(of: member.id) }
            numbers = try set.store.logs.numbers(of: member.id)
        } catch {
            throw .system(error, doing: "list the logs of", path: LogDirectory.workspacePath(member.id))
        }
        logs[member.id] = numbers
        let own = member.kept.filter { $0 > member.beginning }
        var known: Lifetimes?
        if let workspace = member.workspace {
            let earliest = min(own.first ?? .max, max(member.first, member.beginning))
            known = try Lifetimes(of: Set(numbers), in: workspace, after: earliest)
            lifetimes[member.id] = known
        }
        for log in numbers {
            pause()
            var moments = own
            if let known { moments = moments.filter { known.exists(log, at: $0) } }
            let isLater = known?.exists(log, since: member.first) ?? true
            if isLater, member.first < .max { moments.append(member.first) }
            if moments.isEmpty, !isLater { continue }
            // Of a damaged log it is not known what it has taken from others: then nothing is released.
            try note(
                log, moments, later: isLater ? member.first : .max,
                isPresent: known?.exists(log, since: .max) ?? !member.record.isRemoved)
        }
    }

    private mutating func note(
        _ log: UInt64, _ moments: [UInt64], later: UInt64, isPresent: Bool
    ) throws(StorageError) {
        let needs = try Self.storing("read", log) { () throws(Errno) in
            try LogNeeds(log, in: set.store.logs)
        }
        guard let needs else { return }
        var found = needed
        needed = NeededRanges()
        defer { needed = found }
        let now = try needs.visit(
            moments: moments, later: later, content: { found.add($0) }, shared: { found.add($0) })
        if isPresent { present.add(now) }
    }

    private func isUnneeded(_ log: UInt64, _ member: ReleaseMember) -> Bool {
        guard let known = lifetimes[member.id], !needed.needs(log) else { return false }
        if known.exists(log, since: member.first) { return false }
        return !member.kept.contains { $0 > member.beginning && known.exists(log, at: $0) }
    }

    private func releasable(_ log: UInt64, upTo first: UInt64) throws(StorageError) -> [Range<UInt64>] {
        let needs = try Self.storing("read", log) { () throws(Errno) in
            try LogNeeds(log, in: set.store.logs)
        }
        guard let needs else { return [] }
        return try needs.releasable(upTo: first, page: set.limits.releasePage) { record, bytes in
            needed.needs(log, (record + bytes.lowerBound)..<(record + bytes.upperBound))
        }
    }

    // MARK: Release

    /// Writes the lists of all that will be released, and syncs them.
    private mutating func note(
        _ changes: inout [(member: Int, log: UInt64, ranges: [Range<UInt64>], bytes: UInt64)]
    ) throws(StorageError) {
        let release = LogRelease(set.store.logs)
        for index in changes.indices {
            try check()
            changes[index].bytes = try release.note(changes[index].ranges, of: changes[index].log)
        }
        try check()
        do throws(Errno) {
            // What is released was replaced by later records, which must not be lost in its stead.
            try set.store.disk.synchronizeAll()
        } catch {
            throw .system(error, doing: "sync", path: set.store.path)
        }
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
