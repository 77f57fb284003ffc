// StoreGround+Changes: changes of a workspace without a mount. The engine does here what HostGround does
// with system calls.

internal import Overlay
internal import Past
package import Platform
package import Tools

extension StoreGround {
    private static let regular: UInt32 = 0o100_666
    private static let directory: UInt32 = 0o040_777
    private static let symlink: UInt32 = 0o120_777

    package func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion {
        let found = try find(path)
        guard let node = found.node else { throw ToolError(.noEntry, "edit", "\(path)") }
        guard node.attributes.type == .regular else {
            throw ToolError(.wrongType, "\(path) is not a regular file: name a file")
        }
        let status = FileStatus(node.attributes)
        if let expected, expected != FileVersion(status) {
            throw ToolError(
                .stale, "\(path) has changed since it was read: read the part again, then edit it")
        }
        let changes = splices.filter { $0.delete > 0 || !$0.insert.isEmpty }
        if changes.isEmpty { return FileVersion(status) }
        defer { maintain() }
        do throws(CommandError) {
            _ = try workspace.content.edit(
                Self.below(found.path),
                changes.map { Splice(offset: $0.offset, delete: $0.delete, insert: $0.insert) },
                caller: caller)
        } catch {
            throw ToolError(error)
        }
        return FileVersion(try self.status(found.path))
    }

    /// Returns a path in the form of the engine's commands: without a leading slash.
    static func below(_ path: ToolPath) -> [UInt8] { Array(path.bytes.dropFirst()) }

    // MARK: Making

    private func make(
        _ path: ToolPath, mode: UInt32, target: [UInt8] = [], doing: String
    ) throws(ToolError) -> Node {
        let (parent, name, _) = try place(path, doing: doing)
        let attributes = try change(doing, path) { () throws(Errno) in
            try workspace.makeNode(
                name, in: parent.number, mode: mode, symlinkTarget: target, caller: caller)
        }
        return Node(attributes, workspace, isCounted: true)
    }

