// Ground: what tools stand on. Paths of a mount or of plain directories, and a store opened in the
// same process, both are grounds: the operations above know no system calls.

package import Platform

/// Which state of a file somebody has seen: it changes with each change of the content.
package struct FileVersion: Hashable, Sendable, CustomStringConvertible {
    private let token: String

    package init(_ status: FileStatus) {
        var writer = ByteWriter(capacity: 48)
        for number in [status.device, status.inode, status.size] { writer.integer(number) }
        writer.integer(status.modificationTime)
        writer.integer(status.changeTime)
        token = String(Checksum.xxh3(writer.bytes), radix: 36)
    }

    /// As a caller gives it back.
    package init(token: String) { self.token = token }

    package var description: String { token }
}

/// A file opened for reading. It stays what it is when its name goes.
package protocol GroundFile: Sendable {
    /// As it is now.
    func status() throws(ToolError) -> FileStatus
    /// Up to `count` bytes from `offset`; fewer only where the file ends.
    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8]
    /// The same for who goes through all of a file: over what an array holds, since memory that is taken
    /// anew for each part of a large file costs more than the reading.
    /// - Returns: bytes that were read; fewer than the array has only where the file ends.
    func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int
    /// Before the first `dataRun` and `places`: what is changed in the kernel's memory alone is told to the
    /// file system.
    func settle()
    /// The next run of bytes, at or behind `offset`, that may not all be 0; before it is a hole. Empty, and
    /// at the file's end or behind, where only a hole follows.
    func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64>
    /// Where a text begins, from who keeps the file, beside its bytes. It may answer a part of the question,
    /// and says so.
    /// - Returns: nil where only the reader can search.
    func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places?
}

extension GroundFile {
    package func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int {
        let part = try read(bytes.count, at: offset)
        bytes.replaceSubrange(..<part.count, with: part)
        return part.count
    }
    /// Whether these bytes stand at a place in the file, which was long enough for them.
    func holds(_ bytes: [UInt8], at offset: UInt64) throws(ToolError) -> Bool {
        let found = try read(bytes.count, at: offset)
        if found.count < bytes.count { throw GroundScan.shrank }
        return found == bytes
    }
    package func settle() {}
    package func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64> { offset..<UInt64.max }
    package func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places? { nil }
}

/// Going through all of a file.
enum GroundScan {
    static var shrank: ToolError {
        ToolError(.stale, "the file became shorter while it was read: read it again")
    }

    /// Bytes of one read. On a mount one request has 256 pages, and memory seldom begins with a page.
    static let length = 1 << 20 - 4 << 10
    /// Bytes of a file that is worth a descriptor of its own for it.
    static let large: UInt64 = 8 << 20
}

