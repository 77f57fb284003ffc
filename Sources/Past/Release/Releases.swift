// Releases: gives back the space of history that is older than the retention.
//
// First, files that took the names of others share with them what both have, and logs with many outdated
// records get one that stands for them. Then:
//
// 1. The horizon of each workspace of a family moves: earlier moments cannot be seen any more, but backups
//    and what forks need. It moves while no command that restores content is under way.
// 2. The new horizons are written and synced.
// 3. All edit logs are replayed: what the content at the moments that count needs, and later changes, is
//    noted.
// 4. The lists of what is released are written, and the store is synced.
// 5. The ranges become holes, and logs that nothing needs are removed.
//
// A kill after any step leaves more than is needed, and nothing less. The next release does the rest.

package import Overlay
package import Platform
internal import Storage
internal import Synchronization

/// Which history is released.
package struct ReleaseRequest: Sendable {
    /// The workspaces, with all that share logs with them; empty for all.
    package var workspaces: Set<UInt16> = []
    /// Whether only is told what would be released.
    package var isDryRun = false
    /// How old history must be, in nanoseconds; nil for the retention of each workspace.
    package var age: UInt64?
    /// The earliest change that is kept, by workspace, in place of an age: for tests.
    package var firsts: [UInt16: UInt64] = [:]
    /// Whether reads that are under way are waited for. A test has none.
    package var waitsForReads = true
    /// Whether only open workspaces are looked at, slowly, and only those that have changed.
    package var isBackground = false

    package init() {}
}

package struct Releases: Sendable {
    let set: WorkspaceSet
    /// Called before each change of the store; a test ends a release here.
    private var observer: @Sendable () throws(Errno) -> Void = {}

    package init(_ set: WorkspaceSet) { self.set = set }

    /// Returns these releases with a test's observer: an error that it returns ends a release.
    package func observed(_ observer: @escaping @Sendable () -> Errno?) -> Releases {
        let check: @Sendable () throws(Errno) -> Void = { () throws(Errno) in
            if let error = observer() { throw error }
        }
        var releases = self
        releases.observer = check
        return releases
    }
}

extension Releases {
    /// Releases history.
    /// - Parameter progress: called with the number of families done and of all.
    /// - Returns: also what is wrong with single workspaces.
    package func run(
        _ request: ReleaseRequest, progress: (Int, Int) -> Void = { _, _ in }
    ) -> ReleaseReport {
        if !request.isBackground { set.releaseState.isWanted.wrappingAdd(1, ordering: .relaxed) }
        return set.releaseState.running.withLock { seen in
            if !request.isBackground {
                self.set.releaseState.isWanted.wrappingSubtract(1, ordering: .relaxed)
            }
            var report = ReleaseReport()
            let families = ReleaseFamily.records(in: self.set.store).filter { family in
                request.workspaces.isEmpty || family.contains { request.workspaces.contains($0.id) }
            }
            for (index, family) in families.enumerated() {
                progress(index, families.count)
                if request.isBackground, self.isWanted { break }
                report.parts += release(family, request, &seen)
            }
            progress(families.count, families.count)
            return report
        }
    }

    /// Ends the release in the background, and waits for it. No further one begins.
    package func stop() {
        set.releaseState.isWanted.wrappingAdd(1, ordering: .relaxed)
        set.releaseState.running.withLock { _ in }
    }

    /// An age below which reads under way may need what is older, in nanoseconds.
    private static let shortAge: UInt64 = 60_000_000_000

    /// The time between two releases in the background, in nanoseconds.
    private static let interval: Int64 = 600_000_000_000

    /// Releases history in the background, if it is time. It may take long: it is not called by a thread that
    /// others wait for.
    /// - Parameter now: monotonic time in nanoseconds.
    package func runIfDue(_ now: Int64) {
        let isDue = set.releaseState.lastRun.withLock { last in
            // Not at once after a start: that is when people wait.
            guard let known = last, now - known >= Self.interval else {
                if last == nil { last = now }
                return false
            }
            last = now
            return true
        }
        if !isDue { return }
        var request = ReleaseRequest()
        request.isBackground = true
        for part in run(request).parts where !isWanted {
            guard let fault = part.fault else { continue }
            EventLog(of: part.id, in: set.events).post(
                .notice, "its old history is not released: \(fault)")
        }
    }

    private var isWanted: Bool { self.set.releaseState.isWanted.load(ordering: .relaxed) > 0 }

    private func release(
        _ records: [WorkspaceRecord], _ request: ReleaseRequest, _ seen: inout [UInt16: ReleaseState.Seen]
    ) -> [ReleaseReport.Part] {
        if request.isBackground, records.allSatisfy({ self.set.opened($0.id) == nil }) { return [] }
        var parts = records.map { ReleaseReport.Part(id: $0.id, name: $0.isRemoved ? nil : $0.name) }
        do throws(StorageError) {
            if !request.isDryRun { try prepare(records, request) }
            let family = try ReleaseFamily(records.map { (record) throws(StorageError) in
                try member(record, request)
            })
            let now = family.members.map {
                ReleaseState.Seen(
                    last: $0.workspace?.sequence.last ?? 0,
                    horizon: HorizonRecord(first: $0.first, kept: $0.kept))
            }
            let isKnown = zip(family.members, now).allSatisfy {
                seen[$0.id] == $1 && $1.horizon.first >= $1.last
            }
            if request.isBackground, isKnown { return [] }
            var release = FamilyRelease(
                set: set, family: family, isBackground: request.isBackground, observer: observer)
            if !request.isDryRun { try release.moveHorizons(records) }
            // A horizon of some age is behind all that is under way.
            let isShort = request.waitsForReads && (request.age ?? .max) < Self.shortAge
            try release.run(isDryRun: request.isDryRun, isShort: isShort)
            parts = release.parts
            for (index, member) in family.members.enumerated() {
                do throws(StorageError) {
                    parts[index].releasedBytes += try releaseTreeLog(of: member, family, request)
                } catch {
                    // What was released of edit logs is released.
                    parts[index].fault = parts[index].fault ?? "\(error)"
                }
            }
            if !request.isDryRun, parts.allSatisfy({ $0.fault == nil }) {
                for (member, state) in zip(family.members, now) { seen[member.id] = state }
            }
        } catch {
            for index in parts.indices where parts[index].fault == nil { parts[index].fault = "\(error)" }
        }
        return parts
    }

