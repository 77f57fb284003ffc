// VerifyReport: the result of a check of a store or a workspace: how much was examined, and each fault with
// advice. The number of findings is bounded.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

/// One fault or peculiarity that a check found.
package struct Finding: Sendable {
    package enum Severity: String, Sendable {
        /// Nothing needs to be done.
        case notice
        /// Not damage of the store: drift, or an interrupted write.
        case warning
        /// Bytes are not as they were written, or something is missing.
        case error
    }
    package var severity: Severity
    /// The path of the file below the store.
    package var file: String
    /// The path below the workspace's root, if it is known.
    package var path: [UInt8]?
    /// The range of bytes in `file`.
    package var range: Range<UInt64>?
    package var what: String
    package var advice: String
    package var isRepaired = false

    package init(
        _ severity: Severity, _ file: String, path: [UInt8]? = nil, range: Range<UInt64>? = nil,
        _ what: String, advice: String = ""
    ) {
        self.severity = severity
        self.file = file
        self.path = path
        self.range = range
        self.what = what
        self.advice = advice
    }

    /// The finding as one line of text.
    package var sentence: String {
        let place = range.map { ", bytes \($0.lowerBound) to \($0.upperBound)" } ?? ""
        return "\(file)\(place): \(what)" + (advice.isEmpty ? "" : "; \(advice)")
            + (isRepaired ? " (repaired)" : "")
    }
}

/// A value of a report, to be rendered by the caller.
package enum ReportValue: Sendable {
    case number(UInt64)
    case time(Int64)
    case flag(Bool)
    case text(String)
    /// A path, which may contain any bytes.
    case path([UInt8])
    case list([[(key: String, value: ReportValue)]])
}

package struct VerifyReport: Sendable {
    /// The time in nanoseconds since 1970.
    package var started: Int64
    package var ended: Int64 = 0
    package var bytesChecked: UInt64 = 0
    package var recordsChecked = 0
    package var files = 0
    package var findings: [Finding] = []
    /// The number of findings beyond the bound.
    package var unlisted = 0
    /// The number of findings of severity error, listed or not, and how many of them were repaired.
    package var errors = 0
    package var repaired = 0
    package var wasCancelled = false

    package init(started: Int64) { self.started = started }

    package static let maximumFindings = 500

    /// Whether there is no damage; there may be notices and warnings.
    package var isClean: Bool { errors == 0 && !wasCancelled }

    mutating func add(_ finding: Finding) {
        if finding.severity == .error {
            errors += 1
            if finding.isRepaired { repaired += 1 }
        }
        if findings.count < Self.maximumFindings {
            findings.append(finding)
        } else {
            unlisted += 1
        }
    }
}

// MARK: Rendering

extension VerifyReport {
    package var pairs: [(key: String, value: ReportValue)] {
        [
            ("started", .time(started)), ("ended", .time(ended)),
            ("clean", .flag(isClean)), ("cancelled", .flag(wasCancelled)),
            ("bytes", .number(bytesChecked)), ("records", .number(UInt64(recordsChecked))),
            ("files", .number(UInt64(files))), ("errors", .number(UInt64(errors))),
            ("repaired", .number(UInt64(repaired))),
            ("findings", .list(findings.map(\.pairs))), ("unlisted", .number(UInt64(unlisted))),
        ]
    }
}

extension Finding {
    package var pairs: [(key: String, value: ReportValue)] {
        var pairs: [(key: String, value: ReportValue)] = [
            ("severity", .text(severity.rawValue)), ("file", .text(file)),
        ]
        if let path { pairs.append(("path", .path(path))) }
        if let range {
            pairs.append(("from", .number(range.lowerBound)))
            pairs.append(("to", .number(range.upperBound)))
        }
        pairs.append(("what", .text(what)))
        if !advice.isEmpty { pairs.append(("advice", .text(advice))) }
        if isRepaired { pairs.append(("repaired", .flag(true))) }
        return pairs
    }
}

/// Collects a report while a check runs, and stops the check on request.
final class CheckLog {
    private(set) var report: VerifyReport
    private var total: UInt64 = 0
    private let progress: (UInt64, UInt64) -> Bool

    /// - Parameter progress: gets the bytes done and the bytes in all; returns false to stop.
    init(started: Int64, progress: @escaping (UInt64, UInt64) -> Bool) {
        report = VerifyReport(started: started)
        self.progress = progress
    }

    func add(_ finding: Finding) { report.add(finding) }
    func expect(_ bytes: UInt64) { total += bytes }
    func countFile() { report.files += 1 }
    func countRecord() { report.recordsChecked += 1 }

    /// Counts bytes as checked.
    /// - Throws: EINTR if the check is to stop.
    func advance(_ bytes: UInt64) throws(StorageError) {
        report.bytesChecked += bytes
        if !report.wasCancelled, !progress(report.bytesChecked, max(total, report.bytesChecked)) {
            report.wasCancelled = true
        }
        if report.wasCancelled { throw .system(.interrupted, doing: "continue", path: "the check") }
    }

    func finish(_ now: Int64) -> VerifyReport {
        report.ended = now
        return report
    }
}
