// HostGround+Splices: splices in files of the host. In a workspace the engine applies them in one record.
// In a plain directory a new file is written beside the old one and takes its name. A file with several
// names is written in place instead, because it would lose its other names.

import Glibc
internal import Platform

extension HostGround {
    package func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion {
        let (file, location) = try open(
            path, flags: O_RDWR | O_NONBLOCK | O_NOCTTY, writing: true, doing: "edit")
        let host = HostFile(file: file, name: path.description)
        let status = try host.status()
        guard status.type == .regular else {
            throw ToolError(.wrongType, "\(path) is not a regular file: name a file")
        }
        if let expected, expected != FileVersion(status) {
            throw ToolError(
                .stale, "\(path) has changed since it was read: read the part again, then edit it")
        }
        try checkOrder(splices, size: status.size, path)
        let changes = splices.filter { $0.delete > 0 || !$0.insert.isEmpty }
        if changes.isEmpty { return FileVersion(status) }
        if let controls = ControlFiles(above: location.path) {
            try controls.edit(location.path, changes)
            return FileVersion(try host.status())
        }
        if status.links > 1 {
            keepContent(of: file, location.path, isReplaced: false)
            try rewriteInPlace(file, changes, size: status.size, path)
            return FileVersion(try host.status())
        }
        return try rewriteBeside(file, status, changes, location)
    }

    private func checkOrder(
        _ splices: [ByteSplice], size: UInt64, _ path: ToolPath
    ) throws(ToolError) {
        var end: UInt64 = 0
        for splice in splices {
            guard splice.offset >= end, splice.offset <= size, splice.delete <= size - splice.offset
            else { throw ToolError(.usage, "the edits of \(path) overlap, or lie outside of it") }
            end = splice.offset + splice.delete
        }
    }

    // MARK: Plain files

    /// The number of bytes that are copied at once.
    private static let chunk: UInt64 = 1 << 20

    private func rewriteBeside(
        _ file: File, _ status: FileStatus, _ splices: [ByteSplice], _ location: Location
    ) throws(ToolError) -> FileVersion {
        let path = location.path
        guard let name = path.names.last else { throw ToolError(.wrongType, "\(path) is not a file") }
        let directory = try open(
            path.parent, flags: O_RDONLY | O_DIRECTORY, writing: true, doing: "edit in").file
        let temporary = "\(WorkingName.make(WorkingName.fresh))"
        do throws(Errno) {
            let fresh = try File.open(
                temporary, in: directory, flags: OpenFlags.createNew | O_NOFOLLOW, mode: 0o600)
            do throws(Errno) {
                _ = try write(file, from: 0, splices, size: status.size, to: fresh)
                try copyMetadata(of: file, status, to: fresh)
                // The data must be on the disk before the name: after a power cut the name must not lead to
                // lost bytes.
                try fresh.synchronize()
            } catch {
                unlinkat(directory.descriptor, temporary, 0)
                throw error
            }
            let kept = keepContent(of: file, path, isReplaced: true)
            do throws(Errno) {
                try replace(name, by: Array(temporary.utf8), in: directory, status)
            } catch {
                if let kept { dropContent(kept, of: path) }
                throw error
            }
            return FileVersion(try fresh.status())
        } catch {
            throw ToolError(error, "edit", "\(path)")
        }
    }

    /// Gives a name to the file that was made beside it, or removes that file on failure.
    /// - Parameter status: the status of the file that had the name, taken when it was read.
    /// - Throws: ESTALE if another file has the name by now, or the file was written to.
    private func replace(
        _ name: FileName, by fresh: [UInt8], in directory: File, _ status: FileStatus
    ) throws(Errno) {
        let seen = PlacedFiles.Mark(status)
        func removeFresh() -> Bool { withCString(fresh) { unlinkat(directory.descriptor, $0, 0) } == 0 }
        do throws(Errno) {
            try directory.exchange(fresh, with: name.bytes, in: directory)
        } catch {
            do throws(Errno) {
                guard [.invalid, .notSupported, .notImplemented].contains(error) else { throw error }
                // The file system cannot exchange names. A change between this check and the rename is
                // lost.
                let now = try FileStatus(name.bytes, in: directory)
                guard PlacedFiles.Mark(now) == seen else { throw .stale }
                try directory.rename(fresh, to: name.bytes, in: directory, replaces: true)
            } catch {
                _ = removeFresh()
                throw error
            }
            return
        }
        // Only after the exchange is it certain which file lost the name.
        var failure: Errno?
        if (try? FileStatus(fresh, in: directory)).map(PlacedFiles.Mark.init) != seen {
            failure = .stale
        } else if !removeFresh() {
            failure = .last
        }
        guard let failure else { return }
        // If the second exchange fails, the replaced file stays under the temporary name: it belongs to
        // another process.
        try directory.exchange(fresh, with: name.bytes, in: directory)
        _ = removeFresh()
        throw failure
    }

