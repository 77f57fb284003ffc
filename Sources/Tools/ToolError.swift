// ToolError: why a tool did nothing, as one sentence and a word that programs can compare.

package import Platform

/// A tool call that failed. Nothing has changed, unless the sentence says so.
package struct ToolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is; stable words, shown to programs.
    package enum Kind: String, Sendable {
        /// The arguments are wrong, whatever the files hold.
        case usage
        /// The path is outside of what may be touched, or in a root that is read-only.
        case denied
        case missing
        case exists
        case wrongType = "wrong_type"
        /// The file is not what the caller believes it is.
        case stale
        /// What is to be replaced is not there.
        case noMatch = "no_match"
        /// What is to be replaced is there several times.
        case ambiguous
        /// The bytes are not text in the encoding that is asked for.
        case encoding
        /// Too large, too long, too many.
        case bounds
        case cancelled
        /// The command that was to check a change has failed, and the change was taken back.
        case checkFailed = "check_failed"
        /// The ground cannot do this: it is no draftfs workspace.
        case unsupported
        /// The system's answer.
        case system
    }

    package let kind: Kind
    /// What failed, on what, what to do.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The system's answer to an operation on a path.
    package init(_ errno: Errno, _ doing: String, _ path: some StringProtocol) {
        let kind: Kind =
            switch errno {
            case .noEntry, .notDirectory: .missing
            case .exists, .notEmpty: .exists
            case .accessDenied, .notPermitted, .readOnly: .denied
            case .isDirectory: .wrongType
            case .fileTooBig, .noSpace, .quota: .bounds
            case .stale: .stale
            default: .system
            }
        self.init(kind, "cannot \(doing) \(path): \(errno)")
    }
}
