// KeptFiles: the files and directories that a commit replaced or removed, in the store. Each has the id of
// its row as its name. It got that name when it was whole.

package import Platform

package struct KeptFiles {
    private let path: String

    package init(_ table: EpochTable) { path = table.directory + "/kept" }

    /// The prefix of the directory in the base's root in which a commit prepares what it will put in place.
    /// Workspaces never show it.
    package static let stage = ".draftfs-commit-"
    private static let stageBytes = Array(stage.utf8)

    package static func isStage(_ name: [UInt8]) -> Bool { name.starts(with: stageBytes) }

    package func directory() throws(Errno) -> File {
        try File.open(path, flags: OpenFlags.path | OpenFlags.directory)
    }

    /// Returns the directory and the name of a file: what is kept, or a path below it.
    private func place(_ id: UInt64, _ rest: [UInt8]) throws(Errno) -> (File, [UInt8]) {
        let name = Array("\(id)".utf8)
        let top = try directory()
        if rest.isEmpty { return (top, name) }
        let place = BasePlace(path: rest)
        let above = place.directory.isEmpty ? name : name + [0x2f] + place.directory
        return (try File.openBeneath(above, in: top, flags: OpenFlags.path | OpenFlags.directory), place.name)
    }

    package func status(_ id: UInt64, _ rest: [UInt8] = []) throws(Errno) -> FileStatus {
        let (directory, name) = try place(id, rest)
        return try FileStatus(name, in: directory)
    }

    /// Returns whether a file is there. If that cannot be asked, it counts as there, and its use reports why.
    func has(_ id: UInt64) -> Bool {
        do throws(Errno) {
            _ = try status(id)
            return true
        } catch {
            return error != .noEntry
        }
    }

    func list(_ id: UInt64, _ rest: [UInt8]) throws(Errno) -> [HostEntry] {
        let (directory, name) = try place(id, rest)
        return try File.openBeneath(name, in: directory, flags: OpenFlags.directory).listDirectory()
    }

    func file(_ id: UInt64, _ rest: [UInt8] = []) throws(Errno) -> File {
        let (directory, name) = try place(id, rest)
        return try File.openBeneath(name, in: directory, flags: OpenFlags.readFile)
    }

    func symlinkTarget(_ id: UInt64, _ rest: [UInt8]) throws(Errno) -> [UInt8] {
        let (directory, name) = try place(id, rest)
        return try directory.readSymlink(name)
    }

    func xattr(_ attribute: [UInt8], _ id: UInt64, _ rest: [UInt8]) throws(Errno) -> [UInt8] {
        let (directory, name) = try place(id, rest)
        return try directory.extendedAttribute(attribute, of: name)
    }

    func xattrNames(_ id: UInt64, _ rest: [UInt8]) throws(Errno) -> [[UInt8]] {
        let (directory, name) = try place(id, rest)
        return try directory.extendedAttributeNames(of: name)
    }
}
