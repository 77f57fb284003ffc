// StateTexts: the texts of `drift`, `events`, `progress`, `limits`, and of the files that only take
// commands.

package import Check
package import Overlay

/// A file whose base file was changed behind the mount.
package struct DriftLine: Equatable, Sendable {
    /// Relative to the workspace's root.
    package var path: [UInt8]
    package var reason: String
    /// Whether the store has the base's content as it was.
    package var isKept: Bool
    /// Identifies the current base file. Nil if there is none.
    package var version: String?

    package init(path: [UInt8], reason: String, isKept: Bool, version: String?) {
        self.path = path
        self.reason = reason
        self.isKept = isKept
        self.version = version
    }
}

/// The fields of an event that `events` shows.
package struct EventLine: Sendable {
    /// Nanoseconds since 1970.
    package var time: Int64
    package var severity: Event.Severity
    /// The name of the workspace. Nil if the event concerns the store.
    package var workspace: String?
    package var message: String

    package init(time: Int64, severity: Event.Severity, workspace: String?, message: String) {
        self.time = time
        self.severity = severity
        self.workspace = workspace
        self.message = message
    }
}

package enum StateTexts {
    /// Returns the report of a finished check: {"state":"done",…}
    package static func verification(_ report: VerifyReport) -> [UInt8] {
        let pairs = report.pairs.map { ($0.key, value($0.value)) }
        return JSONText.render(.object([("state", .text("done"))] + pairs))
    }

    private static func value(_ value: ReportValue) -> JSONText.Value {
        switch value {
        case .number(let number): .unsigned(number)
        case .time(let time): .text(ISOTime.text(time))
        case .flag(let flag): .boolean(flag)
        case .text(let text): .text(text)
        case .path(let path): .bytes(path)
        case .list(let items):
            .list(items.map { .object($0.map { ($0.key, Self.value($0.value)) }) })
        }
    }

    /// Returns {"path","reason","kept","base"}.
    package static func drift(_ files: [DriftLine]) -> [UInt8] {
        ChangeTexts.lines(files) { file in
            [
                ("path", .bytes(file.path)), ("reason", .text(file.reason)),
                ("kept", .boolean(file.isKept)),
                ("base", file.version.map { .text($0) } ?? .null),
            ]
        }
    }

    /// Returns {"time","severity","workspace"?,"message"}.
    package static func events(_ events: [EventLine]) -> [UInt8] {
        ChangeTexts.lines(events) { event in
            var pairs: [(String, JSONText.Value)] = [
                ("time", .text(ISOTime.text(event.time))),
                ("severity", .text(event.severity.rawValue)),
            ]
            if let workspace = event.workspace { pairs.append(("workspace", .text(workspace))) }
            pairs.append(("message", .text(event.message)))
            return pairs
        }
    }

    /// Returns {"id","verb","workspace","done","total","unit","rate","eta_seconds"}; total and
    /// eta_seconds are null while they are not known.
    package static func progress(_ jobs: [JobReport]) -> [UInt8] {
        ChangeTexts.lines(jobs) { job in
            [
                ("id", .unsigned(job.id)), ("verb", .text(job.verb)),
                ("workspace", .text(job.workspace)), ("done", .unsigned(job.done)),
                ("total", job.total > 0 ? .unsigned(job.total) : .null),
                ("unit", .text(job.unit)), ("rate", .unsigned(job.rate)),
                ("eta_seconds", job.remainingSeconds.map { .unsigned($0) } ?? .null),
            ]
        }
    }

    /// Returns lines of KEY VALUE in the form that can be written. Keys without a value are `none`.
    /// - Parameter keys: The keys that can be set.
    package static func limits(
        _ values: [LimitKey: UInt64], of keys: [LimitKey] = LimitKey.allCases
    ) -> [UInt8] {
        var text = ""
        for key in keys {
            text += "\(key.rawValue) \(values[key].map { limit($0, key.unit) } ?? "none")\n"
        }
        return Array(text.utf8)
    }

    private static func limit(_ value: UInt64, _ unit: LimitKey.Unit) -> String {
        switch unit {
        case .size: Amounts.sizeText(value)
        case .count: "\(value)"
        case .age: Amounts.ageText(Int64(clamping: value))
        }
    }

    /// Returns the usage text for a reader of a file that only takes commands.
    package static func usage(_ file: CommandFile) -> [UInt8] { Array((file.usage + "\n").utf8) }
}
