// Reading directories, symlinks and extended attributes of the host, by descriptor and name.

internal import CPlatform
import Glibc

/// One name of a directory as getdents64(2) gives it.
package struct HostEntry: Sendable {
    package let name: FileName
    package let inode: UInt64
    package let type: FileType

    package init(name: FileName, inode: UInt64, type: FileType) {
        self.name = name
        self.inode = inode
        self.type = type
    }
}

/// Makes a directory that nobody else has, `draftfs-PURPOSE-XXXXXX` (mkdtemp(3)); the caller removes it.
package func makeTemporaryDirectory(
    _ purpose: String, in parent: String
) throws(Errno) -> String {
    var template = Array("\(parent)/draftfs-\(purpose)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .last }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension File {
    /// Every name but `.` and `..`. The descriptor must be open for reading and not shared with
    /// another lister, since it has one position.
    package func listDirectory() throws(Errno) -> [HostEntry] {
        var entries: [HostEntry] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                cp_getdents(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 { throw .last }
            if count == 0 { return entries }
            buffer.withUnsafeBytes { raw in
                var position = 0
                while position < Int(count) {
                    let inode = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                    let length = Int(
                        raw.loadUnaligned(fromByteOffset: position + 16, as: UInt16.self))
                    let type = FileType(rawValue: raw[position + 18]) ?? .unknown
                    let bytes = raw[(position + 19)..<(position + length)].prefix { $0 != 0 }
                    position += length
                    if bytes.elementsEqual([0x2e]) || bytes.elementsEqual([0x2e, 0x2e]) { continue }
                    entries.append(
                        HostEntry(name: FileName(trusted: Array(bytes)), inode: inode, type: type))
                }
            }
        }
    }

    /// The target of the symlink `name` in this directory.
    package func readSymlink(_ name: [UInt8]) throws(Errno) -> [UInt8] {
        try Self.readSymlink(name, below: descriptor)
    }

    /// The target of the symlink at an absolute path, whose names are bytes.
    package static func readSymlink(at path: [UInt8]) throws(Errno) -> [UInt8] {
        try readSymlink(path, below: AT_FDCWD)
    }

    private static func readSymlink(
        _ name: [UInt8], below directory: Int32
    ) throws(Errno) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = withCString(name) { path in
            buffer.withUnsafeMutableBytes { raw in
                cp_readlink(
                    directory, path, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
            }
        }
        if count < 0 { throw .last }
        return Array(buffer.prefix(Int(count)))
    }

    /// The path of `name` in this directory through /proc: the *xattr calls know no directory
    /// descriptors. An empty name means the directory itself.
    private func procPath(_ name: [UInt8]) -> [UInt8] {
        Array("/proc/self/fd/\(descriptor)/".utf8) + (name.isEmpty ? [0x2e] : name)
    }

    /// An extended attribute of `name` in this directory, never following a symlink.
    package func extendedAttribute(
        _ attribute: [UInt8], of name: [UInt8]
    ) throws(Errno) -> [UInt8] {
        let path = procPath(name)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = withCString(path) { path in
            withCString(attribute) { attribute in
                buffer.withUnsafeMutableBytes {
                    cp_getxattr(path, attribute, $0.baseAddress, $0.count)
                }
            }
        }
        if count < 0 { throw .last }
        return Array(buffer.prefix(Int(count)))
    }

    /// The names of the extended attributes of `name` in this directory.
    package func extendedAttributeNames(of name: [UInt8]) throws(Errno) -> [[UInt8]] {
        let path = procPath(name)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = withCString(path) { path in
            buffer.withUnsafeMutableBytes { raw in
                cp_listxattr(
                    path, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
            }
        }
        if count < 0 { throw .last }
        return buffer.prefix(Int(count)).split(separator: 0).map(Array.init)
    }

    /// All extended attributes of this file itself, which is open for reading.
    package func extendedAttributes() throws(Errno) -> [(name: [UInt8], value: [UInt8])] {
        var names = [UInt8](repeating: 0, count: 64 << 10)
        let length = names.withUnsafeMutableBytes { raw in
            cp_flistxattr(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
        }
        if length < 0 {
            if errno == EOPNOTSUPP { return [] }
            throw .last
        }
        var found: [(name: [UInt8], value: [UInt8])] = []
        for name in names.prefix(Int(length)).split(separator: 0) {
            found.append((Array(name), try extendedAttribute(Array(name), atMost: 64 << 10)))
        }
        return found
    }

    /// An extended attribute of this file itself.
    /// - Throws: ERANGE if it is longer than `most` bytes.
    package func extendedAttribute(_ name: [UInt8], atMost most: Int) throws(Errno) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: most)
        let count = withCString(name) { name in
            value.withUnsafeMutableBytes { cp_fgetxattr(descriptor, name, $0.baseAddress, $0.count) }
        }
        if count < 0 { throw .last }
        return Array(value.prefix(Int(count)))
    }

    /// Sets an extended attribute of this file itself.
    package func setExtendedAttribute(_ name: [UInt8], to value: [UInt8]) throws(Errno) {
        let result = withCString(name) { name in
            value.withUnsafeBytes { cp_fsetxattr(descriptor, name, $0.baseAddress, $0.count) }
        }
        if result != 0 { throw .last }
    }

    /// A read-only, noatime copy of the mount below `path`, so that not even an atime changes.
    /// Needs CAP_SYS_ADMIN (open_tree(2), mount_setattr(2)).
    package static func cloneMountReadOnly(_ path: String) throws(Errno) -> File {
        let descriptor = cp_clone_mount_read_only(path)
        if descriptor < 0 { throw .last }
        return File(owning: descriptor)
    }

    /// renameat2(2) of a name in this directory.
    /// - Throws: `Errno.exists` where the new name is there and must not be replaced.
    package func rename(
        _ name: [UInt8], to newName: [UInt8], in directory: File, replaces: Bool
    ) throws(Errno) {
        let result = withCString(name) { name in
            withCString(newName) {
                cp_renameat2(
                    descriptor, name, directory.descriptor, $0, replaces ? 0 : CP_RENAME_NOREPLACE)
            }
        }
        if result != 0 { throw .last }
    }

    /// Has two names change places (renameat2(2) with RENAME_EXCHANGE); both are there.
    /// - Throws: EINVAL where the file system cannot.
    package func exchange(
        _ name: [UInt8], with other: [UInt8], in directory: File
    ) throws(Errno) {
        let result = withCString(name) { name in
            withCString(other) {
                cp_renameat2(descriptor, name, directory.descriptor, $0, CP_RENAME_EXCHANGE)
            }
        }
        if result != 0 { throw .last }
    }

    /// Makes this file share the extents of `source` (FICLONE of ioctl_ficlonerange(2)).
    package func cloneContent(of source: File) throws(Errno) {
        if cp_ioctl_clone(descriptor, source.descriptor) != 0 { throw .last }
    }
}

/// Flags of open(2) that Glibc's module hides.
package enum OpenFlags {
    package static let directory = O_RDONLY | O_DIRECTORY
    package static let createNew = O_RDWR | O_CREAT | O_EXCL
    package static let create = O_RDWR | O_CREAT
    package static let path = CP_O_PATH
    /// Past the page cache.
    package static let direct = CP_O_DIRECT
    package static let noAccessTime = CP_O_NOATIME
    /// A file without a name; the path is its directory.
    package static let temporary = O_RDWR | CP_O_TMPFILE
}

/// Modes of fallocate(2).
package struct AllocationMode: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let keepSize = AllocationMode(rawValue: CP_FALLOC_KEEP_SIZE)
    package static let punchHole = AllocationMode(rawValue: CP_FALLOC_PUNCH_HOLE)
    package static let zeroRange = AllocationMode(rawValue: CP_FALLOC_ZERO_RANGE)
}
