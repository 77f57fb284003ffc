// BaseTree: the base as one workspace sees it. Commits of workspaces change the base; a workspace that was
// made before goes on seeing what was there, by the tables of these commits. Without later commits, every
// call goes to the base as it is now. A path tells which state of the base it is of, see EpochPath.
//
// A commit becomes visible to all views before it changes anything. A call that began before that looks at
// the base once more. While a commit is under way, its steps and the calls of views exclude each other.

package import Platform
internal import Synchronization

package final class BaseTree: Sendable {
    package let host: HostBase
    private let epochs: Epochs?
    /// The commits that the workspace began with: those up to this number. Plain paths are of that state.
    package let first: UInt64
    /// The commits that the workspace knows now.
    private let known: Atomic<UInt64>

    /// Opens the base.
    /// - Throws: The error of opening `path`. ENOTDIR if it is not a directory.
    package convenience init(
        _ path: String, limits: Limits = Limits(), probe: BaseProbe = BaseProbe()
    ) throws(Errno) {
        self.init(try HostBase(path, limits: limits, probe: probe))
    }

    /// - Parameter epochs: nil shows the base as it is now, always.
    package init(_ host: HostBase, epochs: Epochs? = nil, epoch: UInt64 = 0) {
        self.host = host
        self.epochs = epochs
        first = epoch
        known = Atomic(epoch)
    }

    package var epoch: UInt64 { known.load(ordering: .acquiring) }

    /// The path of the root in the state that the workspace sees.
    package var top: [UInt8] { epoch == first ? [] : EpochPath.root(epoch) }

    /// Notes the path of the root in the state that the workspace sees from now on.
    func show(_ top: [UInt8]) { known.store(EpochPath.epoch(top) ?? first, ordering: .releasing) }

    /// The number of commits that the workspace does not know.
    package var hiddenCommits: UInt64 { epochs.map { $0.newest - min($0.newest, epoch) } ?? 0 }

    /// The last commit that is done; nil if this base has none.
    package var newest: UInt64? { epochs?.newestDone }

    package var path: String { host.path }
    package var isSealed: Bool { host.isSealed }
    package var openCount: Int { host.openCount }

    /// The device of the root. Inode numbers depend on it.
    package var rootDevice: UInt64 { host.rootStatus.device }

    /// The root of the base that the workspace began with.
    package var rootStatus: FileStatus {
        // It cannot be asked for only if the file system of the base fails.
        (try? status(BasePlace(path: []))) ?? host.rootStatus
    }

    // MARK: Looking

    /// Runs `body` with a look at the state of a place, and the plain place in it.
    private func looking<R: Sendable>(
        _ place: BasePlace, _ body: (BaseLook, BasePlace) throws(Errno) -> R
    ) throws(Errno) -> R {
        let plain = place.plain
        return try looking(after: EpochPath.epoch(place.top) ?? first) { (look) throws(Errno) in
            try body(look, plain)
        }
    }

    /// Runs `body` with the commits after `epoch`, so that none begins or takes a step meanwhile.
    private func looking<R: Sendable>(
        after epoch: UInt64, _ body: (BaseLook) throws(Errno) -> R
    ) throws(Errno) -> R {
        guard let epochs else { return try body(BaseLook(host: host, hidden: [])) }
        while true {
            let newest = epochs.newest
            let hidden = newest > epoch ? epochs.after(epoch) : []
            let look = BaseLook(host: host, hidden: hidden)
            let result: Result<R, Errno>
            if let last = hidden.last, last.isApplying {
                result = last.stepping.withLock { _ -> Result<R, Errno> in Self.result(look, body) }
            } else {
                result = Self.result(look, body)
            }
            // A commit that began meanwhile may have changed what was looked at.
            if epochs.newest == newest { return try result.get() }
        }
    }

    private static func result<R: Sendable>(
        _ look: BaseLook, _ body: (BaseLook) throws(Errno) -> R
    ) -> Result<R, Errno> {
        do throws(Errno) {
            return .success(try body(look))
        } catch {
            return .failure(error)
        }
    }

    package func status(_ place: BasePlace) throws(Errno) -> FileStatus {
        try looking(place) { (look, place) throws(Errno) in try look.status(place) }
    }

    /// Returns the status of an open file of the base.
    package func status(of file: File, at place: BasePlace) throws(Errno) -> FileStatus {
        try looking(place) { (look, place) throws(Errno) in try look.status(of: file, at: place) }
    }

    /// Returns the status of a file, to be recorded as its identity.
    package func settledStatus(_ place: BasePlace) throws(Errno) -> FileStatus {
        try host.settled { () throws(Errno) in try status(place) }
    }

    package func settledStatus(of file: File, at place: BasePlace) throws(Errno) -> FileStatus {
        try host.settled { () throws(Errno) in try status(of: file, at: place) }
    }

    /// Returns the status of `name` in `directory`, or nil if it does not exist.
    package func status(
        ifPresent name: [UInt8], in directory: [UInt8]
    ) throws(Errno) -> FileStatus? {
        try looking(BasePlace(directory: directory, name: name)) { (look, place) throws(Errno) in
            do throws(Errno) {
                return try look.status(place)
            } catch {
                if error == .noEntry || error == .notDirectory { return nil }
                throw error
            }
        }
    }

    /// Returns every name in the directory at `path`, or nothing if it does not exist.
    package func list(_ path: [UInt8]) throws(Errno) -> [HostEntry] {
        try looking(BasePlace(path: path)) { (look, place) throws(Errno) in try look.list(place.path) }
    }

    /// Returns a descriptor of the regular file at `place`, for reading.
    package func file(_ place: BasePlace) throws(Errno) -> File {
        try looking(place) { (look, place) throws(Errno) in try look.file(place) }
    }

    /// Reads from the file at a place. A commit that replaces its content meanwhile does no harm.
    /// - Returns: The number of bytes read. It is less than the buffer's only at the end of the file.
    package func read(
        _ place: BasePlace, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        try looking(place) { (look, place) throws(Errno) in
            try look.file(place).read(into: buffer, at: offset)
        }
    }

    package func symlinkTarget(_ place: BasePlace) throws(Errno) -> [UInt8] {
        try looking(place) { (look, place) throws(Errno) in try look.symlinkTarget(place) }
    }

    package func xattr(_ name: [UInt8], of place: BasePlace) throws(Errno) -> [UInt8] {
        try looking(place) { (look, place) throws(Errno) in try look.xattr(name, of: place) }
    }

    package func xattrNames(of place: BasePlace) throws(Errno) -> [[UInt8]] {
        try looking(place) { (look, place) throws(Errno) in try look.xattrNames(of: place) }
    }

    // MARK: Commits

    /// Returns where a path of this base is in the base of now.
    /// - Returns: nil if it is not there any more.
    package func pathNow(_ path: [UInt8]) throws(Errno) -> [UInt8]? {
        try looking(BasePlace(path: path)) { (look, place) throws(Errno) in try look.pathNow(place.path) }
    }

    /// Whether paths that the workspace sees lead elsewhere in the base of now, so that a changed path there
    /// tells little.
    package var hasMovedPaths: Bool {
        hiddenCommits > 0 && (epochs?.after(epoch).contains { $0.hasMoves } ?? false)
    }

    /// Returns where a name of the base right after a commit is in the base of now, whatever it leads to.
    package func nameNow(_ path: [UInt8], after commit: UInt64) throws(Errno) -> [UInt8] {
        try looking(after: commit) { (look) throws(Errno) in try look.nameNow(path) }
    }

    /// Returns where a path of an earlier state of the base is in the one that the workspace sees.
    /// - Returns: nil if it is not there any more.
    package func pathSeen(_ path: [UInt8]) throws(Errno) -> [UInt8]? {
        try self.path(of: path, in: epoch).map { EpochPath.below(top, $0) }
    }

    /// Returns where a path of an earlier state of the base is after a commit, as a plain path.
    /// - Returns: nil if it is not there any more.
    package func path(of path: [UInt8], in epoch: UInt64) throws(Errno) -> [UInt8]? {
        let from = EpochPath.epoch(path) ?? first
        let plain = EpochPath.plain(path)
        // The way back is not in the tables: a name that stayed is the same.
        if from >= epoch { return plain }
        return try looking(after: from) { (look) throws(Errno) in
            try BaseLook(host: host, hidden: look.hidden.filter { $0.number <= epoch }).pathNow(plain)
        }
    }

    /// Returns whether a hidden commit, after the last one in `own`, changed a path.
    /// - Parameters:
    ///   - own: the numbers of commits whose changes do not count.
    ///   - below: whether a change below a directory is one of the directory.
    package func isChanged(
        _ path: [UInt8], own: Set<UInt64>, below: Bool = true
    ) throws(Errno) -> Bool {
        try looking(BasePlace(path: path)) { (look, place) throws(Errno) in
            try look.isChanged(place.path, own, below: below)
        }
    }

    /// Returns what the last commit that the workspace knows has left at a path; nil if none since its
    /// beginning has changed it.
    package func lastCommitted(at path: [UInt8]) throws(Errno) -> CommittedVersion? {
        let plain = EpochPath.plain(path)
        for table in (epochs?.after(first) ?? []).reversed() where table.number <= epoch {
            if let found = try table.committed(at: plain) { return found }
        }
        return nil
    }

    /// The hidden commits, the oldest first.
    package var commits: [EpochTable] { epochs?.after(epoch) ?? [] }

    package func dataRanges(of file: File, size: UInt64, atMost limit: Int) -> [Range<UInt64>] {
        host.dataRanges(of: file, size: size, atMost: limit)
    }

    // MARK: Descriptors and the watch

    package func observe(_ body: (@Sendable (File, [UInt8]) -> Void)?) { host.observe(body) }

    /// Whether changes of the base by other processes are reported.
    package var isWatched: Bool { host.isWatched }

    /// Closes all cached descriptors.
    package func forgetAll() { host.forgetAll() }

    /// Closes the cached descriptors of `place`, which has or may have changed.
    package func forget(_ place: BasePlace) {
        guard let epochs, epochs.newest > EpochPath.epoch(place.top) ?? first else {
            return host.forget(place.plain)
        }
        // If it cannot be found, all are closed.
        guard let now = try? pathNow(place.path) else { return host.forgetAll() }
        host.forget(BasePlace(path: now))
    }
}
