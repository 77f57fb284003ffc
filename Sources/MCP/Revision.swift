// Revision: the revisions of MCP that the server supports, and the features of each. The older four begin
// with `initialize`; in 2026-07-28 each request carries its revision in `_meta`.

package enum Revision: String, CaseIterable, Comparable, Sendable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// Compares revisions; their dates sort as text.
    package static func < (first: Revision, second: Revision) -> Bool {
        first.rawValue < second.rawValue
    }

    /// The revision that `initialize` returns for an unknown one.
    static let newestWithHandshake = november2025

    /// Returns the revision with which `initialize` is answered.
    static func negotiated(_ asked: String) -> Revision {
        guard let revision = Revision(rawValue: asked), !revision.isStateless else {
            return newestWithHandshake
        }
        return revision
    }

    /// The versions, newest first: clients take the first one that they know.
    static let supportedVersions = JSON.list(
        allCases.reversed().map { .text($0.rawValue) })

    /// Whether there is no handshake, and results state their type.
    var isStateless: Bool { self >= .july2026 }

    /// Whether one line may hold an array of messages.
    var hasBatches: Bool { self == .march2025 }

    /// Whether tools have hints, results may have sound, and progress may have a text.
    var hasAnnotations: Bool { self >= .march2025 }
    var hasAudio: Bool { self >= .march2025 }
    var hasProgressText: Bool { self >= .march2025 }

    var hasStructuredContent: Bool { self >= .june2025 }
    var hasTitles: Bool { self >= .june2025 }

    /// Whether a structured result may be any value; in older revisions it is an object.
    var takesAnyStructuredContent: Bool { self >= .july2026 }

    /// Whether the requests of a session exist, in any of its revisions.
    var hasPing: Bool { !isStateless }
    var hasLogLevelRequest: Bool { !isStateless }
}

/// The severities of syslog (RFC 5424), least first.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, notice, warning, error, critical, alert, emergency

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (first: LogLevel, second: LogLevel) -> Bool { first.rank < second.rank }
}
