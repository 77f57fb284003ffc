// Names on the host: files and directories that are made and moved. Each call works below the
// descriptor of the directory that it has checked.

import Glibc
internal import Platform

extension HostGround {
    /// The directory that a name stands in, opened, and the name.
    private func parent(
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
        let temporary = Self.temporaryName()
        do throws(Errno) {
            // The mode less the umask, as open(2) has it for every program.
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
                throw ToolError(.exists, "there is something at \(path) already")
            }
            throw ToolError(error, "make", "\(path)")
        }
    }

    static func temporaryName() -> String {
        ".draftfs-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36))"
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
        // A link in the last place is what is moved.
        _ = try locate(source, followsLast: false, writing: true)
        let (to, newName) = try parent(of: destination, doing: "move")
        do throws(Errno) {
            try from.rename(name.bytes, to: newName.bytes, in: to, replaces: false)
        } catch {
            if error == .exists {
                throw ToolError(.exists, "there is something at \(destination) already: nothing was moved")
            }
            throw ToolError(error, "move", "\(source) to \(destination)")
        }
    }
}
