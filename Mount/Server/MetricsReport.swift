// The metrics of `.draft/metrics`, and the parts of status about limits and memory.

internal import Control
internal import Fuse
internal import Overlay
internal import Platform
internal import Storage

extension StatusReport {
    /// Returns the text of the control file `metrics`.
    /// - Parameter workspace: 0 for all open workspaces. A workspace does not see other workspaces.
    package func metrics(workspace: UInt16) -> [UInt8] {
        let process = ProcessFacts()
        var sample = MetricsSample()
        sample.version = version
        sample.uptimeSeconds = uptimeSeconds
        sample.requests = operationCounts
        sample.events = Event.Severity.allCases.map { ($0.rawValue, set.events.count(of: $0)) }
        let records = set.records
        sample.knownWorkspaces = records.count
        for record in records where workspace == 0 || record.id == workspace {
            guard let open = set.opened(record.id) else { continue }
            sample.workspaces.append(Self.sample(of: open, named: "\(record.name)"))
        }
        sample.memoryBudget = set.memory.bytes
        sample.residentBytes = process.residentBytes
        sample.databaseMemory = SQLiteConnection.memoryBytes
        sample.descriptors = process.descriptors
        return MetricsText.render(sample)
    }

    private static func sample(of workspace: Workspace, named name: String) -> MetricsSample.Workspace {
        let numbers = workspace.accounts.statistics
        let limits = workspace.accounts.operatorLimits
        var sample = MetricsSample.Workspace(name: name, id: workspace.id)
        sample.usedBytes = workspace.quota.usedBytes
        sample.files = workspace.quota.usedFiles
        sample.bytesLimit = limits[.bytes]
        sample.filesLimit = limits[.files]
        sample.sequence = numbers.sequence
        sample.cachedInodes = numbers.cachedInodes
        sample.kernelInodes = numbers.kernelInodes
        sample.touchedFiles = numbers.touchedInodes
        sample.pendingKeys = numbers.dirtyKeys
        sample.driftedReads = workspace.baseFiles.driftedReads
        sample.checkpointFailures = numbers.checkpointFailures
        sample.memory = workspace.maintenance.memoryParts
        return sample
    }

    // MARK: Status

    /// Returns the limits of a workspace and the usage that counts against them.
    func limitFacts(of workspace: Workspace) -> [(String, JSONText.Value)] {
        [
            ("used_bytes", .unsigned(workspace.quota.usedBytes)),
            ("files", .unsigned(workspace.quota.usedFiles)),
            ("limits", .object(Self.limits(workspace.accounts.operatorLimits, OperatorLimits.Key.allCases))),
            ("drifted_reads", .integer(Int64(workspace.baseFiles.driftedReads))),
            ("drifted_files", .list(
                workspace.baseFiles.driftedReadPaths(atMost: 20).map {
                    .text(String(decoding: $0, as: UTF8.self))
                })),
        ]
    }

    /// Returns the limits of the store.
    func storeFacts() -> [(String, JSONText.Value)] {
        [("limits", .object(Self.limits(set.operatorLimits, WorkspaceSet.storeKeys)))]
    }

    /// Returns the limits in force. Values are bytes, numbers of files, and nanoseconds.
    private static func limits(
        _ limits: OperatorLimits, _ keys: [OperatorLimits.Key]
    ) -> [(String, JSONText.Value)] {
        keys.compactMap { key in
            limits[key].map {
                (name(key), .unsigned($0))
            }
        }
    }

    private static func name(_ key: OperatorLimits.Key) -> String {
        switch key {
        case .fileSize: "file_size"
        case .largeFile: "large_file"
        default: "\(key)"
        }
    }

    func memoryFacts() -> [(String, JSONText.Value)] {
        let parts = set.memoryParts
        return [
            ("memory_budget_bytes", .integer(Int64(set.memory.bytes))),
            ("memory_known_bytes", .integer(Int64(parts.total))),
            ("memory_parts", .object(parts.named.map { ($0, .integer(Int64($1))) })),
        ]
    }
}
