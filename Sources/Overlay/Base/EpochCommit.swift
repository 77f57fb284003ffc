// EpochCommit: how far a commit to the base is, and whose changes it has.

extension EpochTable {
    package enum State: Int64, Sendable {
        case planned = 0
        case underWay = 1
        case done = 2
    }

    /// Whose changes they are.
    package struct Commit: Sendable {
        package var workspace: UInt16 = 0
        /// The last change of the workspace that the commit contains.
        package var sequence: UInt64 = 0
        /// In nanoseconds since 1970.
        package var time: Int64 = 0

        package init(workspace: UInt16 = 0, sequence: UInt64 = 0, time: Int64 = 0) {
            self.workspace = workspace
            self.sequence = sequence
            self.time = time
        }
    }
}
