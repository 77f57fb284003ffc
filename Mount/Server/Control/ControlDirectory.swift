// ControlDirectory: `.draft` in the root of each workspace and in the list of workspaces. It is
// reached by name and not listed by its parent. Reading changes nothing. Only the daemon's user may
// access it, which the kernel checks (default_permissions). This file has attributes and texts; the
// files beside it have lookups, listings, commands and views.

internal import Control
internal import Fuse
internal import Glibc
internal import Overlay
internal import Past
package import Platform
internal import Storage
internal import Synchronization

package final class ControlDirectory: Sendable {
    package static let name = FileName(trusted: Array(".draft".utf8))

    let set: WorkspaceSet
    let services: ControlServices
    let table = ControlNodeTable()
    let texts = ControlTexts()
    let listings = ViewListings()
    let errors = LastErrors()
    let unfinished = UnfinishedCommands()
    /// `commands` runs commands, one after the other in each workspace; `readers` makes slow texts.
    let commands = RequestQueue()
    let readers = RequestQueue()
    let clock = Clock.system
    let synchronizer: MountSynchronizer
    let root: MountRoot
    private let owner = geteuid()
    private let group = getegid()
    private let started = Clock.system.realtime()
    private let connected = Mutex<Notifier?>(nil)
    /// How long a text is kept for getattr without a new lookup, in nanoseconds.
    private static let lifetime: Int64 = 1_000_000_000
    /// st_blksize in bytes. cat(1) and cp(1) then write a command in one piece, and the kernel sends
    /// it in one request. glibc's stdio still splits a text longer than 8 KiB.
    private static let block: UInt32 = 1 << 20

    init(
        _ set: WorkspaceSet, root: MountRoot, synchronizer: MountSynchronizer,
        services: ControlServices
    ) {
        self.set = set
        self.root = root
        self.synchronizer = synchronizer
        self.services = services
    }

    /// The number of nodes that the kernel holds, without the fixed ones.
    var nodeCount: Int { table.count }
    /// The number of files of views that have a node id.
    var numberedCount: Int { table.numberedCount }
    /// The names of views, which the kernel can be asked to drop.
    var viewRoots: [(parent: UInt64, name: FileName)] { table.roots }

    func connect(_ notifier: Notifier) { connected.withLock { $0 = notifier } }
    var notifier: Notifier? { connected.withLock { $0 } }

    /// Returns the node id under which the kernel knows an inode.
    func nodeID(_ number: InodeNumber, in workspace: Workspace) -> UInt64 {
        root.nodeID(number, in: workspace)
    }

    /// - Throws: ESTALE for a node that the kernel does not hold.
    func place(_ id: UInt64) throws(Errno) -> ControlPlace { try table.place(id) }

    /// Returns the workspace of a node; nil for the list of workspaces.
    /// - Throws: ESTALE for a workspace that was discarded or removed.
    func workspace(_ id: UInt16) throws(Errno) -> Workspace? {
        if id == 0 { return nil }
        guard let workspace = set.opened(id), workspace.isLive else { throw .stale }
        return workspace
    }

    func forget(_ id: UInt64, count: UInt64) {
        guard let gone = table.forget(id, count: count) else { return }
        texts.drop(id)
        listings.drop(id)
        if case .mirror(_, let number, _) = gone.node {
            // Releases the one reference that the mirror held.
            set.opened(gone.workspace)?.forget(number, count: 1)
        }
    }

    // MARK: Attributes

    /// Returns the attributes of a directory. The kernel keeps a cached listing while the directory's
    /// mtime stays the same. A directory whose names change by themselves has a new mtime each time
    /// and is not cached.
    func directory(_ place: ControlPlace) -> (attributes: NodeAttributes, timeout: Double) {
        let isSteady =
            switch place.node {
            case .fixed(let file): file == .root || file == .at
            default: false
            }
        let time = isSteady ? started : clock.realtime()
        let attributes = NodeAttributes(
            inode: place.id, mode: FileType.directory.modeBits | 0o700, links: 2, uid: owner,
            gid: group, blockSize: Self.block, accessTime: time, modificationTime: time,
            changeTime: time)
        return (attributes, isSteady ? NodeEntry.forever : 0)
    }

    /// - Parameter isLasting: whether the kernel may cache the name.
    func directoryEntry(_ place: ControlPlace, isLasting: Bool) -> NodeEntry {
        let (attributes, timeout) = directory(place)
        return NodeEntry(
            nodeID: place.id, attributes: attributes,
            entryTimeout: isLasting ? NodeEntry.forever : 0, attributeTimeout: timeout)
    }

    func attributes(_ place: ControlPlace, _ text: ControlText) -> NodeAttributes {
        let size = UInt64(text.bytes.count)
        var mode = FileType.regular.modeBits | 0o400
        if case .fixed(let file) = place.node, file.command != nil { mode |= 0o200 }
        return NodeAttributes(
            inode: place.id, mode: mode, uid: owner, gid: group, size: size,
            blocks: (size + 511) / 512, blockSize: Self.block, accessTime: text.made,
            modificationTime: text.made, changeTime: text.made)
    }

    func getattr(_ request: consuming Request, _ place: ControlPlace) {
        switch place.node {
        case .fixed(let file) where file.isDirectory: answerDirectory(request, place)
        case .mirror(_, _, .directory): answerDirectory(request, place)
        case .view(let tree, let node):
            do throws(Errno) {
                request.attributes(
                    try views.attributes(place.id, tree, node), timeout: NodeEntry.forever)
            } catch {
                request.fail(error.forKernel)
            }
        default:
            withText(request, of: place, since: clock.realtime() - Self.lifetime) {
                [self] (request, text) in
                request.attributes(attributes(place, text), timeout: 0)
            }
        }
    }

    private func answerDirectory(_ request: consuming Request, _ place: ControlPlace) {
        let (attributes, timeout) = directory(place)
        request.attributes(attributes, timeout: timeout)
    }

    /// Accepts and ignores O_TRUNC of a file that takes commands.
    func setattr(
        _ request: consuming Request, _ place: ControlPlace, _ change: Fuse.AttributeChange
    ) {
        switch place.node {
        case .view: request.fail(.readOnly)
        case .fixed(let file) where file.command != nil && change.isOnlySize:
            getattr(request, place)
        default: request.fail(.notPermitted)
        }
    }

    // MARK: Texts

    /// Passes the text of a file to `answer`: the kept text if it is not older than `since`, else a
    /// new one. Slow texts are made on a separate thread.
    func withText(
        _ request: consuming Request, of place: ControlPlace, since: Int64,
        _ answer: @escaping @Sendable (consuming Request, ControlText) -> Void
    ) {
        if let known = texts.text(place.id, since: since) { return answer(request, known) }
        let (lane, isSlow) = lane(of: place)
        if !isSlow { return makeText(request, of: place, answer) }
        readers.submit(request, lane: lane) { [self] request in
            makeText(request, of: place, answer)
        }
    }

    private func makeText(
        _ request: consuming Request, of place: ControlPlace,
        _ answer: (consuming Request, ControlText) -> Void
    ) {
        do throws(Errno) {
            let text = try makeText(of: place)
            answer(request, text)
        } catch {
            request.fail(error.forKernel)
        }
    }

    /// Makes and keeps the current text of a node.
    func makeText(of place: ControlPlace) throws(Errno) -> ControlText {
        let made = clock.realtime()
        return texts.keep(ControlText(bytes: try render(place), made: made), for: place.id)
    }

    /// Returns the lane in `readers` for making a text, and whether it must be made there.
    private func lane(of place: ControlPlace) -> (UInt64, isSlow: Bool) {
        let file: ControlFile =
            switch place.node {
            case .fixed(let file): file
            case .named(.history): .history
            case .named(.diff): .diff
            case .mirror(let file, _, _): file
            case .view: .blame
            }
        return (ControlID.fixed(file, in: place.workspace), file.isSlow)
    }

    func read(_ request: consuming Request, _ place: ControlPlace, offset: UInt64, size: Int) {
        switch place.node {
        case .view(let tree, let node):
            views.read(request, tree, node, offset: offset, size: size)
        case .mirror(_, _, .directory):
            request.fail(.isDirectory)
        case .fixed(let file) where file.isDirectory:
            request.fail(.isDirectory)
        default:
            withText(request, of: place, since: .min) { (request, text) in
                let start = min(Int(clamping: offset), text.bytes.count)
                let end = min(start + max(0, size), text.bytes.count)
                request.data(Array(text.bytes[start..<end]))
            }
        }
    }

    /// Handles SEEK_DATA and SEEK_HOLE; there are no holes. It never returns ENOSYS, because the
    /// kernel would then stop sending lseek for the whole mount.
    func lseek(_ request: consuming Request, _ place: ControlPlace, offset: UInt64, data: Bool) {
        let answer: @Sendable (consuming Request, UInt64) -> Void = { (request, size) in
            if offset >= size { return request.fail(.noDevice) }
            request.seekOffset(Int64(clamping: data ? offset : size))
        }
        switch place.node {
        case .view(let tree, let node):
            do throws(Errno) {
                answer(request, try tree.view.attributes(node).size)
            } catch {
                request.fail(error.forKernel)
            }
        case .mirror(_, _, .directory):
            request.fail(.invalid)
        case .fixed(let file) where file.isDirectory:
            request.fail(.invalid)
        default:
            withText(request, of: place, since: .min) { (request, text) in
                answer(request, UInt64(text.bytes.count))
            }
        }
    }

    /// Returns the attributes of the list of workspaces.
    func listAttributes() -> NodeAttributes {
        let status = set.base.rootStatus
        let now = clock.realtime()
        return NodeAttributes(
            inode: DraftOperations.rootNode, mode: FileType.directory.modeBits | 0o755,
            links: UInt32(2 + set.records.count), uid: owner, gid: group, size: 4096, blocks: 8,
            accessTime: status.accessTime, modificationTime: now, changeTime: now)
    }
}

extension Errno {
    /// The same error, except that ENOSYS becomes EOPNOTSUPP. After ENOSYS the kernel would stop
    /// sending the request for the whole mount.
    var forKernel: Errno { self == .notImplemented ? .notSupported : self }
}

extension Fuse.AttributeChange {
    /// Whether the change sets only the size, as O_TRUNC does.
    var isOnlySize: Bool {
        size != nil && mode == nil && uid == nil && gid == nil && accessTime == nil
            && modificationTime == nil
    }
}

extension ControlDirectory {
    /// Serves moments and other workspaces as trees below the control directory.
    var views: ControlViews { ControlViews(control: self) }
}
