// ReleaseText: the text of `gc`: the report of the last release of history.

package import Past
internal import Platform

package enum ReleaseText {
    /// Returns {"time","dry_run","released_bytes","removed_logs"}, then a line for each workspace:
    /// {"workspace","earliest","present_bytes","history_bytes","released_bytes","removed_logs","problem"}.
    /// The name is null for a removed workspace that is kept for its forks.
    /// - Parameter time: nanoseconds since 1970.
    package static func report(_ report: ReleaseReport, isDryRun: Bool, time: Int64) -> [UInt8] {
        let text = JSONText.line(
            .object([
                ("time", .text(ISOTime.text(time))), ("dry_run", .boolean(isDryRun)),
                ("released_bytes", .unsigned(report.releasedBytes)),
                ("removed_logs", .unsigned(report.removedLogs)),
            ]))
        return text + ChangeTexts.lines(report.parts) { part in
            [
                ("workspace", part.name.map { .bytes($0.bytes) } ?? .null),
                ("earliest", .unsigned(part.first)),
                ("present_bytes", .unsigned(part.presentBytes)),
                ("history_bytes", .unsigned(part.historyBytes)),
                ("released_bytes", .unsigned(part.releasedBytes)),
                ("removed_logs", .unsigned(part.removedLogs)),
                ("problem", part.fault.map { .text($0) } ?? .null),
            ]
        }
    }
}
