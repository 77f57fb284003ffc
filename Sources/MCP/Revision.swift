// Revision: the revisions of MCP that the server speaks, and what each of them has. The older four
// begin with `initialize`; in 2026-07-28 each request carries its revision in `_meta`.

package enum Revision: String, CaseIterable, Comparable, Sendable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// Their dates sort as text.
    package static func < (first: Revision, second: Revision) -> Bool {
        first.rawValue < second.rawValue
    }

    /// What `initialize` is answered if it asks for a revision that is not known here.
    static let newestWithHandshake = november2025

    /// What `initialize` is answered.
    static func negotiated(_ asked: String) -> Revision {
        guard let revision = Revision(rawValue: asked), !revision.isStateless else {
            return newestWithHandshake
        }
        return revision
    }

    /// Newest first: clients take the first that they know.
    static let supportedVersions = JSON.list(
        allCases.reversed().map { .text($0.rawValue) })

    /// No handshake, and results say what they are.
    var isStateless: Bool { self >= .july2026 }

    /// One line may hold an array of messages.
    var hasBatches: Bool { self == .march2025 }

    /// Tools have hints, results may have sound, progress may have a text.
    var hasAnnotations: Bool { self >= .march2025 }
    var hasAudio: Bool { self >= .march2025 }
    var hasProgressText: Bool { self >= .march2025 }

    var hasStructuredContent: Bool { self >= .june2025 }
    var hasTitles: Bool { self >= .june2025 }

    /// Before, a structured result was an object.
    var takesAnyStructuredContent: Bool { self >= .july2026 }

    /// The requests of a session, in any of its revisions.
    var hasPing: Bool { !isStateless }
    var hasLogLevelRequest: Bool { !isStateless }
}

/// Severities of syslog (RFC 5424), least first.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, notice, warning, error, critical, alert, emergency

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (first: LogLevel, second: LogLevel) -> Bool { first.rank < second.rank }
}
