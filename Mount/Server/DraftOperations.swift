// DraftOperations: translates the kernel's requests into calls of the engine. This file maps node ids
// to workspaces, files and control nodes; the files beside it have the operations.
//
// A node id is an inode number, except that the root of the mount is always 1: the root of the single
// workspace, or the list of workspaces. Control files have numbers that no inode has (ControlID).

package import Fuse
package import Overlay
internal import Platform
internal import Storage
internal import Synchronization

/// The content of the mount's root.
package enum MountRoot: Sendable {
    case list(WorkspaceSet)
    case workspace(Workspace)

    /// Returns the node id under which the kernel knows an inode.
    func nodeID(_ number: InodeNumber, in workspace: Workspace) -> UInt64 {
        if case .workspace = self, number == workspace.rootNumber {
            return DraftOperations.rootNode
        }
        return number
    }
}

extension Notifier {
    /// Tells the kernel to drop stale inodes and names.
    func drop(_ stale: StaleCaches, of workspace: Workspace, _ root: MountRoot) {
        for (number, hasNewContent) in stale.inodes {
            invalidateInode(root.nodeID(number, in: workspace), offset: hasNewContent ? 0 : -1)
        }
        for (parent, name) in stale.entries {
            invalidateEntry(parent: root.nodeID(parent, in: workspace), name: name)
        }
    }
}

package final class DraftOperations: Operations {
    let root: MountRoot
    let set: WorkspaceSet
    let control: ControlDirectory
    /// Set right after the session is made, before any request comes.
    private let connected = Mutex<Notifier?>(nil)
    let negatives: NegativeNames

    init(
        root: MountRoot, set: WorkspaceSet, control: ControlDirectory, negatives: NegativeNames
    ) {
        self.root = root
        self.set = set
        self.control = control
        self.negatives = negatives
    }

    package func connect(_ notifier: Notifier) {
        connected.withLock { $0 = notifier }
        control.connect(notifier)
    }

    /// A request thread may only enqueue notifications, because waiting for one in a request
    /// deadlocks.
    var notifier: Notifier? { connected.withLock { $0 } }

    static let rootNode: UInt64 = 1

    /// A file of a workspace.
    struct Place {
        var workspace: Workspace
        var number: InodeNumber
        var isRoot: Bool { number == workspace.rootNumber }
    }

    enum Node {
        case place(Place)
        case workspaceList
        case control(ControlPlace)
    }

    func node(_ id: UInt64) throws(Errno) -> Node {
        if id == Self.rootNode {
            switch root {
            case .list: return .workspaceList
            case .workspace(let workspace):
                return .place(Place(workspace: workspace, number: workspace.rootNumber))
            }
        }
        if ControlID.isControl(id) { return .control(try control.place(id)) }
        return .place(Place(workspace: try workspace(of: id), number: id))
    }

    private func workspace(of id: UInt64) throws(Errno) -> Workspace {
        if case .workspace(let workspace) = root { return workspace }
        guard let workspace = set.opened(InodeNumbering.workspace(of: id)) else { throw .stale }
        return workspace
    }

    /// Returns a file of a workspace that is to be changed.
    /// - Throws: EROFS in a view; `error` for another node that is no file of a workspace.
    func place(_ id: UInt64, else error: Errno = .notPermitted) throws(Errno) -> Place {
        switch try node(id) {
        case .place(let place): return place
        case .control(let place):
            if case .view = place.node { throw .readOnly }
            throw error
        case .workspaceList: throw error
        }
    }

    func isControlName(_ name: FileName, in place: Place) -> Bool {
        place.isRoot && name == ControlDirectory.name
    }

    /// Answers a request with success, or with the error that `body` throws.
    func attempt(
        _ request: consuming Request, _ body: () throws(Errno) -> Void
    ) {
        do throws(Errno) {
            try body()
            request.ok()
        } catch {
            request.fail(error)
        }
    }

    package func initialize(_ info: ProtocolInfo) {}

    package func destroy() {}
}

extension Overlay.Caller {
    init(_ caller: Fuse.Caller) {
        self.init(
            user: caller.uid, group: caller.gid,
            pid: ThreadGroups.process(of: UInt32(bitPattern: caller.pid)),
            umask: caller.umask)
    }
}

extension NodeAttributes {
    /// The preferred I/O size in bytes. It is large so that stdio writes large blocks (each is one
    /// record).
    static let preferredBlock: UInt32 = 128 << 10

    init(_ attributes: InodeAttributes) {
        self.init(
            inode: attributes.number, mode: attributes.mode, links: attributes.links,
            uid: attributes.user, gid: attributes.group,
            specialDevice: attributes.specialDevice, size: attributes.size,
            blocks: attributes.blocks, blockSize: Self.preferredBlock,
            accessTime: attributes.accessTime, modificationTime: attributes.modificationTime,
            changeTime: attributes.changeTime)
    }
}
