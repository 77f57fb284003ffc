// WorkspaceTexts: the texts of `list` and `discard` as JSON lines, one for each workspace.

package import Overlay
internal import Platform
package import Storage

package enum WorkspaceTexts {
    /// Returns {"name","id","created","parent","moment","behind","open","files","bytes","last_change","run"}
    /// of each workspace, in the order of their making. `parent` is the name of the workspace that it was
    /// forked from, and `moment` the last change that it has of that; both are null for one that began with
    /// the base. `behind` is the number of commits to the base that it does not see. `behind`, `files`,
    /// `bytes` and `last_change` are null for a workspace that is not open and was not closed cleanly, `run`
    /// if no command was run.
    package static func list(_ set: WorkspaceSet) -> [UInt8] {
        let names = Dictionary(
            set.store.allWorkspaces.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        return ChangeTexts.lines(set.records) { record in
            let usage = set.usage(of: record.id)
            return identity(record)
                + [
                    (
                        "parent",
                        record.fork.flatMap { names[$0.workspace] }.map { .bytes($0.bytes) } ?? .null
                    ),
                    ("moment", record.fork.map { .unsigned($0.moment) } ?? .null),
                    ("behind", behind(record.id, usage, set.epochs)),
                ] + [("open", .boolean(set.opened(record.id) != nil))]
                + Self.usage(usage)
                + [("run", Runs.last(in: record.id, of: set).map { .object(result($0)) } ?? .null)]
        }
    }

    /// Returns {"status","ended","milliseconds","sequence","command","output"} of the last command, or
    /// nothing.
    package static func run(_ record: RunRecord?) -> [UInt8] {
        guard let record else { return [] }
        return JSONText.line(.object(result(record) + [("output", .bytes(record.output))]))
    }

    private static func result(_ record: RunRecord) -> [(String, JSONText.Value)] {
        [
            ("status", .integer(Int64(record.status))), ("ended", .text(ISOTime.text(record.ended))),
            ("milliseconds", .integer(record.nanoseconds / 1_000_000)),
            ("sequence", .unsigned(record.sequence)), ("command", .bytes(record.command)),
        ]
    }

    /// Returns {"name","id","created","discarded","until","files","bytes","last_change"} of each discarded
    /// workspace, the last discarded first. `until` is null if it is kept until it is removed by hand.
    package static func discarded(_ set: WorkspaceSet) -> [UInt8] {
        let retention = set.discards.retention
        return ChangeTexts.lines(set.discards.records) { record in
            let discarded = record.discarded ?? 0
            let until = retention.map { discarded.adding(clamping: Int64(clamping: $0)) }
            return identity(record) + [
                ("discarded", .text(ISOTime.text(discarded))),
                ("until", until.map { .text(ISOTime.text($0)) } ?? .null),
            ] + usage(set.usage(of: record.id))
        }
    }

    private static func identity(_ record: WorkspaceRecord) -> [(String, JSONText.Value)] {
        [
            ("name", .bytes(record.name.bytes)), ("id", .unsigned(UInt64(record.id))),
            ("created", .text(ISOTime.text(record.created))),
        ]
    }

    private static func behind(_ id: UInt16, _ usage: UsageRecord?, _ epochs: Epochs) -> JSONText.Value {
        guard let epoch = usage?.epoch else { return epochs.newestDone == 0 ? .unsigned(0) : .null }
        return .unsigned(UInt64(epochs.after(epoch).count { !$0.isApplying && $0.origin.workspace != id }))
    }

    private static func usage(_ usage: UsageRecord?) -> [(String, JSONText.Value)] {
        [
            ("files", usage.map { .unsigned($0.files) } ?? .null),
            ("bytes", usage.map { .unsigned($0.bytes) } ?? .null),
            ("last_change", usage?.lastChange.map { .text(ISOTime.text($0)) } ?? .null),
        ]
    }
}