    /// Writes the new content of a file from byte `start` on, which is not after the first splice.
    /// - Returns: the length of what was written, in bytes.
    private func write(
        _ file: File, from start: UInt64, _ splices: [ByteSplice], size: UInt64, to fresh: File
    ) throws(Errno) -> UInt64 {
        var from = start
        var to: UInt64 = 0
        for splice in splices {
            try copy(file, from..<splice.offset, to: fresh, at: to)
            to += splice.offset - from
            try fresh.writeBytes(splice.insert, at: to)
            to += UInt64(splice.insert.count)
            from = splice.offset + splice.delete
        }
        try copy(file, from..<size, to: fresh, at: to)
        let total = to + (size - from)
        try fresh.truncate(to: total)
        return total
    }

    private func copy(
        _ file: File, _ range: Range<UInt64>, to fresh: File, at offset: UInt64
    ) throws(Errno) {
        var done: UInt64 = 0
        let total = range.upperBound - range.lowerBound
        while done < total {
            // Chunks of zeros are skipped, so that a sparse file stays sparse.
            let bytes = try file.readBytes(
                Int(min(Self.chunk, total - done)), at: range.lowerBound + done)
            if bytes.isEmpty { throw .stale }
            if bytes.contains(where: { $0 != 0 }) { try fresh.writeBytes(bytes, at: offset + done) }
            done += UInt64(bytes.count)
        }
    }

    func copyMetadata(
        of file: File, _ status: FileStatus, to fresh: File
    ) throws(Errno) {
        // The owner is set first, because fchown(2) clears the set-id bits.
        if fchown(fresh.descriptor, status.user, status.group) != 0 {
            // Without ownership of the file, its copy cannot be given away; the group may still be allowed.
            _ = fchown(fresh.descriptor, uid_t.max, status.group)
        }
        for (name, value) in try file.extendedAttributes() {
            try fresh.setExtendedAttribute(name, to: value)
        }
        if fchmod(fresh.descriptor, status.mode & 0o7777) != 0 { throw .last }
    }

    /// Writes the new end of the file, from the first splice on, into an unnamed file and then copies it
    /// back. The old bytes stay unchanged until all of them are read.
    private func rewriteInPlace(
        _ file: File, _ splices: [ByteSplice], size: UInt64, _ path: ToolPath
    ) throws(ToolError) {
        guard let first = splices.first else { return }
        do throws(Errno) {
            let fresh = try File.open("/var/tmp", flags: OpenFlags.temporary, mode: 0o600)
            let total = try write(file, from: first.offset, splices, size: size, to: fresh)
            // On a full disk this fails before a byte has changed. Some file systems do not support it.
            if total > 0 { _ = try file.setAside(from: first.offset, length: total) }
            try copyWhole(fresh, total, to: file, at: first.offset)
            try file.truncate(to: first.offset + total)
        } catch {
            throw ToolError(error, "edit", "\(path)")
        }
    }

    func copyWhole(
        _ source: File, _ size: UInt64, to file: File, at offset: UInt64
    ) throws(Errno) {
        var done: UInt64 = 0
        while done < size {
            let bytes = try source.readBytes(Int(min(Self.chunk, size - done)), at: done)
            if bytes.isEmpty { throw .inputOutput }
            try file.writeBytes(bytes, at: offset + done)
            done += UInt64(bytes.count)
        }
    }
}
