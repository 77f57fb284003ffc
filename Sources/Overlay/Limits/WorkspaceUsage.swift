// WorkspaceUsage: the space that a workspace uses in the store.

/// The space that a workspace uses in the store.
package struct WorkspaceUsage: Sendable {
    package var logFiles: UInt64 = 0
    package var logBytes: UInt64 = 0
    package var databaseBytes: UInt64 = 0
}
