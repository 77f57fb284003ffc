// PinPool+Sweep: the space that the pool uses, and its release. A sweep removes contents that no
// workspace has ever referred to. The tree logs hold these references. A running edit protects the
// contents that it claimed.

internal import Platform
internal import Synchronization

/// The space that the pool uses.
package struct PinUsage: Equatable, Sendable {
    package var files: UInt64 = 0
    package var bytes: UInt64 = 0

    package init(files: UInt64 = 0, bytes: UInt64 = 0) {
        self.files = files
        self.bytes = bytes
    }
}

extension PinPool {
    /// The size of the pool at the first call, plus the changes since then.
    package var usage: PinUsage {
        let before = usageBeforeGrowth
        let growth = state.withLock { $0.growth }
        return PinUsage(files: before.files &+ growth.files, bytes: before.bytes &+ growth.bytes)
    }

    /// The bytes of the pool that the counter of the store does not include.
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
            // Files added before this scan are included in it, so they are subtracted here.
            let growth = state.withLock { $0.growth }
            seen.files &-= growth.files
            seen.bytes &-= growth.bytes
            known = seen
            return seen
        }
    }

    /// Visits the paths of all files of the pool, relative to the store.
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

    /// Removes contents that are not in use.
    /// - Parameter names: Calls its argument with each content that a workspace has ever referred to.
    ///   If it throws, nothing is removed.
    /// - Returns: The removed space.
    package func sweep(
        names: ((PinIdentity) -> Void) throws(StorageError) -> Void
    ) throws(StorageError) -> PinUsage {
        // Set before the logs are read: a content claimed from now on may be recorded after the part
        // that is read.
        state.withLock { $0.wanted = Set($0.pending.keys) }
        defer { state.withLock { $0.wanted = nil } }
        var found: [String] = []
        visit { found.append($0) }
        if found.isEmpty { return PinUsage() }
        var named: Set<PinIdentity> = []
        try names { named.insert($0) }
        var removed = PinUsage()
        for path in found {
            // Other files stay. An unfinished file of the pool is not referred to by any log.
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

    /// Removes a file under the lock: no other thread may find the content known while its file is
    /// removed.
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
