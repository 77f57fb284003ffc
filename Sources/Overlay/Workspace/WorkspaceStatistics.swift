// WorkspaceStatistics: the numbers that the status shows for a workspace.

package import Platform
package import Storage
internal import Synchronization

package struct WorkspaceStatistics: Sendable {
    /// Inodes in memory, and how many of them the kernel refers to.
    package var cachedInodes = 0
    package var kernelInodes = 0
    /// Files with an edit log in memory.
    package var openLogs = 0
    /// Bytes of piece trees and directory indexes, as counted at the last sweep.
    package var cachedBytes = 0
    /// Changed keys that the next checkpoint will write.
    package var dirtyKeys = 0
    /// The last sequence number, which is the number of changes the workspace has seen.
    package var sequence: UInt64 = 0
    /// When a process changed something last, in nanoseconds since 1970; nil if that is not known.
    package var lastChange: Int64?
    package var treeLogBytes: UInt64 = 0
    /// Base files and directories that were touched.
    package var touchedInodes = 0
    /// Numbers of base inodes that are kept in memory only.
    package var passingAliases = 0
    package var checkpointFailed = false
    /// Failures since the workspace was opened.
    package var checkpointFailures: UInt64 = 0
}

extension WorkspaceAccounts {
    package var statistics: WorkspaceStatistics {
        var statistics = workspace.withTreeSafely { tree in
            var result = WorkspaceStatistics()
            result.cachedInodes = tree.inodes.count
            for inode in tree.inodes.values where inode.lookups > 0 { result.kernelInodes += 1 }
            result.openLogs = tree.openLogs.count
            result.cachedBytes = tree.inodes.cachedBytes
            result.dirtyKeys = tree.pending.count
            result.lastChange = tree.lastChange
            result.touchedInodes = tree.identity.touched.count
            result.passingAliases = tree.identity.passingAliases.count
            return result
        }
        statistics.sequence = workspace.sequence.last
        statistics.treeLogBytes = workspace.treeLog.byteCount
        statistics.checkpointFailed = workspace.checkpointFailed.load(ordering: .relaxed)
        statistics.checkpointFailures = workspace.checkpointFailures.load(ordering: .relaxed)
        return statistics
    }

    /// The inodes that the kernel refers to.
    package var kernelInodes: [InodeNumber] {
        workspace.withTreeSafely { tree in tree.inodes.values.filter { $0.lookups > 0 }.map(\.number) }
    }

    /// The space that the workspace takes in the store: the first query lists its directories, later ones
    /// add the growth since.
    package var usage: WorkspaceUsage {
        let growth = workspace.logs.counter(workspace.id).growth
        var usage = usageBeforeGrowth(growth)
        usage.logFiles = usage.logFiles.adding(clamping: growth.files)
            .subtracting(clamping: growth.releasedFiles)
        usage.logBytes = usage.logBytes.adding(clamping: growth.bytes)
            .subtracting(clamping: growth.releasedBytes)
        if let file = try? workspace.disk.open(
            "\(LogDirectory.workspacePath(workspace.id))/tree.db", .readOnly) {
            usage.databaseBytes = (try? file.length()) ?? 0
        }
        return usage
    }

    func usageBeforeGrowth(_ growth: LogGrowth) -> WorkspaceUsage {
        workspace.usageAtFirstLook.withLock { known in
            if let known { return known }
            var seen = scanUsage()
            // The growth before the scan is included in the scan, and what was released is not.
            seen.logFiles = seen.logFiles.adding(clamping: growth.releasedFiles)
                .subtracting(clamping: growth.files)
            seen.logBytes = seen.logBytes.adding(clamping: growth.releasedBytes)
                .subtracting(clamping: growth.bytes)
            known = seen
            return seen
        }
    }

    private func scanUsage() -> WorkspaceUsage {
        var usage = WorkspaceUsage()
        var released: UInt64 = 0
        let directory = "\(LogDirectory.workspacePath(workspace.id))/logs"
        for shard in (try? workspace.disk.list(directory)) ?? [] {
            for name in (try? workspace.disk.list("\(directory)/\(shard)")) ?? [] {
                let path = "\(directory)/\(shard)/\(name)"
                guard let length = try? workspace.disk.open(path, .readOnly).length() else { continue }
                if name.hasSuffix(".log") {
                    usage.logFiles += 1
                    usage.logBytes += length
                } else if name.hasSuffix(".released"), let low = UInt64(name.dropLast(9), radix: 16) {
                    released += ReleasedRanges(
                        log: UInt64(workspace.id) << 48 | low, on: workspace.disk).doneBytes
                }
            }
        }
        usage.logBytes = usage.logBytes.subtracting(clamping: released)
        return usage
    }

    /// Returns names that the kernel can forget, so that the number of inodes in memory stays bounded. They
    /// were not used lately.
    package func pruneCandidates(
        above limit: Int, atMost count: Int
    ) -> [(parent: InodeNumber, name: FileName)] {
        workspace.withTreeSafely { tree in
            guard tree.inodes.count > limit else { return [] }
            let floor = tree.inodes.tick - min(tree.inodes.tick, UInt64(limit / 2))
            var found: [(parent: InodeNumber, name: FileName)] = []
            for inode in tree.inodes.values
            where inode.lookups > 0 && inode.lastUse < floor
                && !tree.openLogs.hasWriters(inode.number) {
                guard let name = inode.name, inode.parent != 0, !inode.isDirectory else { continue }
                found.append((inode.parent, name))
                if found.count >= count { break }
            }
            return found
        }
    }
}
