// DriftedFiles: finds base files that changed after a workspace built on them. It compares the status of
// each touched file, and it remembers the files whose drift a read has met.

package import Platform
package import Storage
internal import Synchronization

/// A file whose base content is not what it was when it was touched. Reads of that content answer EIO,
/// unless the pool has kept it.
package struct DriftedFile: Equatable, Sendable {
    /// The path below the workspace's root, or below the base's root if the file no longer has a name here.
    package var path: [UInt8]
    /// One clause for people.
    package var reason: String
    /// Whether the pool has the former content of the base file: reads go on, and nothing is lost.
    package var isKept = false
    /// The version of the present base file. Nil if there is none.
    package var version: String?
}

extension FileStatus {
    /// A text that identifies the file and its content as long as the file does not change.
    package var version: String { "\(inode)-\(size)-\(modificationTime)-\(changeTime)" }
}

extension Origin {
    /// Returns what differs, or nil if this is still the recorded file.
    /// - Parameter status: Nil if there is no file.
    func drift(to status: FileStatus?) -> String? {
        guard let status else { return "the base file is gone" }
        if fits(status) { return nil }
        if FileType(mode: mode) != status.type { return "the base has a \(status.type) in its place" }
        if inode != status.inode { return "the base file was replaced by another one" }
        if size != status.size { return "its size was \(size) bytes and is \(status.size)" }
        if modificationTime != status.modificationTime { return "the base file was modified" }
        // chmod, chown and link cause this, but so does a tool that writes and then restores the mtime.
        return "its mode, owner or links were changed, and perhaps its content"
    }
}

extension Origin {
    /// Returns whether the content is the same by the criteria of git(1).
    package func isUnmodified(_ status: FileStatus) -> Bool {
        inode == status.inode && size == status.size
            && modificationTime == status.modificationTime
    }
}

extension WorkspaceBaseFiles {
    /// The number of touched files that are examined under one lock.
    private static let batch = 64

    /// Returns all files that have drifted, and whose content depends on the base or can be merged with it.
    /// - Parameter progress: Called with the number of touched files examined so far and their total. If it
    ///   returns false, the walk ends.
    package func driftedFiles(
        progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
    ) throws(CommandError) -> [DriftedFile] {
        let numbers = workspace.withTreeSafely { $0.identity.touched.all.sorted() }
        var found: [DriftedFile] = []
        var done = 0
        while done < numbers.count {
            let part = numbers[done..<min(done + Self.batch, numbers.count)]
            let met = workspace.driftMet.withLock { $0 }
            let candidates = workspace.withTreeSafely { tree in
                part.compactMap { number in
                    tree.baseFiles.driftCandidate(number, isMet: met.contains(number)).map { (number, $0) }
                }
            }
            for (number, origin) in candidates {
                guard let (reason, status) = drift(of: origin) else {
                    _ = workspace.driftMet.withLock { $0.remove(number) }
                    continue
                }
                // It has no edits: the next look-up makes it show the present base file.
                let isFollowing = workspace.withTreeSafely { tree in
                    (try? tree.baseFiles.newGround(tree.inode(number))).flatMap { $0 } != nil
                }
                if isFollowing { continue }
                // A rewritten or merged file whose former base content is kept can be merged again.
                guard met.contains(number) || dependsOnBase(number) || hasPin(origin) else {
                    continue
                }
                let hint = EpochPath.plain(origin.path)
                let path = workspace.withTreeSafely { $0.paths.path(of: number, hint: hint) }
                found.append(
                    DriftedFile(
                        path: path ?? hint, reason: reason, isKept: hasPin(origin),
                        version: status?.version))
            }
            done += part.count
            if !progress(done, numbers.count) { break }
        }
        return found
    }

    /// The number of files whose drift a read has met since the workspace was opened.
    package var driftedReads: Int { workspace.driftMet.withLock { $0.count } }

