// HostDirectory: directories, symlinks and extended attributes of the host, by descriptor and name.

internal import CPlatform
import Glibc

/// One name of a directory, as returned by getdents64(2).
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

/// Makes a new directory `draftfs-PURPOSE-XXXXXX` with a unique name (mkdtemp(3)). The caller removes it.
package func makeTemporaryDirectory(
    _ purpose: String, in parent: String
) throws(Errno) -> String {
    var template = Array("\(parent)/draftfs-\(purpose)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .last }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension File {
    /// Returns every name but `.` and `..`. The descriptor must be open for reading. No other thread
    /// may list through it at the same time, since it has one position.
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

    /// Returns the target of the symlink `name` in this directory.
    package func readSymlink(_ name: [UInt8]) throws(Errno) -> [UInt8] {
        try Self.readSymlink(name, below: descriptor)
    }

    /// Returns the target of the symlink at an absolute path. The path may have any bytes but NUL.
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

    /// Returns the path of `name` in this directory through /proc, since the *xattr calls accept no
    /// directory descriptor. An empty name means the directory itself.
    func pathOverProc(_ name: [UInt8]) -> [UInt8] {
        Array("/proc/self/fd/\(descriptor)/".utf8) + (name.isEmpty ? [0x2e] : name)
    }

    /// Returns an extended attribute of `name` in this directory. It does not follow a symlink.
    package func extendedAttribute(
        _ attribute: [UInt8], of name: [UInt8]
    ) throws(Errno) -> [UInt8] {
        let path = pathOverProc(name)
        // Most are short or not there. The longest has 64 KiB (XATTR_SIZE_MAX).
        for length in [256, 64 << 10] {
            var buffer = [UInt8](repeating: 0, count: length)
            let count = withCString(path) { path in
                withCString(attribute) { attribute in
                    buffer.withUnsafeMutableBytes {
                        cp_getxattr(path, attribute, $0.baseAddress, $0.count)
                    }
                }
            }
            if count >= 0 { return Array(buffer.prefix(Int(count))) }
            let error = Errno.last
            if error != .range { throw error }
        }
        throw .range
    }

    /// Returns the names of the extended attributes of `name` in this directory.
    package func extendedAttributeNames(of name: [UInt8]) throws(Errno) -> [[UInt8]] {
        let path = pathOverProc(name)
        // Most files have none, or few. The longest list has 64 KiB (XATTR_LIST_MAX).
        for length in [256, 64 << 10] {
            var buffer = [UInt8](repeating: 0, count: length)
            let count = withCString(path) { path in
                buffer.withUnsafeMutableBytes { raw in
                    cp_listxattr(
                        path, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
                }
            }
            if count >= 0 { return buffer.prefix(Int(count)).split(separator: 0).map(Array.init) }
            let error = Errno.last
            if error != .range { throw error }
        }
        throw .range
    }

    /// Returns all extended attributes of this file, which must be open for reading.
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

    /// Returns an extended attribute of this file.
    /// - Throws: ERANGE if it is longer than `most` bytes.
    package func extendedAttribute(_ name: [UInt8], atMost most: Int) throws(Errno) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: most)
        let count = withCString(name) { name in
            value.withUnsafeMutableBytes { cp_fgetxattr(descriptor, name, $0.baseAddress, $0.count) }
        }
        if count < 0 { throw .last }
        return Array(value.prefix(Int(count)))
    }

    /// Sets an extended attribute of this file.
    package func setExtendedAttribute(_ name: [UInt8], to value: [UInt8]) throws(Errno) {
        let result = withCString(name) { name in
            value.withUnsafeBytes { cp_fsetxattr(descriptor, name, $0.baseAddress, $0.count) }
        }
        if result != 0 { throw .last }
    }

    /// Returns a read-only, noatime copy of the mount below `path`, so that reads do not even change an
    /// atime. It needs CAP_SYS_ADMIN (open_tree(2), mount_setattr(2)).
    package static func cloneMountReadOnly(_ path: String) throws(Errno) -> File {
        let descriptor = cp_clone_mount_read_only(path)
        if descriptor < 0 { throw .last }
        return File(owning: descriptor)
    }

    /// Renames a name in this directory (renameat2(2)).
    /// - Throws: `Errno.exists` if the new name exists and must not be replaced.
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

    /// Exchanges two existing names (renameat2(2) with RENAME_EXCHANGE).
    /// - Throws: EINVAL if the file system cannot do this.
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

/// Flags of open(2), including those that Glibc's module does not provide.
package enum OpenFlags {
    package static let directory = O_RDONLY | O_DIRECTORY
    package static let createNew = O_RDWR | O_CREAT | O_EXCL
    package static let create = O_RDWR | O_CREAT
    package static let path = CP_O_PATH
    /// Opens a regular file for writing. It follows no symlink.
    package static let writeFile = O_WRONLY | O_NOFOLLOW | O_NONBLOCK
    /// Opens a regular file for reading. It follows no symlink, and waits for no writer of a fifo.
    package static let readFile = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    /// Bypasses the page cache.
    package static let direct = CP_O_DIRECT
    package static let noAccessTime = CP_O_NOATIME
    /// Makes a file without a name. The path is its directory.
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
