// HostGround+Names: makes, moves and removes names on the host. Each call works below the descriptor of the
// directory that it has checked.

import Glibc
internal import Platform

extension HostGround {
    /// Opens the parent directory of a path, and returns it with the last name.
    func parent(
        of path: ToolPath, doing: String
    ) throws(ToolError) -> (directory: File, name: FileName) {
        guard let name = path.names.last else {
            throw ToolError(.denied, "cannot \(doing) the root directory")
        }
        let directory = try open(
            path.parent, flags: O_RDONLY | O_DIRECTORY, writing: true, doing: "\(doing) in").file
        return (directory, name)
    }

    package func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError) {
        let (directory, name) = try parent(of: path, doing: "make")
        let temporary = "\(WorkingName.make(WorkingName.fresh))"
        do throws(Errno) {
            // The mode is reduced by the umask, as in open(2).
            let file = try File.open(
                temporary, in: directory, flags: OpenFlags.createNew | O_NOFOLLOW, mode: 0o666)
            do throws(Errno) {
                try file.writeBytes(bytes, at: 0)
                try directory.rename(
                    Array(temporary.utf8), to: name.bytes, in: directory, replaces: false)
            } catch {
                unlinkat(directory.descriptor, temporary, 0)
                throw error
            }
        } catch {
            if error == .exists {
                throw ToolError(.exists, "\(path) exists already")
            }
            throw ToolError(error, "make", "\(path)")
        }
    }

    package func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError) {
        var missing: [ToolPath] = [path]
        if withParents {
            var above = path
            while !above.names.isEmpty, (try? status(above)) == nil {
                if above != path { missing.append(above) }
                above = above.parent
            }
        }
        for directory in missing.reversed() {
            let (parent, name) = try parent(of: directory, doing: "make")
            let result = withCString(name.bytes) { mkdirat(parent.descriptor, $0, 0o777) }
            if result == 0 { continue }
            let error = Errno.last
            if error == .exists, withParents, try status(directory).type == .directory { continue }
            throw ToolError(error, "make the directory", "\(directory)")
        }
    }

    package func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError) {
        let (from, name) = try parent(of: source, doing: "move")
        // A link in the last place is moved itself.
        let real = try locate(source, followsLast: false, writing: true).path
        guard !roots.lie(below: real) else {
            throw ToolError(.denied, "\(source) is or contains an allowed directory: it cannot be moved")
        }
        let (to, newName) = try parent(of: destination, doing: "move")
        do throws(Errno) {
            try from.rename(name.bytes, to: newName.bytes, in: to, replaces: false)
        } catch {
            if error == .exists {
                throw ToolError(.exists, "\(destination) exists already: nothing was moved")
            }
            throw ToolError(error, "move", "\(source) to \(destination)")
        }
    }

    package func exchange(_ one: ToolPath, _ other: ToolPath) throws(ToolError) {
        let (from, name) = try parent(of: one, doing: "replace")
        let (to, otherName) = try parent(of: other, doing: "replace")
        do throws(Errno) {
            try from.exchange(name.bytes, with: otherName.bytes, in: to)
            return
        } catch {
            guard [.invalid, .notSupported, .notImplemented].contains(error) else {
                throw ToolError(error, "replace", "\(other)")
            }
        }
        try Self.exchangeByRenames(one, other) { (old, new) throws(Errno) in
            let (source, target) = (old == one ? from : to, new == one ? from : to)
            try source.rename(
                old.names.last?.bytes ?? [], to: new.names.last?.bytes ?? [], in: target, replaces: false)
        }
    }

    /// Exchanges two names on a file system that cannot do so: for a moment one of them does not exist. If
    /// this fails, the files get their names back.
    /// - Parameter rename: gives a file another name, which must be free.
    static func exchangeByRenames(
        _ one: ToolPath, _ other: ToolPath, rename: (ToolPath, ToolPath) throws(Errno) -> Void
    ) throws(ToolError) {
        func workingPath() -> ToolPath { other.parent.appending(WorkingName.make(WorkingName.fresh)) }
        let aside = workingPath()
        do throws(Errno) {
            try rename(other, aside)
        } catch {
            throw ToolError(error, "replace", "\(other)")
        }
        let failure: Errno
        var hasMoved = false
        do throws(Errno) {
            try rename(one, other)
            hasMoved = true
            try rename(aside, one)
            return
        } catch {
            failure = error
        }
        do throws(Errno) {
            // Another process may have taken the first name. Then the new file stays under the working name,
            // but the old one gets its name back.
            let spare = workingPath()
            if hasMoved { try rename(other, spare) }
            try rename(aside, other)
            if hasMoved { try? rename(spare, one) }
        } catch {
            throw ToolError(
                .system,
                "\(other) could not be replaced (\(failure)) and not be restored (\(error)): its earlier "
                    + "content is now in \(aside)")
        }
        throw ToolError(failure, "replace", "\(other)")
    }

    package func writePart(
        _ path: ToolPath, _ bytes: [UInt8], at offset: UInt64, isNew: Bool
    ) throws(ToolError) {
        let (directory, name) = try parent(of: path, doing: "write")
        do throws(Errno) {
            let file = try File.open(
                name.bytes, in: directory,
                flags: (isNew ? OpenFlags.createNew : O_RDWR) | O_NOFOLLOW, mode: 0o666)
            try file.writeBytes(bytes, at: offset)
            try file.truncate(to: offset &+ UInt64(bytes.count))
        } catch {
            throw ToolError(error, "write", "\(path)")
        }
    }

    package func install(
        _ source: ToolPath, as path: ToolPath, replaces: Bool
    ) throws(ToolError) {
        let file = try open(source, flags: O_RDONLY, followsLast: false, doing: "read").file
        do throws(Errno) {
            try file.synchronize()
        } catch {
            throw ToolError(error, "write", "\(path)")
        }
        guard replaces, let status = try? status(path) else {
            return try move(source, to: path)
        }
        guard status.type == .regular else {
            throw ToolError(.wrongType, "\(path) is not a regular file: name a file")
        }
        let old = try open(path, flags: O_RDWR, followsLast: false, writing: true, doing: "write").file
        let (from, name) = try parent(of: source, doing: "write")
        let (to, newName) = try parent(of: path, doing: "write")
        keepContent(of: old, path, isReplaced: status.links == 1)
        do throws(Errno) {
            if status.links > 1 {
                // A rename would leave the other names with the old content.
                let size = try file.status().size
                try copyWhole(file, size, to: old, at: 0)
                try old.truncate(to: size)
                _ = withCString(name.bytes) { unlinkat(from.descriptor, $0, 0) }
                return
            }
            try copyMetadata(of: old, status, to: file)
            try from.rename(name.bytes, to: newName.bytes, in: to, replaces: true)
        } catch {
            throw ToolError(error, "write", "\(path)")
        }
    }

    package func remove(_ path: ToolPath) throws(ToolError) {
        let status = try status(path)
        let (directory, name) = try parent(of: path, doing: "remove")
        let real = try locate(path, followsLast: false, writing: true)
        if real.below == [0x2e] { throw ToolError(.denied, "\(path) is one of the allowed directories") }
        let flags = status.type == .directory ? AT_REMOVEDIR : 0
        let result = withCString(name.bytes) { unlinkat(directory.descriptor, $0, flags) }
        if result != 0 { throw ToolError(.last, "remove", "\(path)") }
    }
}