    /// Returns the base paths of some of them.
    package func driftedReadPaths(atMost count: Int) -> [[UInt8]] {
        let numbers = workspace.driftMet.withLock { $0.sorted().prefix(count) }
        return workspace.withTreeSafely { tree in
            numbers.compactMap { number in
                (try? tree.origin(number)).flatMap { $0 }.map { EpochPath.plain($0.path) }
            }
        }
    }

    /// Remembers a read that met drift. At most 10,000 files are remembered.
    func noteDrift(_ number: InodeNumber) {
        workspace.driftMet.withLock { if $0.count < 10_000 { $0.insert(number) } }
    }

    /// Returns the difference of the base file and its present status, or nil if it is unchanged.
    package func drift(of origin: Origin) -> (reason: String, status: FileStatus?)? {
        let place = BasePlace(path: origin.path)
        do throws(Errno) {
            let status = try workspace.base.status(ifPresent: place.name, in: place.directory)
            return origin.drift(to: status).map { ($0, status) }
        } catch {
            return ("the base file cannot be examined (\(error))", nil)
        }
    }

    /// The largest base file in bytes that is returned as a whole.
    private static let largestText: UInt64 = 16 << 20

    /// Returns the whole base file under a file, as it was when it was touched, or as the base of the host
    /// has it now.
    /// - Throws: ENOENT if there is none, EFBIG above 16 MiB, EIO if it is not kept, EBUSY if it changes
    ///   meanwhile.
    package func baseContent(
        _ number: InodeNumber, isNow: Bool
    ) throws(CommandError) -> [UInt8] {
        do throws(Errno) {
            let (origin, place) = try workspace.withTree { (tree) throws(Errno) in
                (try tree.knownOrigin(number), try tree.edits.regular(number).place)
            }
            guard let place else { throw .noEntry }
            if !isNow {
                guard let origin else {
                    let status = try workspace.base.status(place)
                    if status.size > Self.largestText { throw .fileTooBig }
                    return try workspace.base.file(place).readBytes(Int(status.size), at: 0)
                }
                if origin.size > Self.largestText { throw .fileTooBig }
                return try workspace.content.bytes(0..<origin.size, of: number, origin)
            }
            // What commits have put there counts too.
            let base = workspace.base.host
            let now = BasePlace(
                path: try workspace.base.pathNow(place.path) ?? EpochPath.plain(place.path))
            base.forget(now)
            let file = try base.file(now)
            let status = try base.status(of: file)
            if status.size > Self.largestText { throw .fileTooBig }
            let bytes = try file.readBytes(Int(status.size), at: 0)
            let after = try base.status(of: file)
            guard bytes.count == Int(status.size), after == status else { throw .busy }
            return bytes
        } catch {
            throw CommandError(error, "the base file cannot be read: \(error)")
        }
    }

    /// Returns whether any byte of a file comes from the base file of its own number.
    package func dependsOnBase(_ number: InodeNumber) -> Bool {
        let source = try? workspace.withTree { (tree) throws(Errno) in try tree.edits.source(number) }
        switch source {
        case .log(let log):
            guard let pieces = try? log.snapshot() else { return true }
            return pieces.allPieces.contains {
                if case .base(number, _) = $0.source { true } else { false }
            }
        case .origin, .base, nil: return true
        case .empty: return false
        }
    }
}

extension BaseFiles {
    /// Returns the origin of a touched regular file if a read met its drift, or if it has a name and may
    /// show the base's content.
    fileprivate func driftCandidate(_ number: InodeNumber, isMet: Bool) -> Origin? {
        guard let origin = (try? tree.origin(number)).flatMap({ $0 }),
            FileType(mode: origin.mode) == .regular else { return nil }
        if isMet { return origin }
        guard let record = tree.paths.recordWithoutLoading(number), record.links > 0 else { return nil }
        return record.flags.contains(.hasLog) || record.size > 0 ? origin : nil
    }
}
