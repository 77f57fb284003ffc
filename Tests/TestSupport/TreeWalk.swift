// TreeWalk: a whole tree as a value, for comparisons: every name with its kind, mode, owner, links,
// attributes and a digest of its bytes. Names may be any bytes. Holes are read as zeros.

internal import CPlatform
import Glibc
internal import Platform

/// The visible attributes of one name.
package struct TreeEntry: Equatable, Sendable {
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    package var links: UInt64
    /// In bytes; 0 for directories, whose size has no meaning.
    package var size: Int64
    package var device: UInt64
    /// Nanoseconds since 1970.
    package var modified: Int64
    package var target: [UInt8]
    package var attributes: [String: [UInt8]]
    package var digest: UInt64
    /// The first name, in sorted order, that shares the inode; the name itself if there is no other.
    package var linkedTo: [UInt8]
}

package struct TreeWalk {
    /// The entries by path relative to the root. The root has the empty path.
    package private(set) var entries: [[UInt8]: TreeEntry] = [:]
    private var firstNames: [UInt64: [UInt8]] = [:]

    package init(_ root: String) throws {
        try add(Array(root.utf8), name: [], full: Array(root.utf8))
    }

    private mutating func add(_ root: [UInt8], name: [UInt8], full: [UInt8]) throws {
        let path = full.map { CChar(bitPattern: $0) } + [0]
        var found = stat()
        let shown = String(decoding: name, as: UTF8.self)
        try must("lstat \(shown)", lstat(path, &found))
        let kind = found.st_mode & S_IFMT
        var entry = TreeEntry(
            mode: found.st_mode, uid: found.st_uid, gid: found.st_gid,
            links: UInt64(found.st_nlink), size: kind == S_IFDIR ? 0 : Int64(found.st_size),
            device: UInt64(found.st_rdev),
            modified: Int64(found.st_mtim.tv_sec) * 1_000_000_000 + Int64(found.st_mtim.tv_nsec),
            target: [], attributes: try attributesOf(path, shown), digest: 0, linkedTo: name)
        if kind != S_IFDIR {
            entry.linkedTo = firstNames[UInt64(found.st_ino)] ?? name
            firstNames[UInt64(found.st_ino)] = entry.linkedTo
        }
        if kind == S_IFLNK { entry.target = try linkTarget(path) }
        if kind == S_IFREG { entry.digest = try digestOf(path, shown) }
        entries[name] = entry
        guard kind == S_IFDIR else { return }
        for child in try childNames(path, shown).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let inner = name.isEmpty ? child : name + [0x2F] + child
            try add(root, name: inner, full: full + [0x2F] + child)
        }
    }

    private func childNames(_ path: [CChar], _ shown: String) throws -> [[UInt8]] {
        guard let stream = opendir(path) else {
            throw CheckFailure("opendir \(shown): \(words(errno))")
        }
        defer { closedir(stream) }
        var children: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = nameBytes(entry)
            if name != [0x2E] && name != [0x2E, 0x2E] { children.append(name) }
        }
        if Set(children).count != children.count {
            throw CheckFailure("readdir of \(shown) names an entry twice")
        }
        return children
    }

    private func attributesOf(_ path: [CChar], _ shown: String) throws -> [String: [UInt8]] {
        let size = try must("listxattr \(shown)", cp_listxattr(path, nil, 0))
        if size == 0 { return [:] }
        var list = [CChar](repeating: 0, count: Int(size))
        let count = Int(try must("listxattr \(shown)", cp_listxattr(path, &list, list.count)))
        var found: [String: [UInt8]] = [:]
        for raw in list.prefix(count).split(separator: 0) {
            let name = String(decoding: raw.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            var value = [UInt8](repeating: 0, count: 65_536)
            let length = try must("getxattr \(shown)", cp_getxattr(path, name, &value, value.count))
            found[name] = Array(value.prefix(Int(length)))
        }
        return found
    }

    private func digestOf(_ path: [CChar], _ shown: String) throws -> UInt64 {
        let descriptor = try must(
            "open \(shown)", open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK))
        defer { close(descriptor) }
        return try digest(of: descriptor)
    }
}

package func linkTarget(_ path: [CChar]) throws -> [UInt8] {
    var target = [UInt8](repeating: 0, count: 4_097)
    let count = try target.withUnsafeMutableBytes { buffer in
        try must(
            "readlink", readlink(path, buffer.bindMemory(to: CChar.self).baseAddress!, 4_097))
    }
    return Array(target.prefix(count))
}

/// Returns a digest of all bytes of a file.
package func digest(of descriptor: Int32) throws -> UInt64 {
    let size = Int64(try status(descriptor).st_size)
    var hash: UInt64 = 0
    var offset: Int64 = 0
    while true {
        // One byte more than is left: a small file needs no large buffer.
        let step = Int(min(1 << 20, max(0, size - offset) + 1))
        let bytes = try readBytes(descriptor, step, at: offset)
        offset += Int64(bytes.count)
        hash = hash &* 0x9E37_79B9_7F4A_7C15 &+ digest(bytes)
        if bytes.count < step { return hash &+ UInt64(offset) }
    }
}

package func digest(_ bytes: [UInt8]) -> UInt64 {
    Checksum.xxh3(bytes)
}

/// Returns the bytes that the files below a directory use on disk: their blocks, up to their sizes.
package func bytesOnDisk(_ path: String) throws -> Int {
    let text = try ChildProcess.check(
        ["find", path, "-type", "f", "-printf", "%b %s\\n"], seconds: 60)
    return text.split(separator: "\n").reduce(0) { sum, line in
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 2 else { return sum }
        // A sparse file counts by its blocks. Blocks that are reserved behind the end of a log do not
        // count.
        return sum + min(numbers[0] * 512, numbers[1])
    }
}
