// WorkspaceUsage: the space that a workspace uses in the store.

internal import Storage

/// The space that a workspace uses in the store.
package struct WorkspaceUsage: Sendable {
    package var logFiles: UInt64 = 0
    package var logBytes: UInt64 = 0
    package var databaseBytes: UInt64 = 0
}

/// The usage of a workspace at its closing, and how many of its files were its parent's when it was forked.
struct ClosedUsage: Sendable {
    var usage: UsageRecord
    var inherited: UInt64
}