/// Bytes that go and bytes that come in their place; offsets are those before the edit.
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

    /// Opens a regular file; symlinks are followed as long as they stay inside the roots.
    func open(_ path: ToolPath) throws(ToolError) -> any GroundFile
    /// What a path leads to, the link itself where it is one.
    func status(_ path: ToolPath) throws(ToolError) -> FileStatus
    func list(_ path: ToolPath) throws(ToolError) -> [HostEntry]
    /// The names of a directory, each with what it is; links are not followed.
    func look(in path: ToolPath) throws(ToolError) -> [(entry: HostEntry, status: FileStatus)]
    /// The path without symlinks. It need not exist, and is refused outside of the roots.
    func resolved(_ path: ToolPath) throws(ToolError) -> ToolPath
    /// What a symlink holds.
    func symlinkTarget(_ path: ToolPath) throws(ToolError) -> [UInt8]

    /// Changes a file by splices, which are in order and do not overlap: all of them or none. Its
    /// mode, owner, attributes and links stay.
    /// - Parameter expected: refused with `stale` if the file is another one by now; nil accepts any.
    /// - Returns: the version that the file has afterwards.
    func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion

    /// Makes a file that is not there: it appears with all of its content, or not at all.
    /// - Throws: `exists` if there is something of that name.
    func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError)

    /// - Parameter withParents: directories above are made too, and one that is there is no error.
    func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError)

    /// Writes into a file that nobody else uses yet; it ends behind the bytes.
    func writePart(
        _ path: ToolPath, _ bytes: [UInt8], at offset: UInt64, isNew: Bool
    ) throws(ToolError)

    /// Gives a finished file its name, once its bytes are on the disk.
    /// - Parameter replaces: what has that name goes, and its mode, owner, attributes and other names
    ///   stay; else the call fails with `exists`.
    func install(_ source: ToolPath, as path: ToolPath, replaces: Bool) throws(ToolError)

    /// Copies without data, as far as the ground can: all of them in this order, or it throws and some
    /// may be there. Nothing may be at the destinations.
    /// - Returns: false where it cannot; nothing was done.
    func clone(_ pairs: [(source: ToolPath, destination: ToolPath)]) throws(ToolError) -> Bool

    /// Copies a regular file to a name where there is nothing; holes stay holes.
    /// - Returns: the bytes that both share.
    func copyFile(
        _ source: ToolPath, to path: ToolPath, keeping kept: KeptAttributes
    ) throws(ToolError) -> UInt64

    /// Gives one file or directory the attributes of another.
    func keepAttributes(
        of source: ToolPath, on path: ToolPath, _ kept: KeptAttributes
    ) throws(ToolError)

    /// - Parameter status: whose times it gets; nil for those of now.
    func makeSymlink(_ path: ToolPath, to target: [UInt8], like status: FileStatus?) throws(ToolError)

    /// Gives a file one more name.
    func makeLink(_ path: ToolPath, as other: ToolPath) throws(ToolError)

    /// The control files of the workspace that a path lies in.
    /// - Throws: `unsupported` for what is in no workspace.
    func past(of path: ToolPath, writing: Bool) throws(ToolError) -> any WorkspacePast

    /// Takes a name away: of a file, a link itself, or a directory that is empty.
    func remove(_ path: ToolPath) throws(ToolError)

    /// Renames a file or directory; what is at the new name already stays, and the call fails.
    func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError)

    /// Keeps the content that a file had, where the ground keeps such contents.
    /// - Parameters:
    ///   - place: where that content is now; it goes from there.
    ///   - tells: `keptContent` is asked for it.
    func keepContent(of path: ToolPath, at place: ToolPath, tells: Bool)

    /// Where the content that a file had before its last change is kept, or why it is not: said once.
    func keptContent(of path: ToolPath) -> String?

    /// Has two names in one file system change places. Links themselves are meant.
    func exchange(_ one: ToolPath, _ other: ToolPath) throws(ToolError)
}

extension Ground {
    // In a workspace the past is there anyway.
    package func keepContent(of path: ToolPath, at place: ToolPath, tells: Bool) {}
    package func keptContent(of path: ToolPath) -> String? { nil }

    /// Writes all of a file anew, or makes it: mode, owner, attributes and links of one that is there
    /// stay.
    /// - Parameter expected: refused with `stale` if the file is another one by now, or is not there.
    /// - Returns: whether the file is new.
    @discardableResult
    package func write(
        _ path: ToolPath, _ bytes: [UInt8], expecting expected: FileVersion? = nil
    ) throws(ToolError) -> Bool {
        for attempt in 1...Self.mostAttempts {
            // Others write too: the next one that waits in between lets them come to their end.
            if attempt > 1 { Clock.pause(microseconds: .random(in: 0...UInt32(attempt) * 500)) }
            do throws(ToolError) {
                let status = try open(path).status()
                if let expected, expected != FileVersion(status) { throw Self.changed(path) }
                let whole = ByteSplice(offset: 0, delete: status.size, insert: bytes)
                _ = try splice(path, [whole], expecting: FileVersion(status))
                return false
            } catch {
                // Somebody else writes: the size that goes is another one by now.
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
            .stale, "\(path) could not be written, since others write it all the time: try it again")
    }

    /// Of one write, half a second or so.
    private static var mostAttempts: Int { 40 }

    /// Takes a directory away with all that is in it, or a file.
    package func removeTree(_ path: ToolPath) throws(ToolError) {
        if try status(path).type == .directory {
            // Before anything goes: a root stays, and what it holds may be read-only.
            guard !roots.lie(below: try resolved(path)) else {
                throw ToolError(.denied, "\(path) is, or holds, one of the allowed directories: it stays")
            }
            var found: [ToolPath] = []
            try TreeWalk(self).run(path) { entry throws(ToolError) in
                found.append(entry.path)
                return .enter
            }
            // What lies in a directory comes behind it in a walk.
            for below in found.reversed() { try remove(below) }
        }
        try remove(path)
    }

    private static func changed(_ path: ToolPath) -> ToolError {
        ToolError(.stale, "\(path) has changed since it was read: read it again, then write it")
    }
}
