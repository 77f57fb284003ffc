// ToolError: the reason why a tool did nothing, as one sentence and a word that programs can compare.

package import Platform

/// A failed tool call. Nothing has changed, unless the sentence says so.
package struct ToolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of a failure; the words are stable and shown to programs.
    package enum Kind: String, Sendable {
        /// The arguments are wrong, whatever the files contain.
        case usage
        /// The path is outside of the roots, or in a read-only root.
        case denied
        case missing
        case exists
        case wrongType = "wrong_type"
        /// The file is not in the state that the caller expects.
        case stale
        /// The text to replace is not in the file.
        case noMatch = "no_match"
        /// The text to replace is in the file several times.
        case ambiguous
        /// The bytes are not text in the requested encoding.
        case encoding
        /// Something is too large or too long, or there are too many.
        case bounds
        case cancelled
        /// The command that checks a change has failed, and the change was undone.
        case checkFailed = "check_failed"
        /// The ground cannot do this: it is no draftfs workspace.
        case unsupported
        /// Another error of the system.
        case system
    }

    package let kind: Kind
    /// What failed, on which file, and what to do.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// Makes an error from the errno of an operation on a path.
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