    /// Lets files that took the names of others share what both have, and logs do without outdated records.
    /// It comes first: then their own bytes are not needed by the moment at which the horizon will be.
    private func prepare(
        _ records: [WorkspaceRecord], _ request: ReleaseRequest
    ) throws(StorageError) {
        for record in records where !record.isRemoved && record.discarded == nil {
            guard let workspace = set.opened(record.id), workspace.isLive else { continue }
            let backups = workspace.withTreeSafely { tree in
                tree.backups.values.filter { !$0.isAutomatic }.map(\.sequence)
            }
            let forks = records.compactMap(\.fork).filter { $0.workspace == record.id }
                .map(\.sequence)
            let kept = backups + forks + (record.fork.map { [$0.sequence] } ?? [])
            let least = set.limits.leastShared
            let pause: () throws(Errno) -> Void = { () throws(Errno) in
                if !request.isBackground { return }
                if isWanted { throw .interrupted }
                Clock.pause(microseconds: 200)
            }
            try ReplacedFiles(workspace: workspace, least: least, kept: kept, pause: pause).shareAll()
            try OutdatedRecords(
                workspace: workspace, least: least, page: set.limits.releasePage, pause: pause
            ).summarize()
        }
    }

    /// Gives back what a tree log has of changes before the horizon.
    /// - Returns: the bytes that were given back, or could be.
    private func releaseTreeLog(
        of member: ReleaseMember, _ family: ReleaseFamily, _ request: ReleaseRequest
    ) throws(StorageError) -> UInt64 {
        guard let workspace = member.workspace else { return 0 }
        let record = workspace.horizon.record
        let first = request.isDryRun ? member.first : record.first
        // What a fork was at its beginning is known without its tree log.
        let kept = (request.isDryRun ? member.kept : record.kept).filter { $0 > member.beginning }
        let last = min(
            first, kept.first ?? .max, family.firstFork(of: member.id)?.subtracting(clamping: 1) ?? .max)
        let observer = observer
        let release = FrontRelease(workspace, upTo: last) { () throws(StorageError) in
            do throws(Errno) {
                try observer()
                if request.isBackground, isWanted { throw .interrupted }
            } catch {
                throw .system(error, doing: "release history of", path: set.store.path)
            }
        }
        let bytes = try release.releasable()
        if request.isDryRun { return bytes }
        if bytes == 0 {
            try release.finish()
            return 0
        }
        return try release.run { (place) throws(StorageError) in
            // A fork that is made meanwhile begins with a later change.
            let result: Result<Void, StorageError> = set.opening.withLock { _ in
                // It may have been closed, and opened again, since the release began.
                guard set.opened(member.id) === workspace, workspace.isLive else { return .success(()) }
                let forks = set.store.allWorkspaces.compactMap(\.fork).filter { $0.workspace == member.id }
                if forks.contains(where: { $0.sequence <= last }) { return .success(()) }
                do throws(StorageError) {
                    return .success(try place())
                } catch {
                    return .failure(error)
                }
            }
            try result.get()
        }
    }

    // MARK: What is needed

    private func member(
        _ record: WorkspaceRecord, _ request: ReleaseRequest
    ) throws(StorageError) -> ReleaseMember {
        // It needs nothing itself.
        if record.isRemoved { return ReleaseMember(record, nil, first: .max, kept: []) }
        var workspace = set.opened(record.id)
        if record.discarded == nil, workspace == nil, !request.isBackground {
            workspace = try set.workspace(record)
        }
        guard record.discarded == nil, let workspace, workspace.isLive else {
            // As it was left: it may be opened again.
            let known = try HorizonRecord(of: record.id, on: set.store.disk)
            return ReleaseMember(record, nil, first: known.first, kept: known.kept)
        }
        guard let age = request.age ?? set.historyRetention(of: workspace) else {
            let known = workspace.horizon.record
            return ReleaseMember(record, workspace, first: known.first, kept: known.kept)
        }
        let last = workspace.sequence.last
        let time = set.clock.realtime().subtracting(clamping: Int64(clamping: age))
        var then = last
        if let wanted = request.firsts[record.id] {
            then = wanted
        } else if age > 0 {
            // The last record that is known to be that old: writes after it may be younger.
            let bound = min(try workspace.treeLog.lastSequence(at: time), last)
            then = try workspace.treeLog.lastRecord(upTo: bound)
        }
        let first = max(then, workspace.horizon.record.first)
        if !request.isDryRun { workspace.maintenance.expireBackups(olderThan: age) }
        let backups = workspace.withTreeSafely { tree in
            tree.backups.values.filter { !$0.isAutomatic || $0.time >= time }.map(\.sequence)
        }
        // Its removal compares a fork with the moment that it began with.
        let beginning = record.fork.map { [$0.moment] } ?? []
        let kept = Set(backups + beginning).filter { $0 < first }.sorted()
        return ReleaseMember(record, workspace, first: first, kept: kept)
    }
}
