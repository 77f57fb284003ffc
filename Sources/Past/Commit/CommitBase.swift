// CommitBase: the base as a commit writes to it: by paths below its root, following no symlink.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct CommitBase: Sendable {
    let root: File
    let host: HostBase
    /// The status of the root before the commit made its stage there.
    private let rootBefore: FileStatus
    private let recent = RecentDirectories()

    /// The directories that were opened last: neighbouring paths lie in the same ones.
    private final class RecentDirectories: Sendable {
        let files = Mutex<[(path: [UInt8], file: File)]>([])
    }

    private static let recentDirectories = 4

    /// Opens the base for writing.
    /// - Parameter isReadOnly: whether nothing will be written, so that it may be mounted read-only.
    /// - Throws: EROFS if it is mounted read-only, ESTALE if another directory has its path now.
    init(_ host: HostBase, isReadOnly: Bool = false) throws(Errno) {
        self.host = host
        root = try File.open(host.path, flags: OpenFlags.directory)
        rootBefore = try root.status()
        guard rootBefore.isSameFile(host.rootStatus) else { throw .stale }
        if !isReadOnly, root.isOnReadOnlyMount { throw .readOnly }
    }

    private init(_ base: CommitBase) {
        (host, root, rootBefore) = (base.host, base.root, base.rootBefore)
    }

    /// Returns the same base for another thread: the directories that were opened last are one thread's.
    func forThread() -> CommitBase { CommitBase(self) }

    /// Returns a descriptor (O_PATH) of a directory.
    func directory(_ path: [UInt8]) throws(Errno) -> File {
        if path.isEmpty { return root }
        let known = recent.files.withLock { files in files.first { $0.path == path }?.file }
        if let known { return known }
        let file = try File.openBeneath(path, in: root, flags: OpenFlags.path | OpenFlags.directory)
        recent.files.withLock { files in
            if files.count >= Self.recentDirectories { files.removeFirst() }
            files.append((path, file))
        }
        return file
    }

    /// Forgets all directories: one of them was moved, so that paths lead elsewhere.
    func forgetDirectories() { recent.files.withLock { $0 = [] } }

    func status(_ path: [UInt8]) throws(Errno) -> FileStatus {
        let place = BasePlace(path: path)
        return try FileStatus(place.name, in: try directory(place.directory))
    }

    /// Returns the status of a file before the commit; nil if there is nothing.
    func statusBefore(_ path: [UInt8]) throws(Errno) -> FileStatus? {
        path.isEmpty ? rootBefore : try status(ifPresent: path)
    }

    /// Returns whether a directory has names that do not leave it with the commit: the workspace has not seen
    /// them.
    func hasNames(in path: [UInt8], besides paths: PathMoves) throws(Errno) -> Bool {
        try directory(path).reopenedForSync().listDirectory()
            .contains { !paths.isLeft(BasePlace.join(path, $0.name.bytes)) }
    }

    /// Returns nil if there is nothing.
    func status(ifPresent path: [UInt8]) throws(Errno) -> FileStatus? {
        do throws(Errno) {
            return try status(path)
        } catch {
            // ELOOP: a directory of the path is a symlink now.
            if [.noEntry, .notDirectory, .loop].contains(error) { return nil }
            throw error
        }
    }

    /// Runs `body` with the directory above a path, and the name in it.
    func at(_ path: [UInt8], _ body: (File, [UInt8]) throws(Errno) -> Void) throws(Errno) {
        let place = BasePlace(path: path)
        try body(try directory(place.directory), place.name)
    }

    func rename(_ path: [UInt8], to newPath: [UInt8], replaces: Bool = false) throws(Errno) {
        try at(path) { (from, name) throws(Errno) in
            try at(newPath) { (to, newName) throws(Errno) in
                try from.rename(name, to: newName, in: to, replaces: replaces)
            }
        }
    }

    func link(_ path: [UInt8], to newPath: [UInt8]) throws(Errno) {
        try at(path) { (from, name) throws(Errno) in
            try at(newPath) { (to, newName) throws(Errno) in try from.link(name, to: newName, in: to) }
        }
    }

    /// The file of a stage whose times are those of the base's root: before the stage was made, and right
    /// after. It gets its second name when all names have left the base, before others come.
    private static let rootTimes = Array("root".utf8)
    private static let laterRootTimes = Array("root-left".utf8)

    /// Makes the stage of a commit. The times of the root, which change with that, are kept in it.
    func makeStage(_ name: [UInt8]) throws(Errno) -> File {
        // It may be left of a commit of this number that never began.
        if (try? status(name)) != nil { try root.removeTree(name) }
        try root.makeDirectory(name, mode: 0o700)
        for acl in ["system.posix_acl_default", "system.posix_acl_access"] {
            // It has none, as a rule. What is made in it must not inherit one.
            try? root.removeExtendedAttribute(Array(acl.utf8), of: name)
        }
        let stage = try directory(name)
        var times = rootBefore
        times.accessTime = try root.status().modificationTime
        try File.open(Self.rootTimes, in: stage, flags: OpenFlags.createNew).setTimes(of: times)
        return stage
    }

    /// Returns whether all names that a commit takes away have left the base. A file that was given a removed
    /// name again may be the same file: it must not be moved out once more.
    func haveNamesLeft(_ stage: String) throws(Errno) -> Bool {
        // The stage goes last of all.
        try status(ifPresent: BasePlace.join(Array(stage.utf8), Self.rootTimes)) == nil
    }

    func noteNamesLeft(_ stage: String) throws(Errno) {
        let directory = try directory(Array(stage.utf8))
        try directory.rename(Self.rootTimes, to: Self.laterRootTimes, in: directory, replaces: true)
    }

    /// Removes a stage, and gives the root its times of before, if no other program has changed it since.
    func removeStage(_ name: String) throws(Errno) {
        let stage = try directory(Array(name.utf8))
        let kept = (try? FileStatus(Self.laterRootTimes, in: stage))
            ?? (try? FileStatus(Self.rootTimes, in: stage))
        let now = try root.status()
        // What a commit has moved out of the base must not be lost, whatever is known of the commit.
        if leftover(in: name)?.first == UInt8(ascii: "m") { throw .notEmpty }
        try root.removeTree(Array(name.utf8))
        forgetDirectories()
        guard let kept, kept.accessTime == now.modificationTime else { return }
        var times = now
        times.modificationTime = kept.modificationTime
        try root.setTimes(of: times, onSymlink: [0x2e])
    }

    /// Returns a file that was left in a stage.
    func leftover(in name: String) -> [UInt8]? {
        guard let stage = try? directory(Array(name.utf8)).reopenedForSync(),
            let names = try? stage.listDirectory() else { return nil }
        let left = names.map(\.name.bytes).filter { $0 != Self.rootTimes && $0 != Self.laterRootTimes }
        return left.first { $0.first == UInt8(ascii: "m") } ?? left.first
    }

    /// Returns all extended attributes of a file; none if the file system has none.
    func xattrs(_ path: [UInt8]) throws(Errno) -> [[UInt8]: [UInt8]] {
        let place = BasePlace(path: path)
        let directory = try directory(place.directory)
        var found: [[UInt8]: [UInt8]] = [:]
        do throws(Errno) {
            for name in try directory.extendedAttributeNames(of: place.name) {
                found[name] = try directory.extendedAttribute(name, of: place.name)
            }
        } catch {
            if error != .notSupported { throw error }
        }
        return found
    }

    private static let userPrefix = Array("user.".utf8)

    /// Linux refuses attributes of users on all but files and directories (xattr(7)).
    private static func canHave(_ attribute: [UInt8], _ status: FileStatus) -> Bool {
        status.type == .regular || status.type == .directory || !attribute.starts(with: userPrefix)
    }

    /// Gives a file that was just made its attributes.
    /// - Parameter owner: who owns new files.
    func setFirstAttributes(
        _ path: [UInt8], _ status: FileStatus, _ xattrs: [[UInt8]: [UInt8]], owner: FileStatus
    ) throws(Errno) {
        try at(path) { (directory, name) throws(Errno) in
            if owner.user != status.user || owner.group != status.group {
                try directory.setOwner(name, user: status.user, group: status.group)
            }
            if status.type != .symlink { try directory.setMode(name, status.mode) }
            // An ACL goes with the mode, and capabilities with the owner.
            for (attribute, value) in xattrs where Self.canHave(attribute, status) {
                try directory.setExtendedAttribute(attribute, of: name, to: value)
            }
            try directory.setTimes(of: status, onSymlink: name)
        }
    }

    /// Gives a file the mode and the owner of `status`, and exactly these extended attributes.
    func setAttributes(
        _ path: [UInt8], _ status: FileStatus, _ wanted: [[UInt8]: [UInt8]]
    ) throws(Errno) {
        let before = try self.status(path)
        let present = try xattrs(path)
        try at(path) { (directory, name) throws(Errno) in
            let isOwnerNew = before.user != status.user || before.group != status.group
            if isOwnerNew { try directory.setOwner(name, user: status.user, group: status.group) }
            for attribute in present.keys where wanted[attribute] == nil {
                try directory.removeExtendedAttribute(attribute, of: name)
            }
            if status.type != .symlink, isOwnerNew || before.mode != status.mode {
                try directory.setMode(name.isEmpty ? [0x2e] : name, status.mode)
            }
            for (attribute, value) in wanted
            where Self.canHave(attribute, status) && (isOwnerNew || present[attribute] != value) {
                try directory.setExtendedAttribute(attribute, of: name, to: value)
            }
        }
    }
}
