// HostGround: plain directories and mounts as a ground. A path is resolved link by link, and the result
// must lie in a root. It is then opened below the root's descriptor with openat2(2), which refuses
// symlinks: a name that becomes a link in between causes an error and is never followed out of the root.

import Glibc
package import Platform

package final class HostGround: Ground {
    package let roots: Roots
    /// The open directories of the roots, in the same order.
    let directories: [File]
    /// Whether the control files in a workspace's `.draft` are refused, because other tools do their work.
    private let hidesControlFiles: Bool
    /// Keeps old contents of files that are in no workspace.
    private let keeper: EditKeeper?

    /// The maximum number of links that are followed in one path, as in path_resolution(7).
    private static let mostLinks = 40
    /// The maximum number of tries to open a path whose names change between the resolving and the open.
    private static let attempts = 4

    /// - Parameter paths: directories, each with whether it is read-only; `~` and symlinks are resolved.
    package init(
        _ paths: [(path: String, isReadOnly: Bool)], home: String?, hidesControlFiles: Bool = false,
        keeper: EditKeeper? = nil
    ) throws(ToolError) {
        self.hidesControlFiles = hidesControlFiles
        self.keeper = keeper
        var all: [Root] = []
        var directories: [File] = []
        for (path, isReadOnly) in paths {
            guard let real = realpath(path, nil) else {
                throw ToolError(.last, "use the directory", path)
            }
            defer { free(real) }
            let bytes = Array(String(cString: real).utf8)
            do throws(Errno) {
                directories.append(
                    try File.open(String(cString: real), flags: OpenFlags.path | O_DIRECTORY))
            } catch {
                throw ToolError(error, "use the directory", path)
            }
            all.append(Root(path: bytes, isReadOnly: isReadOnly))
        }
        roots = try Roots(all, home: home.map { Array($0.utf8) })
        self.directories = directories
    }

    // MARK: Resolving

    /// Returns the path without symlinks. Names that do not exist are kept as written.
    /// - Parameter followsLast: whether a link in the last place is followed.
    func resolve(_ path: ToolPath, followsLast: Bool = true) throws(ToolError) -> ToolPath {
        var found = ToolPath(names: [])
        var waiting = Array(path.names.reversed())
        var links = 0
        while let name = waiting.popLast() {
            let next = found.appending(name)
            guard followsLast || !waiting.isEmpty, let target = link(next) else {
                found = next
                continue
            }
            links += 1
            guard links <= Self.mostLinks else {
                throw ToolError(.denied, "\(path) goes through more than \(Self.mostLinks) symlinks")
            }
            // A target starts at the top, or in the directory of the link; `..` in it goes up from there.
            let start = target.first == 0x2f ? [] : found.bytes + [0x2f]
            let whole = try ToolPath(start + target)
            found = ToolPath(names: [])
            waiting += whole.names.reversed()
            guard waiting.count < Roots.longestPath else {
                throw ToolError(.bounds, "\(path) is too long with its symlinks resolved")
            }
        }
        return found
    }

    /// Returns the target of a link, or nil if the path is no link.
    private func link(_ path: ToolPath) -> [UInt8]? {
        // EINVAL (no link) and ENOENT (does not exist) both mean that the name is kept as it is.
        try? File.readSymlink(at: path.bytes)
    }

    /// The result of resolving a path: a root, and the names below it without symlinks.
    struct Location {
        var path: ToolPath
        var root: Int
        var below: [UInt8]
    }

    func locate(
        _ path: ToolPath, followsLast: Bool = true, writing: Bool = false
    ) throws(ToolError) -> Location {
        let real = try resolve(path, followsLast: followsLast)
        guard let (index, names) = roots.root(of: real) else { throw roots.refusal(path) }
        if writing, roots.all[index].isReadOnly {
            let root = String(decoding: roots.all[index].path, as: UTF8.self)
            throw ToolError(.denied, "\(path) is in \(root), which is read-only here")
        }
        if hidesControlFiles { try refuseControlFiles(real, path) }
        let below = names.isEmpty ? [0x2e] : Array(ToolPath(names: names).bytes.dropFirst())
        return Location(path: real, root: index, below: below)
    }

    private func refuseControlFiles(_ real: ToolPath, _ path: ToolPath) throws(ToolError) {
        for (index, name) in real.names.enumerated() where name.bytes == ControlFiles.name {
            if ControlFiles.are(in: ToolPath(names: Array(real.names[..<index]))) {
                throw ToolError(
                    .denied,
                    "\(path) is a control file of the workspace: use the tools with the same function")
            }
        }
    }

    /// Opens the resolved path below its root.
    func open(
        _ path: ToolPath, flags: Int32, followsLast: Bool = true, writing: Bool = false,
        doing: String
    ) throws(ToolError) -> (file: File, at: Location) {
        var attempt = 1
        while true {
            let location = try locate(path, followsLast: followsLast, writing: writing)
            do throws(Errno) {
                return (
                    try File.openBeneath(
                        location.below, in: directories[location.root], flags: flags | O_CLOEXEC),
                    location
                )
            } catch {
                // A name has become a link since the path was resolved.
                let isRace = error.code == ELOOP || error == .crossDevice || error == .again
                guard isRace, attempt < Self.attempts else { throw ToolError(error, doing, "\(path)") }
                attempt += 1
            }
        }
    }

    // MARK: Reading

    package func open(_ path: ToolPath) throws(ToolError) -> any GroundFile {
        // Without O_NONBLOCK, open(2) of a FIFO would block until it has a writer.
        let found = try open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read")
        var host = HostFile(file: found.file, name: path.description)
        let status = try host.status()
        switch status.type {
        case .regular:
            // An insertion in a mounted file moves all bytes after it, and the kernel then drops them from
            // its cache. Direct reads from the daemon, which has most of them in the cache of the base, are
            // three times faster.
            if status.size >= GroundScan.large, found.file.isOnFUSE,
                ControlFiles(above: found.at.path) != nil {
                host.scanned = found.file.reopened(flags: O_RDONLY | OpenFlags.direct)
            }
            return host
        case .directory: throw ToolError(.wrongType, "\(path) is a directory: list it, or name a file")
        default: throw ToolError(.wrongType, "\(path) is not a regular file")
        }
    }

    package func status(_ path: ToolPath) throws(ToolError) -> FileStatus {
        let found = try open(
            path, flags: OpenFlags.path | O_NOFOLLOW, followsLast: false, doing: "look at")
        return try HostFile(file: found.file, name: path.description).status()
    }

    package func resolved(_ path: ToolPath) throws(ToolError) -> ToolPath {
        try locate(path).path
    }

    package func past(of path: ToolPath, writing: Bool) throws(ToolError) -> any WorkspacePast {
        let real = try locate(path, writing: writing).path
        if ControlFiles.are(in: real) { return ControlFiles(root: real) }
        if let found = ControlFiles(above: real) { return found }
        throw ToolError(
            .unsupported, "\(path) is not in a draftfs workspace: only a workspace has backups and history")
    }

    package func keepContent(of path: ToolPath, at place: ToolPath, tells: Bool) {
        // Links, devices and removed files have no content that a replacement could lose.
        guard keeper != nil, let real = try? locate(path).path,
            let found = try? open(
                place, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, followsLast: false, doing: "read"),
            let status = try? found.file.status()
        else { return }
        keepContent(of: found.file, real, isReplaced: status.links == 1, tells: tells)
    }

    @discardableResult
    func keepContent(
        of file: File, _ path: ToolPath, isReplaced: Bool, tells: Bool = true
    ) -> ToolPath? {
        guard let keeper, ControlFiles(above: path) == nil,
            (try? file.status())?.type == .regular
        else { return nil }
        return keeper.keep(file, path, isReplaced: isReplaced, tells: tells)
    }

    func dropContent(_ kept: ToolPath, of path: ToolPath) { keeper?.drop(kept, of: path) }

    package func keptContent(of path: ToolPath) -> String? {
        guard let keeper, let real = try? locate(path).path else { return nil }
        return keeper.told(of: real)
    }

    package func look(in path: ToolPath) throws(ToolError) -> [(entry: HostEntry, status: FileStatus)] {
        let file = try open(path, flags: O_RDONLY | O_DIRECTORY, doing: "list").file
        do throws(Errno) {
            var found: [(entry: HostEntry, status: FileStatus)] = []
            for entry in try file.listDirectory() {
                // A name that was removed after the listing is left out.
                guard let status = try? FileStatus(entry.name.bytes, in: file) else { continue }
                found.append((entry, status))
            }
            return found
        } catch {
            throw ToolError(error, "list", "\(path)")
        }
    }

    package func symlinkTarget(_ path: ToolPath) throws(ToolError) -> [UInt8] {
        let found = try open(
            path, flags: OpenFlags.path | O_NOFOLLOW, followsLast: false, doing: "read").file
        do throws(Errno) {
            return try found.readSymlink([])
        } catch {
            throw ToolError(error, "read the link", "\(path)")
        }
    }

    package func list(_ path: ToolPath) throws(ToolError) -> [HostEntry] {
        let file = try open(path, flags: O_RDONLY | O_DIRECTORY, doing: "list").file
        do throws(Errno) {
            return try file.listDirectory()
        } catch {
            throw ToolError(error, "list", "\(path)")
        }
    }
}

