// LogAncestor: a workspace that another one was forked from. The fork reads the logs of its ancestors up to
// the change at which it was forked. It appends to its own logs only.

internal import Platform
internal import Synchronization

/// An ancestor of a fork.
package struct LogAncestor: Equatable, Sendable {
    package var workspace: UInt16
    /// The last change of the ancestor that the fork has. Each ancestor goes on with greater numbers, and so
    /// does the fork.
    package var last: UInt64
    /// When the fork was made, in nanoseconds since 1970.
    package var time: Int64
    /// The last inode number that the ancestor had given out by then. It gives out later ones to files of its
    /// own, and the fork to others.
    package var lastNumber: UInt64

    package init(workspace: UInt16, last: UInt64, time: Int64, lastNumber: UInt64 = .max) {
        self.workspace = workspace
        self.last = last
        self.time = time
        self.lastNumber = lastNumber
    }

    /// Whether a file of the fork can have been one of the ancestor.
    func mayHave(_ id: InodeNumber) -> Bool {
        let givenOut: UInt64 = 1 << 47
        return id & givenOut == 0 || id.local & ~givenOut <= lastNumber
    }
}

/// The ancestors of the workspaces that are open, and the tree logs of ancestors that were read lately.
struct LogAncestry: Sendable {
    /// The nearest ancestor first.
    var ancestors: [UInt16: [LogAncestor]] = [:]
    var treeLogs = LRUCache<UInt16, any CachedTreeLog>(capacity: 8)
    /// How often what is known of a tree log was forgotten: what was read before that is not kept.
    var forgotten: UInt64 = 0
}

/// What is kept of the tree log of an ancestor.
protocol CachedTreeLog: Sendable {}

extension LogDirectory {
    /// Returns the ancestors of a workspace, the nearest first.
    package func ancestors(of workspace: UInt16) -> [LogAncestor] {
        ancestry.withLock { $0.ancestors[workspace] ?? [] }
    }

    /// Notes the ancestors of a workspace, before any of its logs is opened.
    package func setAncestors(_ ancestors: [LogAncestor], of workspace: UInt16) {
        ancestry.withLock { $0.ancestors[workspace] = ancestors.isEmpty ? nil : ancestors }
    }

    /// Forgets where the tree log of a workspace begins.
    func forgetTreeLog(of workspace: UInt16) {
        _ = ancestry.withLock { known in
            known.forgotten &+= 1
            return known.treeLogs.removeValue(for: workspace)
        }
    }

    static func treeLogPath(_ workspace: UInt16) -> String { "\(workspacePath(workspace))/tree.log" }

    /// Forgets what is known of the ancestors of a removed workspace, and of it as an ancestor.
    func forgetAncestry(of workspace: UInt16) {
        ancestry.withLock { known in
            known.ancestors[workspace] = nil
            _ = known.treeLogs.removeValue(for: workspace)
        }
    }
}
