// Ground: the file access that the tools are built on. A ground is either a set of directories, mounted or
// plain, or a store opened in the same process. The operations above it make no system calls.

package import Platform

/// The state of a file that a caller has seen. It changes with each change of the content.
package struct FileVersion: Hashable, Sendable, CustomStringConvertible {
    private let token: String

    package init(_ status: FileStatus) {
        var writer = ByteWriter(capacity: 48)
        for number in [status.device, status.inode, status.size] { writer.integer(number) }
        writer.integer(status.modificationTime)
        writer.integer(status.changeTime)
        token = String(Checksum.xxh3(writer.bytes), radix: 36)
    }

    /// Makes a version from the token that a caller returns.
    package init(token: String) { self.token = token }

    package var description: String { token }
}

/// A file opened for reading. It stays readable after its name is removed.
package protocol GroundFile: Sendable {
    /// Returns the current status.
    func status() throws(ToolError) -> FileStatus
    /// Returns up to `count` bytes from `offset`; fewer only at the end of the file.
    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8]
    /// Reads like `read`, into an existing array, for a pass through the whole file. Allocating memory for
    /// each part of a large file would cost more than the reading.
    /// - Returns: the number of bytes read; fewer than the array has only at the end of the file.
    func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int
    /// Tells the file system what is changed in the kernel's memory alone. Must be called before the first
    /// `dataRun` and `places`.
    func settle()
    /// Returns the next run of bytes, at or after `offset`, that may contain data; before it is a hole. The
    /// range is empty, and at or after the end of the file, if only a hole follows.
    func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64>
    /// Asks the file system, which keeps the file, where a text begins, beside the reading of bytes. The
    /// answer may cover a part of the question, and says so.
    /// - Returns: nil if only the reader can search.
    func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places?
}

extension GroundFile {
    package func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int {
        let part = try read(bytes.count, at: offset)
        bytes.replaceSubrange(..<part.count, with: part)
        return part.count
    }
    /// Returns whether these bytes are at an offset in the file. The file was long enough for them before;
    /// the call throws `stale` if it is not any more.
    func holds(_ bytes: [UInt8], at offset: UInt64) throws(ToolError) -> Bool {
        let found = try read(bytes.count, at: offset)
        if found.count < bytes.count { throw GroundScan.shrank }
        return found == bytes
    }
    package func settle() {}
    package func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64> { offset..<UInt64.max }
    package func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places? { nil }
}

/// The sizes and the error of passes through a whole file.
enum GroundScan {
    static var shrank: ToolError {
        ToolError(.stale, "the file became shorter while it was read: read it again")
    }

    /// The number of bytes of one read. On a mount one request has 256 pages, and memory seldom begins at a
    /// page boundary.
    static let length = 1 << 20 - 4 << 10
    /// The file size in bytes from which a pass through the file is worth a descriptor of its own.
    static let large: UInt64 = 8 << 20
}

/// A run of bytes to delete and the bytes to insert in its place. Offsets are those before the edit.
package struct ByteSplice: Equatable, Sendable {
    package var offset: UInt64
    package var delete: UInt64
    package var insert: [UInt8]

    package init(offset: UInt64, delete: UInt64, insert: [UInt8]) {
        self.offset = offset
        self.delete = delete
        self.insert = insert
    }
}

