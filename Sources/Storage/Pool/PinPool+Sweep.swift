// What the pool takes, and how it is released: a sweep removes contents that no workspace has ever
// named. Who names what is in the tree logs; an edit that is under way keeps what it asked for.

internal import Platform
internal import Synchronization

/// What the pool takes.
package struct PinUsage: Equatable, Sendable {
    package var files: UInt64 = 0
    package var bytes: UInt64 = 0

    package init(files: UInt64 = 0, bytes: UInt64 = 0) {
        self.files = files
        self.bytes = bytes
    }
}

extension PinPool {
    /// One look at the pool when first asked, then what came and went.
    package var usage: PinUsage {
        let before = usageBeforeGrowth
        let growth = state.withLock { $0.growth }
        return PinUsage(files: before.files &+ growth.files, bytes: before.bytes &+ growth.bytes)
    }

    /// Bytes that the counter of the store does not know.
    package var bytesBeforeGrowth: Int64 { Int64(truncatingIfNeeded: usageBeforeGrowth.bytes) }

    private var usageBeforeGrowth: PinUsage {
        bytesBefore.withLock { known in
            if let known { return known }
            var seen = PinUsage()
            visit { path in
                guard let length = try? disk.open(path, .readOnly).length() else { return }
                seen.files += 1
                seen.bytes += length
            }
            // What was added before the look is in what was seen.
            let growth = state.withLock { $0.growth }
            seen.files &-= growth.files
            seen.bytes &-= growth.bytes
            known = seen
            return seen
        }
    }

    /// The paths of all files of the pool, below the store.
    package func visit(_ body: (String) -> Void) {
        guard disk.exists(PinIdentity.directory) else { return }
        for shard in ((try? disk.list(PinIdentity.directory)) ?? []).sorted() {
            let directory = "\(PinIdentity.directory)/\(shard)"
            for name in ((try? disk.list(directory)) ?? []).sorted() { body("\(directory)/\(name)") }
        }
    }

    package var isEmpty: Bool {
        var isEmpty = true
        visit { _ in isEmpty = false }
        return isEmpty
    }

    /// Removes what nobody names.
    /// - Parameter names: calls its argument with each content that a workspace has ever named; where
    ///   it throws, nothing is removed.
    /// - Returns: what was removed.
    package func sweep(
        names: ((PinIdentity) -> Void) throws(StorageError) -> Void
    ) throws(StorageError) -> PinUsage {
        // Before the logs are read: what is asked for from now on may be named behind their ends.
        state.withLock { $0.wanted = Set($0.pending.keys) }
        defer { state.withLock { $0.wanted = nil } }
        var found: [String] = []
        visit { found.append($0) }
        if found.isEmpty { return PinUsage() }
        var named: Set<PinIdentity> = []
        try names { named.insert($0) }
        var removed = PinUsage()
        for path in found {
            // What is no file of ours stays; one that was not finished has no name in any log.
            guard let identity = PinIdentity(path: path),
                path != identity.path || !named.contains(identity) else { continue }
            let length = (try? disk.open(path, .readOnly).length()) ?? 0
            guard remove(path, identity) else { continue }
            removed.files += 1
            removed.bytes += length
        }
        shrink(removed)
        return removed
    }

    /// Under the lock: nobody may find the content known while its file goes.
    private func remove(_ path: String, _ identity: PinIdentity) -> Bool {
        let isGone = state.withLock { state in
            guard state.wanted?.contains(identity) != true, (try? disk.remove(path)) != nil else {
                return false
            }
            if path == identity.path {
                state.known.remove(identity)
                state.durable.remove(identity)
            }
            return true
        }
        if isGone { forget(identity) }
        return isGone
    }
}
