// StoreGround: a workspace as a ground without a mount, for hosts that do not allow FUSE. The engine runs
// in the same process, over a store. Paths begin at the workspace's root.
//
// Lookups hold references, like those of the kernel: an inode stays known while it is used.

internal import Control
package import Overlay
package import Platform
internal import Storage
internal import Synchronization
package import Tools

package final class StoreGround: Ground {
    package let roots: Roots
    let workspace: Workspace
    let caller: Caller
    let past: StorePast
    private let set: WorkspaceSet
    private let lastMaintenance = Atomic<Int64>(0)

    private static let controlName = Array(".draft".utf8)

    /// The maximum number of links that are followed in one path, as in path_resolution(7).
    private static let mostLinks = 40
    /// The nanoseconds between two rounds of maintenance, such as checkpoints.
    private static let maintenanceInterval: Int64 = 250_000_000

    /// - Parameter caller: the caller for all operations; the store's owner may do everything.
    package init(_ set: WorkspaceSet, _ workspace: Workspace, caller: Caller) throws(ToolError) {
        self.set = set
        self.workspace = workspace
        self.caller = caller
        past = StorePast(set, workspace, caller)
        roots = try Roots([Root(path: [0x2f], isReadOnly: false)], home: nil)
    }

    /// Opens a store over a base, as a mount does, and makes the workspace if it does not exist.
    package convenience init(
        base: String, store: String, workspace name: String, caller: Caller
    ) throws(ToolError) {
        let basePath = Placement.resolve(base)
        let storePath = Placement.resolve(store)
        let tree: BaseTree
        do throws(Errno) {
            tree = try BaseTree(basePath, limits: Limits())
        } catch {
            throw ToolError(error, "open the base", base)
        }
        let set: WorkspaceSet
        do throws(StorageError) {
            let opened = try Store.open(
                storePath, basePath: Array(basePath.utf8), baseInode: tree.rootStatus.inode,
                holder: "pid \(caller.pid), serving tools", now: Clock.system.realtime())
            set = WorkspaceSet(store: opened, base: tree, events: EventLog())
        } catch {
            throw ToolError(.system, error.description)
        }
        set.maintainReserve()
        do {
            let name = try FileName(name)
            if set.find(name) == nil, let lost = set.store.unreadable.values.first {
                throw ToolError(
                    .missing,
                    "there is no workspace \(name) that can be read, and \(lost): run draftfs fsck --repair")
            }
            let record = try set.find(name) ?? set.create(name)
            try self.init(set, Self.open(record, set), caller: caller)
        } catch let error as Errno {
            throw ToolError(error, "make the workspace", name)
        } catch let error as ToolError {
            throw error
        } catch {
            throw ToolError(.system, "\(error)")
        }
    }

    private static func open(
        _ record: WorkspaceRecord, _ set: WorkspaceSet
    ) throws(ToolError) -> Workspace {
        do throws(StorageError) {
            return try set.workspace(record)
        } catch {
            throw ToolError(.system, error.description)
        }
    }

    /// Makes a checkpoint, and closes the store. Without it nothing is lost, but the next start replays
    /// more.
    package func close() {
        set.store.noteClosing()
        _ = set.close()
    }

    /// Does between calls the maintenance for which a mount has a thread of its own.
    func maintain() {
        let now = Clock.system.monotonic()
        let last = lastMaintenance.load(ordering: .relaxed)
        guard now - last > Self.maintenanceInterval,
            lastMaintenance.compareExchange(
                expected: last, desired: now, ordering: .relaxed).exchanged
        else { return }
        set.maintain()
    }

    // MARK: Resolving

    /// An inode that a path led to. Its references are released with it.
    final class Node: Sendable {
        let attributes: InodeAttributes
        private let workspace: Workspace
        private let isCounted: Bool

        init(_ attributes: InodeAttributes, _ workspace: Workspace, isCounted: Bool) {
            self.attributes = attributes
            self.workspace = workspace
            self.isCounted = isCounted
        }

        deinit { if isCounted { workspace.forget(attributes.number, count: 1) } }

        var number: InodeNumber { attributes.number }
    }

    struct Found {
        /// The path without symlinks.
        var path: ToolPath
        /// The inode; nil if it does not exist.
        var node: Node?
        /// The directory of the last name; nil for the root, and if the directory does not exist.
        var parent: Node?
    }

    private func root() throws(Errno) -> Node {
        Node(try workspace.attributes(workspace.rootNumber), workspace, isCounted: false)
    }

    func find(_ path: ToolPath, followsLast: Bool = true) throws(ToolError) -> Found {
        do {
            var names: [FileName] = []
            var nodes = [try root()]
            var waiting = path.names.reversed().map(\.bytes)
            var links = 0
            while let part = waiting.popLast() {
                if part == [0x2e] { continue }
                if part == [0x2e, 0x2e] {
                    guard names.popLast() != nil else { throw ToolError.leadsOut(path) }
                    nodes.removeLast()
                    continue
                }
                let name = try FileName(part)
                // A mount answers this name by itself: it is no file of the workspace.
                if names.isEmpty, part == Self.controlName {
                    throw ToolError(
                        .denied,
                        "\(path) is a control file of the workspace: use the tools with the same function")
                }
                guard let directory = nodes.last else { throw Errno.noEntry }
                // Below a file is nothing: such a path stays as it is written, as in a plain directory.
                let isDirectory = directory.attributes.type == .directory
                guard isDirectory, let node = try lookup(name, in: directory) else {
                    let rest = try waiting.reversed().map { bytes throws(Errno) in try FileName(bytes) }
                    return Found(
                        path: ToolPath(names: names + [name] + rest), node: nil,
                        parent: rest.isEmpty && isDirectory ? directory : nil)
                }
                guard node.attributes.type == .symlink, followsLast || !waiting.isEmpty else {
                    names.append(name)
                    nodes.append(node)
                    continue
                }
                links += 1
                guard links <= Self.mostLinks else { throw ToolError.tooManyLinks(path, Self.mostLinks) }
                let target = try workspace.symlinkTarget(node.number)
                // An absolute target would be a path of the host, which is unknown here.
                guard target.first != 0x2f else { throw ToolError.leadsOut(path) }
                waiting += target.split(separator: 0x2f).reversed().map(Array.init)
                guard waiting.count < Roots.longestPath else { throw Errno.nameTooLong }
            }
            return Found(
                path: ToolPath(names: names), node: nodes.last,
                parent: nodes.count > 1 ? nodes[nodes.count - 2] : nil)
        } catch let error as ToolError {
            throw error
        } catch let error as Errno {
            throw ToolError(error, "look at", "\(path)")
        } catch {
            throw ToolError(.system, "\(error)")
        }
    }

    private func lookup(_ name: FileName, in directory: Node) throws(Errno) -> Node? {
        do throws(Errno) {
            return Node(try workspace.lookup(name, in: directory.number), workspace, isCounted: true)
        } catch {
            if error == .noEntry { return nil }
            throw error
        }
    }

    /// Returns an existing inode.
    func existing(
        _ path: ToolPath, followsLast: Bool = true, doing: String
    ) throws(ToolError) -> Node {
        guard let node = try find(path, followsLast: followsLast).node else {
            throw ToolError(.noEntry, doing, "\(path)")
        }
        return node
    }

    /// Returns the directory of a name, and the name. A link in the last place is not followed.
    func place(
        _ path: ToolPath, doing: String
    ) throws(ToolError) -> (parent: Node, name: FileName, path: ToolPath) {
        let found = try find(path, followsLast: false)
        guard let name = found.path.names.last else {
            throw ToolError(.denied, "cannot \(doing) the root of the workspace")
        }
        guard let parent = found.parent else { throw ToolError(.noEntry, "\(doing) in", "\(path.parent)") }
        return (parent, name, found.path)
    }

    /// Runs a call of the engine, followed by the maintenance of a mount.
    func change<R>(
        _ doing: String, _ path: ToolPath, _ body: () throws(Errno) -> R
    ) throws(ToolError) -> R {
        defer { maintain() }
        do throws(Errno) {
            return try body()
        } catch {
            throw ToolError(error, doing, "\(path)")
        }
    }

    // MARK: Reading

    package func open(_ path: ToolPath) throws(ToolError) -> any GroundFile {
        let node = try existing(path, doing: "read")
        switch node.attributes.type {
        case .regular: return StoreFile(node, workspace, name: path.description)
        case .directory: throw ToolError(.wrongType, "\(path) is a directory: list it, or name a file")
        default: throw ToolError(.wrongType, "\(path) is not a regular file")
        }
    }

    package func status(_ path: ToolPath) throws(ToolError) -> FileStatus {
        FileStatus(try existing(path, followsLast: false, doing: "look at").attributes)
    }

    package func resolved(_ path: ToolPath) throws(ToolError) -> ToolPath { try find(path).path }

    package func list(_ path: ToolPath) throws(ToolError) -> [HostEntry] {
        try entries(path, withInodes: false).map(\.entry)
    }

    package func look(
        in path: ToolPath
    ) throws(ToolError) -> [(entry: HostEntry, status: FileStatus)] {
        try entries(path, withInodes: true).compactMap { entry, attributes in
            attributes.map { (entry, FileStatus($0)) }
        }
    }

    private func entries(
        _ path: ToolPath, withInodes: Bool
    ) throws(ToolError) -> [(entry: HostEntry, attributes: InodeAttributes?)] {
        let node = try existing(path, doing: "list")
        guard node.attributes.type == .directory else { throw ToolError(.notDirectory, "list", "\(path)") }
        var found: [(entry: HostEntry, attributes: InodeAttributes?)] = []
        let dots: Set<[UInt8]> = [[0x2e], [0x2e, 0x2e]]
        // Released after the listing, which holds the tree's lock.
        var counted: [InodeNumber] = []
        defer { for number in counted { workspace.forget(number, count: 1) } }
        return try change("list", path) { () throws(Errno) in
            try workspace.list(node.number, after: 0, withInodes: withInodes) { listed, number, attributes in
                if withInodes, attributes != nil { counted.append(number) }
                if dots.contains(listed.name.bytes) { return true }
                found.append(
                    (HostEntry(name: listed.name, inode: number, type: listed.type), attributes))
                return true
            }
            return found
        }
    }

    package func symlinkTarget(_ path: ToolPath) throws(ToolError) -> [UInt8] {
        let node = try existing(path, followsLast: false, doing: "read the link")
        return try change("read the link", path) { () throws(Errno) in
            try workspace.symlinkTarget(node.number)
        }
    }

    package func past(of path: ToolPath, writing: Bool) throws(ToolError) -> any WorkspacePast { past }
}

extension ToolError {
    static func leadsOut(_ path: ToolPath) -> ToolError {
        ToolError(.denied, "\(path) leads out of the workspace")
    }

    static func tooManyLinks(_ path: ToolPath, _ most: Int) -> ToolError {
        ToolError(.denied, "\(path) goes through more than \(most) symlinks")
    }

    /// Makes an error from the engine's answer to a command, with its own sentence.
    init(_ error: CommandError) {
        self.init(ToolError(error.errno, "", "").kind, error.description)
    }
}

extension FileStatus {
    init(_ attributes: InodeAttributes) {
        self.init(
            device: 0, inode: attributes.number, mode: attributes.mode, links: attributes.links,
            user: attributes.user, group: attributes.group, specialDevice: attributes.specialDevice,
            size: attributes.size, blocks: attributes.blocks, accessTime: attributes.accessTime,
            modificationTime: attributes.modificationTime, changeTime: attributes.changeTime,
            birthTime: 0)
    }
}