package protocol Ground: Sendable {
    var roots: Roots { get }

    /// Opens a regular file. Symlinks are followed as long as they stay inside the roots.
    func open(_ path: ToolPath) throws(ToolError) -> any GroundFile
    /// Returns the status of what a path names; of the link itself if it is a symlink.
    func status(_ path: ToolPath) throws(ToolError) -> FileStatus
    func list(_ path: ToolPath) throws(ToolError) -> [HostEntry]
    /// Returns the entries of a directory, each with its status; links are not followed.
    func look(in path: ToolPath) throws(ToolError) -> [(entry: HostEntry, status: FileStatus)]
    /// Returns the path without symlinks. It need not exist. A path outside of the roots is refused.
    func resolved(_ path: ToolPath) throws(ToolError) -> ToolPath
    /// Returns the target of a symlink.
    func symlinkTarget(_ path: ToolPath) throws(ToolError) -> [UInt8]

    /// Applies splices, which are in order and do not overlap: all of them or none. The mode, owner,
    /// attributes and links of the file stay.
    /// - Parameter expected: the call fails with `stale` if the file has another version by now; nil
    ///   accepts any.
    /// - Returns: the version of the file afterwards.
    func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion

    /// Makes a new file, which appears with all of its content or not at all.
    /// - Throws: `exists` if the name is taken.
    func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError)

    /// Makes a directory.
    /// - Parameter withParents: whether missing parent directories are made too; then an existing directory
    ///   is no error.
    func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError)

    /// Writes into a file that no other process uses yet. The file ends after the bytes.
    func writePart(
        _ path: ToolPath, _ bytes: [UInt8], at offset: UInt64, isNew: Bool
    ) throws(ToolError)

    /// Gives a finished file its name, once its bytes are on the disk.
    /// - Parameter replaces: whether an existing file of that name is replaced; its mode, owner, attributes
    ///   and other names stay. Otherwise the call fails with `exists`.
    func install(_ source: ToolPath, as path: ToolPath, replaces: Bool) throws(ToolError)

    /// Copies without data, as far as the ground can: all pairs in this order. If it throws, some copies
    /// may exist. The destinations must not exist.
    /// - Returns: false if the ground cannot do it; then nothing was done.
    func clone(_ pairs: [(source: ToolPath, destination: ToolPath)]) throws(ToolError) -> Bool

    /// Copies a regular file to a name that does not exist. Holes stay holes.
    /// - Returns: the number of bytes that both files share.
    func copyFile(
        _ source: ToolPath, to path: ToolPath, keeping kept: KeptAttributes
    ) throws(ToolError) -> UInt64

    /// Gives one file or directory the attributes of another.
    func keepAttributes(
        of source: ToolPath, on path: ToolPath, _ kept: KeptAttributes
    ) throws(ToolError)

    /// Makes a symlink.
    /// - Parameter status: the status whose times the link gets; nil for the current time.
    func makeSymlink(_ path: ToolPath, to target: [UInt8], like status: FileStatus?) throws(ToolError)

    /// Gives a file another name.
    func makeLink(_ path: ToolPath, as other: ToolPath) throws(ToolError)

    /// Returns the control files of the workspace that a path lies in.
    /// - Throws: `unsupported` if the path is in no workspace.
    func past(of path: ToolPath, writing: Bool) throws(ToolError) -> any WorkspacePast

    /// Removes a name: of a file, of a link itself, or of an empty directory.
    func remove(_ path: ToolPath) throws(ToolError)

    /// Renames a file or directory. The call fails if the new name exists.
    func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError)

    /// Keeps the content that a file had, if the ground keeps such contents.
    /// - Parameters:
    ///   - place: the path where that content is now, and from where it is about to be removed.
    ///   - tells: whether `keptContent` is going to be called for it.
    func keepContent(of path: ToolPath, at place: ToolPath, tells: Bool)

    /// Returns where the content before the last change of a file is kept, or why it is not kept. The
    /// answer is given once.
    func keptContent(of path: ToolPath) -> String?

    /// Exchanges two names in one file system. Links themselves are exchanged, not their targets.
    func exchange(_ one: ToolPath, _ other: ToolPath) throws(ToolError)
}

extension Ground {
    // The default is for a workspace, whose history has the old contents anyway.
    package func keepContent(of path: ToolPath, at place: ToolPath, tells: Bool) {}
    package func keptContent(of path: ToolPath) -> String? { nil }

    /// Writes the whole content of a file, or makes the file. The mode, owner, attributes and links of an
    /// existing file stay.
    /// - Parameter expected: the call fails with `stale` if the file has another version by now, or does
    ///   not exist.
    /// - Returns: whether the file is new.
    @discardableResult
    package func write(
        _ path: ToolPath, _ bytes: [UInt8], expecting expected: FileVersion? = nil
    ) throws(ToolError) -> Bool {
        for attempt in 1...Self.mostAttempts {
            // Other processes write too; a growing random pause lets them finish.
            if attempt > 1 { Clock.pause(microseconds: .random(in: 0...UInt32(attempt) * 500)) }
            do throws(ToolError) {
                let status = try open(path).status()
                if let expected, expected != FileVersion(status) { throw Self.changed(path) }
                let whole = ByteSplice(offset: 0, delete: status.size, insert: bytes)
                _ = try splice(path, [whole], expecting: FileVersion(status))
                return false
            } catch {
                // Another process changed the file between the status and the splice, so the size to delete
                // is out of date.
                if error.kind == .stale, expected == nil { continue }
                guard error.kind == .missing else { throw error }
            }
            if expected != nil { throw Self.changed(path) }
            do throws(ToolError) {
                try create(path, bytes)
                return true
            } catch {
                guard error.kind == .exists else { throw error }
            }
        }
        throw ToolError(
            .stale, "cannot write \(path), because other processes keep changing it: try again")
    }

    /// The maximum number of attempts of one write, which together take about half a second.
    private static var mostAttempts: Int { 40 }

    /// Removes a file, or a directory with everything in it.
    package func removeTree(_ path: ToolPath) throws(ToolError) {
        if try status(path).type == .directory {
            // This is checked before anything is removed: a root must stay, and its content may be
            // read-only.
            guard !roots.lie(below: try resolved(path)) else {
                throw ToolError(.denied, "\(path) is or contains an allowed directory: it cannot be removed")
            }
            var found: [ToolPath] = []
            try TreeWalk(self).run(path) { entry throws(ToolError) in
                found.append(entry.path)
                return .enter
            }
            // A walk visits a directory before its entries, so the reverse order empties it first.
            for below in found.reversed() { try remove(below) }
        }
        try remove(path)
    }

    private static func changed(_ path: ToolPath) -> ToolError {
        ToolError(.stale, "\(path) has changed since it was read: read it again, then write it")
    }
}
