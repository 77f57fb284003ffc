// MetricsText: renders metrics as OpenMetrics text that Prometheus's own parsers and `promtool check
// metrics` accept: HELP and TYPE for each metric, counters that end in _total, bytes and seconds as
// units, `# EOF` at the end.

internal import Overlay

/// The values of all metrics at one moment.
struct MetricsSample: Sendable {
    struct Workspace: Sendable {
        var name: String
        var id: UInt16
        var usedBytes: UInt64 = 0
        var files: UInt64 = 0
        /// nil if there is no limit.
        var bytesLimit: UInt64?
        var filesLimit: UInt64?
        var sequence: UInt64 = 0
        var cachedInodes = 0
        var kernelInodes = 0
        var touchedFiles = 0
        var pendingKeys = 0
        var driftedReads = 0
        var checkpointFailures: UInt64 = 0
        var memory = MemoryParts()
    }

    var version = ""
    var uptimeSeconds: Int64 = 0
    var requests: [(name: String, count: UInt64)] = []
    var events: [(severity: String, count: Int)] = []
    var knownWorkspaces = 0
    var workspaces: [Workspace] = []
    var memoryBudget = 0
    var residentBytes: UInt64 = 0
    var databaseMemory = 0
    var descriptors = 0
}

enum MetricsText {
    private enum Kind: String { case counter, gauge }

    private struct Series {
        var labels: [(String, String)]
        var value: String
    }

    static func render(_ sample: MetricsSample) -> [UInt8] {
        var text = ""
        process(sample, &text)
        for metric in perWorkspace {
            let series = sample.workspaces.compactMap { workspace in
                metric.value(workspace).map {
                    Series(labels: labels(of: workspace), value: $0)
                }
            }
            write(metric.name, metric.kind, metric.help, series, to: &text)
        }
        memory(sample, &text)
        text += "# EOF\n"
        return Array(text.utf8)
    }

    private static func process(_ sample: MetricsSample, _ text: inout String) {
        func one(_ name: String, _ help: String, _ value: String) {
            write(name, .gauge, help, [Series(labels: [], value: value)], to: &text)
        }
        write(
            "draftfs_build_info", .gauge, "The version that runs; always 1.",
            [Series(labels: [("version", sample.version)], value: "1")], to: &text)
        one("draftfs_uptime_seconds", "Seconds since the mount.", "\(sample.uptimeSeconds)")
        write(
            "draftfs_fuse_requests_total", .counter, "Messages from the kernel, by kind.",
            sample.requests.map { Series(labels: [("opcode", $0.name)], value: "\($0.count)") },
            to: &text)
        write(
            "draftfs_events_total", .counter, "Events, by severity.",
            sample.events.map { Series(labels: [("severity", $0.severity)], value: "\($0.count)") },
            to: &text)
        one("draftfs_workspaces", "Workspaces of the store.", "\(sample.knownWorkspaces)")
        one("draftfs_open_descriptors", "Descriptors of the daemon.", "\(sample.descriptors)")
        one(
            "draftfs_resident_memory_bytes", "Memory of the daemon in RAM.",
            "\(sample.residentBytes)")
        one(
            "draftfs_memory_budget_bytes", "Memory that the daemon may take.",
            "\(sample.memoryBudget)")
    }

    // MARK: Workspaces

    private struct Metric: Sendable {
        var name: String
        var kind: Kind
        var help: String
        var value: @Sendable (MetricsSample.Workspace) -> String?

        init(
            _ name: String, _ kind: Kind, _ help: String,
            _ value: @escaping @Sendable (MetricsSample.Workspace) -> String?
        ) {
            self.name = "draftfs_workspace_\(name)"
            self.kind = kind
            self.help = help
            self.value = value
        }
    }

    private static let perWorkspace: [Metric] = [
        Metric("used_bytes", .gauge, "Bytes of the edit logs and the tree log.") { "\($0.usedBytes)" },
        Metric("limit_bytes", .gauge, "Limit of these bytes, where one is set.") {
            $0.bytesLimit.map { "\($0)" }
        },
        Metric("files", .gauge, "Files and directories that the workspace keeps.") { "\($0.files)" },
        Metric("limit_files", .gauge, "Limit of these files, where one is set.") {
            $0.filesLimit.map { "\($0)" }
        },
        Metric("changes_total", .counter, "Changes since the workspace was made.") {
            "\($0.sequence)"
        },
        Metric("cached_inodes", .gauge, "Inodes in memory.") { "\($0.cachedInodes)" },
        Metric("kernel_inodes", .gauge, "Inodes that the kernel holds.") { "\($0.kernelInodes)" },
        Metric("touched_base_files", .gauge, "Base files and directories that were changed.") {
            "\($0.touchedFiles)"
        },
        Metric("drifted_reads", .gauge, "Files of which a read found a changed base.") {
            "\($0.driftedReads)"
        },
        Metric("pending_checkpoint_keys", .gauge, "Changes that the next checkpoint writes.") {
            "\($0.pendingKeys)"
        },
        Metric("checkpoint_failures_total", .counter, "Checkpoints that could not be written.") {
            "\($0.checkpointFailures)"
        },
    ]

    private static func labels(of workspace: MetricsSample.Workspace) -> [(String, String)] {
        // Names are bytes: two may look alike as text, so the id is a label too.
        [("workspace", workspace.name), ("id", "\(workspace.id)")]
    }

    private static func memory(_ sample: MetricsSample, _ text: inout String) {
        var series: [Series] = []
        for workspace in sample.workspaces {
            for (part, bytes) in workspace.memory.named where part != "database" {
                series.append(
                    Series(
                        labels: labels(of: workspace) + [("part", part)], value: "\(bytes)"))
            }
        }
        write(
            "draftfs_workspace_memory_bytes", .gauge, "Memory of a workspace, by purpose.",
            series, to: &text)
        write(
            "draftfs_database_memory_bytes", .gauge, "Memory of SQLite, of all workspaces.",
            [Series(labels: [], value: "\(sample.databaseMemory)")], to: &text)
    }

    // MARK: Text

    /// Writes one metric. Writes nothing if it has no values.
    private static func write(
        _ name: String, _ kind: Kind, _ help: String, _ series: [Series], to text: inout String
    ) {
        if series.isEmpty { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for one in series {
            text += name
            if !one.labels.isEmpty {
                let labels = one.labels.map { "\($0.0)=\"\(escaped($0.1))\"" }
                text += "{" + labels.joined(separator: ",") + "}"
            }
            text += " \(one.value)\n"
        }
    }

    /// Escapes the value of a label: only backslash, quote and line end may be escaped.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension MemoryParts {
    /// The parts with their names in status and metrics.
    var named: [(String, Int)] {
        [
            ("inodes", inodes), ("caches", caches), ("listings", listings), ("pending", pending),
            ("numbers", numbers), ("database", database),
        ]
    }
}
