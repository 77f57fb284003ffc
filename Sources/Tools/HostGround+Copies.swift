// HostGround+Copies: copies on the host. Files in a workspace are cloned with its control files. Elsewhere
// extents are shared if the file system can (FICLONE, copy_file_range(2)), or bytes are copied; holes stay
// holes.

import Glibc
package import Platform

extension HostGround {
    package func clone(
        _ pairs: [(source: ToolPath, destination: ToolPath)]
    ) throws(ToolError) -> Bool {
        guard let first = pairs.first else { return true }
        let source = try locate(first.source, followsLast: false).path
        guard let controls = ControlFiles(above: source) else { return false }
        var lines: [UInt8] = []
        for (source, destination) in pairs {
            let from = try locate(source, followsLast: false).path
            let to = try locate(destination, followsLast: false, writing: true).path
            guard let line = controls.cloneLine(from, to) else { return false }
            lines += line
        }
        try controls.command("clone", lines)
        return true
    }

    package func copyFile(
        _ source: ToolPath, to path: ToolPath, keeping kept: KeptAttributes
    ) throws(ToolError) -> UInt64 {
        let from = try open(source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read").file
        let (directory, name) = try parent(of: path, doing: "make")
        do throws(Errno) {
            let status = try from.status()
            guard status.type == .regular else { throw .invalid }
            let fresh = try File.open(
                name.bytes, in: directory, flags: OpenFlags.createNew | O_NOFOLLOW, mode: 0o600)
            do throws(Errno) {
                let shared = try Self.copyContent(of: from, status, to: fresh)
                try keep(kept, of: from, status, on: fresh)
                return shared
            } catch {
                _ = withCString(name.bytes) { unlinkat(directory.descriptor, $0, 0) }
                throw error
            }
        } catch {
            throw ToolError(error, "copy", "\(source) to \(path)")
        }
    }

    /// - Returns: the number of bytes that both files share.
    static func copyContent(
        of source: File, _ status: FileStatus, to fresh: File
    ) throws(Errno) -> UInt64 {
        if status.size == 0 { return 0 }
        if (try? fresh.cloneContent(of: source)) != nil { return status.size }
        // Data in the page cache must reach the file system before it is asked for holes, as in `settle`.
        if source.isOnFUSE { try? source.flush() }
        var position: UInt64 = 0
        while position < status.size, let start = source.seek(from: position, data: true) {
            let end = min(source.seek(from: start, data: false) ?? status.size, status.size)
            var at = start
            while at < end {
                let count = Int(min(end - at, 1 << 30))
                var done = try fresh.copyBytes(of: source, at: at, count: count)
                if done == 0 {
                    let bytes = try source.readBytes(min(count, 1 << 20), at: at)
                    if bytes.isEmpty { break }
                    try fresh.writeBytes(bytes, at: at)
                    done = bytes.count
                }
                at += UInt64(done)
            }
            position = max(end, start + 1)
        }
        try fresh.truncate(to: status.size)
        return 0
    }

    private func keep(
        _ kept: KeptAttributes, of source: File, _ status: FileStatus, on fresh: File
    ) throws(Errno) {
        // The owner is set first, because fchown(2) clears the set-id bits.
        if kept.contains(.owner), fchown(fresh.descriptor, status.user, status.group) != 0 {
            _ = fchown(fresh.descriptor, uid_t.max, status.group)
        }
        if kept.contains(.xattrs) {
            for (name, value) in try source.extendedAttributes() {
                // Only a privileged process may set some of them (security.*, trusted.*): these are
                // skipped.
                do throws(Errno) {
                    try fresh.setExtendedAttribute(name, to: value)
                } catch {
                    guard error == .notPermitted || error == .notSupported else { throw error }
                }
            }
        }
        // A new directory has its mode already. A file was made for its owner alone.
        if kept.contains(.mode) || status.type != .directory {
            let mode = kept.contains(.mode) ? status.mode & 0o7777 : 0o666 & ~Self.umask
            if fchmod(fresh.descriptor, mode) != 0 { throw .last }
        }
        if kept.contains(.times) { try fresh.setTimes(of: status) }
    }

    /// The umask of the process. It is read from /proc, because umask(2) cannot return it without setting
    /// it.
    private static let umask: UInt32 = {
        guard let file = try? File.open("/proc/self/status", flags: O_RDONLY),
            let bytes = try? file.readBytes(8192, at: 0)
        else { return 0o022 }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("Umask:") {
            return UInt32(line.split(separator: "\t").last ?? "", radix: 8) ?? 0o022
        }
        return 0o022
    }()

    package func keepAttributes(
        of source: ToolPath, on path: ToolPath, _ kept: KeptAttributes
    ) throws(ToolError) {
        let from = try open(source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, doing: "read").file
        let to = try open(
            path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, followsLast: false, writing: true,
            doing: "write").file
        do throws(Errno) {
            try keep(kept, of: from, try from.status(), on: to)
        } catch {
            throw ToolError(error, "set the attributes of", "\(path)")
        }
    }

    package func makeSymlink(
        _ path: ToolPath, to target: [UInt8], like status: FileStatus?
    ) throws(ToolError) {
        let (directory, name) = try parent(of: path, doing: "make")
        let result = withCString(target) { target in
            withCString(name.bytes) { symlinkat(target, directory.descriptor, $0) }
        }
        if result != 0 { throw ToolError(.last, "make the symlink", "\(path)") }
        guard let status else { return }
        do throws(Errno) {
            try directory.setTimes(of: status, onSymlink: name.bytes)
        } catch {
            throw ToolError(error, "set the times of", "\(path)")
        }
    }

    package func makeLink(_ path: ToolPath, as other: ToolPath) throws(ToolError) {
        let (from, name) = try parent(of: path, doing: "link")
        let (to, newName) = try parent(of: other, doing: "link")
        let result = withCString(name.bytes) { name in
            withCString(newName.bytes) { linkat(from.descriptor, name, to.descriptor, $0, 0) }
        }
        if result != 0 { throw ToolError(.last, "link", "\(path) as \(other)") }
    }
}
