// CommitPlan: what a commit will do to the base, before it does anything.

internal import Overlay
internal import Platform
internal import Storage

/// A path at which the base was changed by others since the workspace saw it.
package struct CommitConflict: Equatable, Sendable {
    package var path: [UInt8]
    /// One clause for people.
    package var reason: String
    /// Whether the conflict is about the content of a regular file on both sides, which may be merged.
    package var isContent = false
    /// The last commit by which the workspace itself has put something at the path, of those that its base
    /// does not show.
    package var seen: UInt64?
}

/// Something that is made in the stage.
struct StagedItem: Sendable {
    enum Source: Sendable {
        case node(ViewNode)
        /// Another name of what was made at this path of the stage.
        case link([UInt8])
    }

    /// The path below the stage.
    var path: [UInt8]
    var source: Source
}

struct CommitPlan: Sendable {
    /// In the order in which they are made: a directory before what it contains.
    var staged: [StagedItem] = []
    var steps: [CommitStep] = []
    /// What the base had, by path.
    var rows: [[UInt8]: EpochRow] = [:]
    /// What the base had, by inode.
    var inodes: [UInt64: EpochRow] = [:]
    var committed: [[UInt8]: CommittedVersion] = [:]
    /// Files of the base to be copied into the store before anything is changed, as it lies elsewhere.
    var copies: [(path: [UInt8], id: UInt64)] = []
    /// Directories of the base whose names change.
    var directories: Set<[UInt8]> = []
}
