// TopSample: the data of `draftfs top`, read from status files at one moment, and the table that is
// made from two samples.

import Platform

struct TopSample {
    struct Row {
        var name: String
        var sequence: UInt64
        var logBytes: UInt64
        var cacheBytes: UInt64
        var lastEvent: String
    }

    /// CLOCK_MONOTONIC in nanoseconds.
    var time: Int64
    var rows: [Row] = []
    /// The number of workspaces that are not open. Their figures are not read, because that would
    /// open them.
    var closed = 0
    var requests: UInt64 = 0
    var residentBytes: UInt64 = 0
    var eventCount: UInt64 = 0

    /// Reads a sample of the list of workspaces or of one workspace.
    static func read(_ place: Place) throws(Failure) -> TopSample {
        var sample = TopSample(time: Clock.system.monotonic())
        guard let status = JSONValue(parsing: try place.bytes("status")) else {
            throw Failure("the status of \(place.root) cannot be read")
        }
        let events = (try? place.objects("events"))?.map(\.value) ?? status["events"]?.items ?? []
        sample.requests = (status["requests"]?.members ?? []).reduce(0) {
            $0 &+ ($1.value.unsigned ?? 0)
        }
        sample.residentBytes = status["resident_bytes"]?.unsigned ?? 0
        sample.eventCount = status["event_count"]?.unsigned ?? 0
        if status["workspace"] != nil { sample.rows = [row(status, events)] }
        for listed in status["workspaces"]?.items ?? [] {
            guard listed["open"]?.boolean == true, let name = listed["name"]?.text,
                let inner = try? Place(directory: "\(place.root)/\(name)"),
                let status = (try? inner.bytes("status")).flatMap({ JSONValue(parsing: $0) })
            else {
                sample.closed += 1
                continue
            }
            sample.rows.append(row(status, events))
        }
        return sample
    }

    private static func row(_ status: JSONValue, _ events: [JSONValue]) -> Row {
        let name = status["workspace"]?.text ?? ""
        let last = events.last { event in
            event["workspace"]?.text == name
                || event["message"]?.text?.hasPrefix("workspace \(name) ") == true
        }
        return Row(
            name: name, sequence: status["sequence"]?.unsigned ?? 0,
            logBytes: (status["log_bytes"]?.unsigned ?? 0)
                &+ (status["tree_log_bytes"]?.unsigned ?? 0),
            cacheBytes: status["cache_bytes"]?.unsigned ?? 0,
            lastEvent: last?["message"]?.text ?? "")
    }

    /// Returns the rate per second of a counter, or 0 if the counter has restarted.
    static func rate(_ now: UInt64, _ before: UInt64?, nanoseconds: Int64) -> Double {
        guard let before, now >= before, nanoseconds > 0 else { return 0 }
        return Double(now - before) * 1e9 / Double(nanoseconds)
    }

    /// Returns the workspaces, with the highest rate of changes first.
    func ranked(since earlier: TopSample) -> [(row: Row, rate: Double)] {
        let elapsed = time - earlier.time
        let before = Dictionary(
            earlier.rows.map { ($0.name, $0.sequence) }, uniquingKeysWith: { first, _ in first })
        return rows.map { row in
            (row, Self.rate(row.sequence, before[row.name], nanoseconds: elapsed))
        }.sorted { ($1.rate, $0.row.name) < ($0.rate, $1.row.name) }
    }

    func requestRate(since earlier: TopSample) -> Double {
        Self.rate(requests, earlier.requests, nanoseconds: time - earlier.time)
    }

    func table(since earlier: TopSample) -> String {
        let head = "\(rows.count) open, \(closed) closed   "
            + "\(Text.decimal(requestRate(since: earlier))) requests/s   "
            + "\(Text.size(residentBytes)) resident   \(eventCount) events\n\n"
        let lines = ranked(since: earlier).map { row, rate in
            [
                Text.printable(row.name), Text.decimal(rate), Text.size(row.logBytes),
                Text.size(row.cacheBytes), Text.printable(row.lastEvent),
            ]
        }
        return head + Text.table(
            [["WORKSPACE", "CHANGES/S", "LOGS", "MEMORY", "LAST EVENT"]] + lines, right: [1, 2, 3])
    }

    func json(since earlier: TopSample) -> [JSONValue] {
        ranked(since: earlier).map { row, rate in
            .members([
                "workspace": .text(row.name), "sequence": .integer(row.sequence),
                "changes_per_second": .number(Text.decimal(rate)),
                "log_bytes": .integer(row.logBytes), "memory_bytes": .integer(row.cacheBytes),
                "mount_requests_per_second": .number(Text.decimal(requestRate(since: earlier))),
                "last_event": row.lastEvent.isEmpty ? nil : .text(row.lastEvent),
            ])
        }
    }
}
