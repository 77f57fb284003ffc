// PosixCheck: one named rule of POSIX or Linux that holds in any directory. The same table runs on
// a plain directory (the control group, which checks the checks) and on a mount.

import Glibc

/// The directory that one check has for itself.
package struct PosixPlace: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

package struct PosixCheck: Sendable, CustomStringConvertible {
    /// What a check needs of the host.
    package enum Need: Sendable {
        case nothing
        /// The rights of root: other users, device nodes, trusted attributes.
        case root
        /// These, and a file system below that keeps ACLs.
        case acls
    }

    package let description: String
    package let need: Need
    /// Fills the base's directory before it is mounted; without one the check starts from nothing.
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

    /// Puts into the base what the check expects to find there.
    package func prepare(base: String) throws {
        try makeDirectory("\(base)/place", mode: 0o777)
        chmod("\(base)/place", 0o777)
        try prepare(PosixPlace("\(base)/place"))
    }

    /// Runs the check in a directory that shows the prepared base; answers what failed.
    package func run(in root: String) -> String? {
        do {
            try body(PosixPlace("\(root)/place"))
            return nil
        } catch {
            return "\(description): \(error)"
        }
    }

    /// The whole table.
    package static let all: [PosixCheck] =
        nameChecks + listingChecks + linkChecks + renameChecks + dataChecks + rangeChecks
        + attributeChecks + ownerChecks + accessControlChecks + sharingChecks

    package static func all(needing need: Need) -> [PosixCheck] { all.filter { $0.need == need } }
}

/// The user that stands for anybody without rights.
let otherUser: UInt32 = 1_000

/// Runs a shell script as another user, in the given groups.
@discardableResult
func asOther(_ script: String, in place: PosixPlace) throws -> ChildResult {
    try ChildProcess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "sh", "-c", script],
        seconds: 30, directory: place.path)
}
