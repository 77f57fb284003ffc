// CommitText: the texts of `commit`, `merge` and `refresh`: the report of the last one, or of the last
// search for conflicts.

package import Past
internal import Platform

package enum CommitText {
    /// Returns {"commit","time","dry_run","changes","conflicts","decided"}, then a line for each path: what
    /// was committed, or would be, as {"path","status","old_path"?}; conflicts as
    /// {"path","conflict","content"}; what --ours or --theirs decided as {"path","decided"}.
    /// - Parameter time: nanoseconds since 1970.
    package static func report(_ report: CommitReport, isDryRun: Bool, time: Int64) -> [UInt8] {
        let first: [(String, JSONText.Value)] = [("commit", report.number.map { .unsigned($0) } ?? .null)]
        return text(first, report.changes, report.conflicts, report.decided, isDryRun: isDryRun, time: time)
    }

    /// Returns {"from","to","time","dry_run","changes","conflicts","decided"}, then lines as in `report`; the
    /// changes are those that the workspace keeps.
    /// - Parameter time: nanoseconds since 1970.
    package static func report(_ report: RefreshReport, isDryRun: Bool, time: Int64) -> [UInt8] {
        let first: [(String, JSONText.Value)] = [
            ("from", .unsigned(report.from)), ("to", .unsigned(report.to)),
        ]
        return text(first, report.changes, report.conflicts, report.decided, isDryRun: isDryRun, time: time)
    }

    /// Returns {"into","sequence","ancestor","ancestor_of","time","dry_run","changes","conflicts","decided"},
    /// then lines as in `report`. The ancestor is the last change that both have in common, of the source or
    /// of the target; null for the base.
    /// - Parameter time: nanoseconds since 1970.
    package static func report(_ report: MergeReport, isDryRun: Bool, time: Int64) -> [UInt8] {
        let first: [(String, JSONText.Value)] = [
            ("into", .bytes(report.target.bytes)), ("sequence", .unsigned(report.sequence)),
            ("ancestor", report.ancestor.map { .unsigned($0) } ?? .null),
            (
                "ancestor_of",
                .text(report.ancestor == nil ? "base" : report.isAncestorOfTarget ? "target" : "source")
            ),
        ]
        return text(first, report.changes, report.conflicts, report.decided, isDryRun: isDryRun, time: time)
    }

    private static func text(
        _ first: [(String, JSONText.Value)], _ changes: [Difference], _ conflicts: [CommitConflict],
        _ decided: [CommitConflict], isDryRun: Bool, time: Int64
    ) -> [UInt8] {
        let pairs: [(String, JSONText.Value)] = [
            ("time", .text(ISOTime.text(time))), ("dry_run", .boolean(isDryRun)),
            ("changes", .unsigned(UInt64(changes.count))),
            ("conflicts", .unsigned(UInt64(conflicts.count))),
            ("decided", .unsigned(UInt64(decided.count))),
        ]
        return JSONText.line(.object(first + pairs)) + lines(conflicts, decided, changes)
    }

    private static func lines(
        _ conflicts: [CommitConflict], _ decided: [CommitConflict], _ changes: [Difference]
    ) -> [UInt8] {
        var text = ChangeTexts.lines(conflicts) { conflict in
            [
                ("path", .bytes(conflict.path)), ("conflict", .text(conflict.reason)),
                ("content", .boolean(conflict.isContent)),
                ("seen", conflict.seen.map { .unsigned($0) } ?? .null),
            ]
        }
        text += ChangeTexts.lines(decided) { conflict in
            [("path", .bytes(conflict.path)), ("decided", .text(conflict.reason))]
        }
        text += ChangeTexts.lines(changes) { change in
            var pairs: [(String, JSONText.Value)] = [
                ("path", .bytes(change.path)), ("status", .text(change.status.rawValue)),
            ]
            if let old = change.oldPath { pairs.append(("old_path", .bytes(old))) }
            return pairs
        }
        return text
    }
}
