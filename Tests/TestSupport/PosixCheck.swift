// PosixCheck: one named rule of POSIX or Linux that holds in any directory. The same table runs on a
// plain directory (the control group, which validates the checks) and on a mount.

import Glibc

/// The directory of one check.
package struct PosixPlace: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

package struct PosixCheck: Sendable, CustomStringConvertible {
    /// What a check requires of the host.
    package enum Need: Sendable {
        case nothing
        /// The rights of root: other users, device nodes, trusted attributes.
        case root
        /// The rights of root, and a file system below that supports ACLs.
        case acls
    }

    package let description: String
    package let need: Need
    /// Fills the directory in the base before it is mounted. Without it the check starts with an empty
    /// directory.
    private let prepare: @Sendable (PosixPlace) throws -> Void
    private let body: @Sendable (PosixPlace) throws -> Void

    init(
        _ description: String, needs need: Need = .nothing,
        prepare: @escaping @Sendable (PosixPlace) throws -> Void = { _ in },
        body: @escaping @Sendable (PosixPlace) throws -> Void
    ) {
        self.description = description
        self.need = need
        self.prepare = prepare
        self.body = body
    }

    /// Makes the directory that the check expects in the base.
    package func prepare(base: String) throws {
        try makeDirectory("\(base)/place", mode: 0o777)
        chmod("\(base)/place", 0o777)
        try prepare(PosixPlace("\(base)/place"))
    }

    /// Runs the check in a directory that shows the prepared base. Returns the failure, nil if there is
    /// none.
    package func run(in root: String) -> String? {
        do {
            try body(PosixPlace("\(root)/place"))
            return nil
        } catch {
            return "\(description): \(error)"
        }
    }

    /// All checks.
    package static let all: [PosixCheck] =
        nameChecks + listingChecks + linkChecks + renameChecks + dataChecks + rangeChecks
        + attributeChecks + ownerChecks + accessControlChecks + sharingChecks

    package static func all(needing need: Need) -> [PosixCheck] { all.filter { $0.need == need } }
}

/// The ID of a user without rights.
let otherUser: UInt32 = 1_000

/// Runs a shell script as another user without supplementary groups.
@discardableResult
func asOther(_ script: String, in place: PosixPlace) throws -> ChildResult {
    try ChildProcess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "sh", "-c", script],
        seconds: 30, directory: place.path)
}
