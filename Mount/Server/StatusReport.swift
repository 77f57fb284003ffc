// StatusReport: the text of `.draft/status`, one JSON object with the current state.

internal import Control
internal import Fuse
package import Overlay
internal import Past
internal import Platform
internal import Storage
internal import Synchronization

package final class StatusReport: Sendable {
    let set: WorkspaceSet
    private let mountPoint: String
    let version: String
    private let started = Clock.system.monotonic()
    private struct Connected {
        var session: Session?
        var control: ControlDirectory?
    }

    private let connected = Mutex(Connected())

    package init(_ set: WorkspaceSet, mountPoint: String, version: String) {
        self.set = set
        self.mountPoint = mountPoint
        self.version = version
    }

    /// Sets the session and the control directory, which are made after the report; nil at the end.
    func connect(_ session: Session?, _ control: ControlDirectory?) {
        connected.withLock { $0 = Connected(session: session, control: control) }
    }

    /// Returns the status as JSON.
    /// - Parameter workspace: 0 for the whole store.
    func render(workspace: UInt16) -> [UInt8] {
        let process = ProcessFacts()
        var pairs: [(String, JSONText.Value)] = [
            ("version", .text(version)),
            ("daemon_pid", .integer(Int64(process.pid))),
            ("uptime_seconds", .integer(uptimeSeconds)),
            ("mount_point", .text(mountPoint)),
            ("base", .text(set.base.path)),
            ("base_sealed_read_only", .boolean(set.base.isSealed)),
            ("base_watched", .boolean(set.base.isWatched)),
            ("store", .text(set.store.path)),
        ]
        if let open = set.opened(workspace),
            let record = set.records.first(where: { $0.id == workspace }) {
            pairs.append(("workspace", .text("\(record.name)")))
            pairs += facts(of: open, record)
        } else {
            let workspaces = set.records.map { record in
                JSONText.Value.object([
                    ("name", .text("\(record.name)")), ("id", .unsigned(UInt64(record.id))),
                    ("open", .boolean(set.opened(record.id) != nil)),
                ])
            }
            pairs.append(("workspaces", .list(workspaces)))
            pairs.append(("discarded_workspaces", .integer(Int64(set.discards.records.count))))
            pairs += storeFacts()
        }
        let pool = set.store.logs.pool.usage
        pairs += [
            ("pool_files", .unsigned(pool.files)), ("pool_bytes", .unsigned(pool.bytes)),
        ]
        pairs += memoryFacts()
        pairs += [
            ("resident_bytes", .unsigned(process.residentBytes)),
            ("peak_resident_bytes", .unsigned(process.peakResidentBytes)),
            ("database_memory_bytes", .integer(Int64(SQLiteConnection.memoryBytes))),
            ("open_descriptors", .integer(Int64(process.descriptors))),
            ("open_base_descriptors", .integer(Int64(set.base.openCount))),
            ("open_log_descriptors", .integer(Int64(set.store.logs.openCount))),
            ("view_nodes", .integer(Int64(connected.withLock { $0.control }?.nodeCount ?? 0))),
            ("requests", .object(requests)),
            ("event_count", .integer(Int64(set.events.count))),
            ("events", .list(events(of: workspace))),
        ]
        return JSONText.render(.object(pairs))
    }

    private func facts(
        of workspace: Workspace, _ record: WorkspaceRecord
    ) -> [(String, JSONText.Value)] {
        let numbers = workspace.accounts.statistics
        let usage = workspace.accounts.usage
        let backups = workspace.moments.backups
        var pairs: [(String, JSONText.Value)] = [
            ("workspace_id", .unsigned(UInt64(record.id))),
            ("sequence", .unsigned(numbers.sequence)),
            ("last_change", numbers.lastChange.map { .text(ISOTime.text($0)) } ?? .null),
            ("log_files", .unsigned(usage.logFiles)),
            ("log_bytes", .unsigned(usage.logBytes)),
            ("tree_log_bytes", .unsigned(numbers.treeLogBytes)),
            ("released", released(by: workspace)),
            ("database_bytes", .unsigned(usage.databaseBytes)),
            ("touched_base_files", .integer(Int64(numbers.touchedInodes))),
            ("cached_inodes", .integer(Int64(numbers.cachedInodes))),
            ("kernel_inodes", .integer(Int64(numbers.kernelInodes))),
            ("cached_logs", .integer(Int64(numbers.openLogs))),
            ("cache_bytes", .integer(Int64(numbers.cachedBytes))),
            ("pending_checkpoint_keys", .integer(Int64(numbers.dirtyKeys))),
            ("checkpoint_failed", .boolean(numbers.checkpointFailed)),
            ("backup_count", .integer(Int64(backups.count))),
        ]
        if let last = backups.last {
            let facts: [(String, JSONText.Value)] = [
                ("name", .bytes(last.name.bytes)), ("sequence", .unsigned(last.sequence)),
                ("time", .text(ISOTime.text(last.time))),
                ("automatic", .boolean(last.isAutomatic)),
            ]
            pairs.append(("last_backup", .object(facts)))
        }
        return pairs + limitFacts(of: workspace)
    }

    /// What the last release of history found; null before the first one.
    private func released(by workspace: Workspace) -> JSONText.Value {
        let horizon = workspace.horizon.record
        if horizon.time == 0 { return .null }
        return .object([
            ("time", .text(ISOTime.text(horizon.time))), ("earliest", .unsigned(horizon.first)),
            ("present_bytes", .unsigned(horizon.presentBytes)),
            ("history_bytes", .unsigned(horizon.historyBytes)),
            ("released_bytes", .unsigned(horizon.releasedBytes)),
        ])
    }

    var uptimeSeconds: Int64 { (Clock.system.monotonic() - started) / 1_000_000_000 }

    /// The number of requests of each kind, by the kernel's names.
    var operationCounts: [(name: String, count: UInt64)] {
        connected.withLock { $0.session }?.operationCounts ?? []
    }

    private var requests: [(String, JSONText.Value)] {
        operationCounts.map { ($0.name, .unsigned($0.count)) }
    }

    private func events(of workspace: UInt16) -> [JSONText.Value] {
        let events =
            workspace == 0 ? set.events.events : set.events.events(concerning: workspace)
        return events.map {
            .object([
                ("time", .text(ISOTime.text($0.time))),
                ("severity", .text($0.severity.rawValue)), ("message", .text($0.message)),
            ])
        }
    }
}