/// An open file of the host.
struct HostFile: GroundFile {
    let file: File
    /// A second descriptor for passes through the whole file, which reads past the page cache the bytes
    /// that are not in it. Nil if it would not be faster.
    var scanned: File?
    let name: String

    init(file: File, name: String) {
        self.file = file
        self.name = name
    }

    func status() throws(ToolError) -> FileStatus {
        do throws(Errno) {
            return try file.status()
        } catch {
            throw ToolError(error, "look at", name)
        }
    }

    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8] {
        do throws(Errno) {
            return try file.readBytes(count, at: offset)
        } catch {
            throw ToolError(error, "read", name)
        }
    }

    func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int {
        do throws(Errno) {
            guard let scanned, !file.isCached(offset, bytes.count) else {
                return try file.read(over: &bytes, at: offset)
            }
            return try scanned.read(over: &bytes, at: offset)
        } catch {
            throw ToolError(error, "read", name)
        }
    }

    func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places? {
        // An older daemon does not know the attribute. Other errors are ignored too: the reads that follow
        // meet them again.
        guard scanned != nil, let answer = try? file.extendedAttribute(search.name, atMost: 64 << 10)
        else { return nil }
        return ContentSearch.Places(answer)
    }

    func settle() {
        // A failed write-back is reported to the writer. The pages can be read anyway.
        if file.isOnFUSE { try? file.flush() }
    }

    func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64> {
        file.dataRun(from: offset) ?? UInt64.max..<UInt64.max
    }
}