    package func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError) {
        let found = try find(path)
        if found.node != nil { throw ToolError(.exists, "\(path) exists already") }
        let temporary = found.path.parent.appending(WorkingName.make(WorkingName.fresh))
        let node = try make(temporary, mode: Self.regular, doing: "make")
        do throws(ToolError) {
            try change("write", path) { () throws(Errno) in
                try Self.write(workspace, node.number, bytes, at: 0, caller: caller)
            }
            try move(temporary, to: found.path)
        } catch {
            try? remove(temporary)
            throw error.kind == .exists
                ? ToolError(.exists, "\(path) exists already") : error
        }
    }

    package func writePart(
        _ path: ToolPath, _ bytes: [UInt8], at offset: UInt64, isNew: Bool
    ) throws(ToolError) {
        let node = isNew
            ? try make(path, mode: Self.regular, doing: "write")
            : try existing(path, followsLast: false, doing: "write")
        try change("write", path) { () throws(Errno) in
            try Self.write(workspace, node.number, bytes, at: offset, caller: caller)
            try resize(node, to: offset &+ UInt64(bytes.count))
        }
    }

    private func resize(_ node: Node, to size: UInt64) throws(Errno) {
        var change = AttributeChange()
        change.size = size
        _ = try workspace.setAttributes(node.number, change, caller: caller)
    }

    package func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError) {
        var missing: [ToolPath] = [path]
        if withParents {
            var above = path
            while !above.names.isEmpty, try find(above).node == nil {
                if above != path { missing.append(above) }
                above = above.parent
            }
        }
        for directory in missing.reversed() {
            if withParents, let node = try find(directory).node, node.attributes.type == .directory {
                continue
            }
            _ = try make(directory, mode: Self.directory, doing: "make the directory")
        }
    }

    package func makeSymlink(
        _ path: ToolPath, to target: [UInt8], like status: FileStatus?
    ) throws(ToolError) {
        let node = try make(path, mode: Self.symlink, target: target, doing: "make the symlink")
        if let status { try setTimes(node, status, path) }
    }

    package func makeLink(_ path: ToolPath, as other: ToolPath) throws(ToolError) {
        let node = try existing(path, followsLast: false, doing: "link")
        let (parent, name, _) = try place(other, doing: "link")
        let attributes = try change("link", other) { () throws(Errno) in
            try workspace.makeLink(to: node.number, name: name, in: parent.number, caller: caller)
        }
        workspace.forget(attributes.number, count: 1)
    }

    // MARK: Names

    package func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError) {
        try rename(source, to: destination, flags: .noReplace)
    }

    package func exchange(_ one: ToolPath, _ other: ToolPath) throws(ToolError) {
        try rename(one, to: other, flags: .exchange)
    }

    private func rename(
        _ source: ToolPath, to destination: ToolPath, flags: RenameFlags
    ) throws(ToolError) {
        _ = try existing(source, followsLast: false, doing: "move")
        let (from, name, real) = try place(source, doing: "move")
        let (to, newName, target) = try place(destination, doing: "move")
        if flags.contains(.noReplace), try find(destination, followsLast: false).node != nil {
            throw ToolError(
                .exists, "\(destination) exists already: nothing was moved")
        }
        // On a mount the kernel checks this.
        if target.names(below: real) != nil, target != real {
            throw ToolError(.invalid, "move", "\(source) to \(destination)")
        }
        do throws(ToolError) {
            try change("move", source) { () throws(Errno) in
                try workspace.rename(
                    name, in: from.number, to: newName, in: to.number, flags: flags, caller: caller)
            }
        } catch {
            throw error.kind == .exists
                ? ToolError(.exists, "\(destination) exists already: nothing was moved")
                : error
        }
    }

    package func install(
        _ source: ToolPath, as path: ToolPath, replaces: Bool
    ) throws(ToolError) {
        let fresh = try existing(source, followsLast: false, doing: "read")
        try change("write", path) { () throws(Errno) in try workspace.synchronize(fresh.number) }
        guard replaces, let old = try find(path, followsLast: false).node else {
            return try move(source, to: path)
        }
        guard old.attributes.type == .regular else {
            throw ToolError(.wrongType, "\(path) is not a regular file: name a file")
        }
        if old.attributes.links > 1 {
            // A rename would leave the other names with the old content.
            let size = fresh.attributes.size
            try change("write", path) { () throws(Errno) in
                var done: UInt64 = 0
                while done < size {
                    let count = try workspace.content.copyRange(
                        from: fresh.number, at: done, to: old.number, at: done, length: size - done,
                        caller: caller)
                    if count == 0 { throw .inputOutput }
                    done += count
                }
                try resize(old, to: size)
            }
            return try remove(source)
        }
        try keepAttributes(of: path, on: source, [.mode, .xattrs, .owner])
        try rename(source, to: path, flags: [])
    }

    package func remove(_ path: ToolPath) throws(ToolError) {
        let node = try existing(path, followsLast: false, doing: "remove")
        let (parent, name, _) = try place(path, doing: "remove")
        try change("remove", path) { () throws(Errno) in
            if node.attributes.type == .directory {
                try workspace.removeDirectory(name, in: parent.number, caller: caller)
            } else {
                try workspace.unlink(name, in: parent.number, caller: caller)
            }
        }
    }

    // MARK: Copies

    package func clone(
        _ pairs: [(source: ToolPath, destination: ToolPath)]
    ) throws(ToolError) -> Bool {
        defer { maintain() }
        for (source, destination) in pairs {
            let from = try find(source, followsLast: false).path
            let to = try find(destination, followsLast: false).path
            do throws(CommandError) {
                _ = try workspace.commands.clone(Self.below(from), to: Self.below(to), caller: caller)
            } catch {
                throw ToolError(error)
            }
        }
        return true
    }

    package func copyFile(
        _ source: ToolPath, to path: ToolPath, keeping kept: KeptAttributes
    ) throws(ToolError) -> UInt64 {
        _ = try clone([(source, path)])
        let node = try existing(path, followsLast: false, doing: "copy")
        var change = AttributeChange()
        if !kept.contains(.mode) { change.mode = Self.regular & 0o777 & ~caller.umask }
        if !kept.contains(.times) { change.modificationTime = .now }
        try self.change("copy", path) { () throws(Errno) in
            _ = try workspace.setAttributes(node.number, change, caller: caller)
            if kept.contains(.xattrs) { return }
            for name in try workspace.xattrNames(of: node.number) {
                try workspace.removeXattr(name, of: node.number, caller: caller)
            }
        }
        return node.attributes.size
    }

    package func keepAttributes(
        of source: ToolPath, on path: ToolPath, _ kept: KeptAttributes
    ) throws(ToolError) {
        let from = try existing(source, doing: "read")
        let to = try existing(path, followsLast: false, doing: "write")
        try change("set the attributes of", path) { () throws(Errno) in
            var change = AttributeChange()
            if kept.contains(.owner) {
                change.user = from.attributes.user
                change.group = from.attributes.group
            }
            if kept.contains(.mode) { change.mode = from.attributes.mode & 0o7777 }
            _ = try workspace.setAttributes(to.number, change, caller: caller)
            if kept.contains(.xattrs) {
                for name in try workspace.xattrNames(of: from.number) {
                    try workspace.setXattr(
                        name, of: to.number, to: try workspace.xattr(name, of: from.number),
                        mode: .either, caller: caller)
                }
            }
        }
        if kept.contains(.times) { try setTimes(to, FileStatus(from.attributes), path) }
    }

    private func setTimes(
        _ node: Node, _ status: FileStatus, _ path: ToolPath
    ) throws(ToolError) {
        var change = AttributeChange()
        change.accessTime = .at(status.accessTime)
        change.modificationTime = .at(status.modificationTime)
        try self.change("set the times of", path) { () throws(Errno) in
            _ = try workspace.setAttributes(node.number, change, caller: caller)
        }
    }
}
