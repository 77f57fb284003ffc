// ControlViews: moments as read-only trees, below `backups` and `at`. A moment never changes, so the
// kernel may cache everything in its tree without a timeout; only the names of moments are looked up
// each time. A node has its own number, not that of the live inode, because diff(1) would take the
// two for the same file.

internal import Control
internal import Fuse
internal import Overlay
internal import Past
internal import Platform
internal import Synchronization

/// The latest listings of views. A listing of a view never changes, so a later part of it is answered
/// from the listing that the first part made.
final class ViewListings: Sendable {
    typealias Names = [(name: FileName, type: FileType)]

    private let recent = Mutex(LRUCache<UInt64, Names>(capacity: 8))

    func names(_ id: UInt64, _ make: () throws(Errno) -> Names) throws(Errno) -> Names {
        if let known = recent.withLock({ $0.value(for: id) }) { return known }
        let names = try make()
        _ = recent.withLock { $0.insert(names, for: id) }
        return names
    }

    func drop(_ id: UInt64) { _ = recent.withLock { $0.removeValue(for: id) } }
}

// The names of moments.
/// Serves moments and other workspaces as trees below the control directory.
struct ControlViews {
    let control: ControlDirectory
}

extension ControlViews {
    /// Looks up NAME in `backups`, or a moment in `at`. Finding a moment may take long, so only a
    /// moment in use is answered on the worker.
    func lookupMoment(
        _ request: consuming Request, _ parent: ControlPlace, _ name: FileName
    ) {
        guard case .fixed(let directory) = parent.node else { return request.fail(.notDirectory) }
        let place = parent.workspace
        do throws(Errno) {
            guard let workspace = try control.workspace(place) else { throw .noEntry }
            if directory == .at, name.bytes.starts(with: Self.base) {
                let entry = try openBase(name, of: workspace)
                return control.answer(request, entry)
            }
            let moment = try moment(name, in: directory, of: workspace)
            if case .sequence(let sequence) = moment {
                let key = ViewTree.Key(
                    workspace: place, directory: directory, name: name, sequence: sequence)
                if let tree = control.table.tree(key) {
                    let entry = try rootEntry(control.table.referRoot(key, tree.view))
                    return control.answer(request, entry)
                }
            }
            control.readers.submit(request, lane: parent.id) { [self] request in
                do throws(Errno) {
                    let entry = try open(moment, directory, name, of: workspace)
                    control.answer(request, entry)
                } catch {
                    request.fail(error.forKernel)
                }
            }
        } catch {
            request.fail(error.forKernel)
        }
    }

    /// What the names in `at` of states of the base begin with: `base`, which the workspace sees, `base-now`,
    /// and `base-after-N`.
    private static let base = Array("base".utf8)

    /// Returns the commit after which the base is shown; nil for the base that the workspace sees.
    private static func commit(_ name: FileName, _ workspace: Workspace) throws(Errno) -> UInt64? {
        let word = "\(name)"
        if word == "base" { return nil }
        guard let newest = workspace.base.newest else { throw .noEntry }
        if word == "base-now" { return newest }
        guard word.hasPrefix("base-after-"), let number = UInt64(word.dropFirst("base-after-".count)),
            number >= workspace.base.first, number <= newest else { throw .noEntry }
        return number
    }

    private func openBase(_ name: FileName, of workspace: Workspace) throws(Errno) -> NodeEntry {
        let newest = try Self.commit(name, workspace)
        // A refresh shows another base, and so does a commit.
        let key = ViewTree.Key(
            workspace: workspace.id, directory: .at, name: name, sequence: newest ?? workspace.base.epoch)
        let view: TimeView
        if let known = control.table.tree(key) {
            view = known.view
        } else {
            view = try workspace.moments.baseView(after: newest)
        }
        return try rootEntry(control.table.referRoot(key, view))
    }

    private func moment(
        _ name: FileName, in directory: ControlFile, of workspace: Workspace
    ) throws(Errno) -> Moment {
        if directory == .at {
            guard let moment = Moment(nameInAt: name, now: control.clock.realtime()) else {
                throw .noEntry
            }
            return moment
        }
        guard let backup = workspace.moments.backups.first(where: { $0.name == name }) else {
            throw .noEntry
        }
        return .sequence(backup.sequence)
    }

    private func open(
        _ moment: Moment, _ directory: ControlFile, _ name: FileName, of workspace: Workspace
    ) throws(Errno) -> NodeEntry {
        do throws(CommandError) {
            let sequence = try workspace.moments.sequence(of: moment)
            let key = ViewTree.Key(
                workspace: workspace.id, directory: directory, name: name, sequence: sequence)
            let view: TimeView
            if let known = control.table.tree(key) {
                view = known.view
            } else {
                view = try workspace.moments.view(at: sequence)
            }
            do throws(Errno) {
                return try rootEntry(control.table.referRoot(key, view))
            } catch {
                throw CommandError(error, "")
            }
        } catch {
            throw error.errno
        }
    }

    private func rootEntry(_ found: (ViewTree, ControlPlace)) throws(Errno) -> NodeEntry {
        let (tree, place) = found
        var entry = try entry(place, tree)
        entry.entryTimeout = 0
        return entry
    }

    /// Returns the entry of a node to which a reference was just counted.
    private func entry(_ place: ControlPlace, _ tree: ViewTree) throws(Errno) -> NodeEntry {
        do throws(Errno) {
            guard case .view(_, let node) = place.node else { throw .stale }
            return NodeEntry(
                nodeID: place.id, attributes: try attributes(place.id, tree, node))
        } catch {
            control.forget(place.id, count: 1)
            throw error
        }
    }

    /// Lists backups in the order of the hashes of their names, so that a listing continues correctly
    /// while backups are made and removed.
    func listBackups(
        _ workspace: UInt16, _ cookie: UInt64, _ buffer: inout DirectoryBuffer, _ plus: Bool
    ) throws(Errno) {
        let backups = try control.workspace(workspace)?.moments.backups ?? []
        let names = backups.map { (cookie: $0.name.listingCookie, name: $0.name) }
            .sorted { ($0.cookie, $0.name.description) < ($1.cookie, $1.name.description) }
        for item in names where item.cookie > cookie {
            let next = item.cookie
            if !control.add(item.name.bytes, ControlDirectory.unknownInode, .directory, next, &buffer, plus) {
                return
            }
        }
    }
}

// Inside a view.
extension ControlViews {
    func attributes(
        _ id: UInt64, _ tree: ViewTree, _ node: ViewNode
    ) throws(Errno) -> NodeAttributes {
        var attributes = NodeAttributes(try tree.view.attributes(node))
        attributes.inode = id
        return attributes
    }

    func lookup(
        _ request: consuming Request, _ tree: ViewTree, _ node: ViewNode, _ name: FileName
    ) {
        do throws(Errno) {
            let found = try tree.view.lookup(name, in: node)
            let place = control.table.refer(tree, found)
            let entry = try entry(place, tree)
            control.answer(request, entry)
        } catch {
            if error == .noEntry { return request.negativeEntry(timeout: NodeEntry.forever) }
            request.fail(error.forKernel)
        }
    }

    /// Lists a directory of a view. With `plus`, each listed name counts a reference.
    func list(
        _ id: UInt64, _ tree: ViewTree, _ node: ViewNode, _ cookie: UInt64,
        _ buffer: inout DirectoryBuffer, _ plus: Bool
    ) throws(Errno) {
        let names = try control.listings.names(id) { () throws(Errno) in
            try tree.view.list(node)
        }
        var index = Int(clamping: cookie < 2 ? 0 : cookie - 2)
        while index < names.count {
            let (name, type) = names[index]
            index += 1
            let next = UInt64(index) + 2
            // A file that cannot be looked up is still listed.
            let found = try? tree.view.lookup(name, in: node)
            guard plus, let found, let entry = try? entry(control.table.refer(tree, found), tree) else {
                let number = found.map { control.table.number(tree, $0) } ?? ControlDirectory.unknownInode
                if !control.add(name.bytes, number, type, next, &buffer, plus) { return }
                continue
            }
            if !buffer.addPlus(name.bytes, entry, nextCookie: next) {
                control.forget(entry.nodeID, count: 1)
                return
            }
        }
    }

    func read(
        _ request: consuming Request, _ tree: ViewTree, _ node: ViewNode, offset: UInt64,
        size: Int
    ) {
        request.data(capacity: size) { (buffer) throws(Errno) in
            do throws(Errno) {
                return try tree.view.read(node, into: buffer, at: offset)
            } catch {
                throw error.forKernel
            }
        }
    }

    func readlink(_ request: consuming Request, _ place: ControlPlace) {
        do throws(Errno) {
            guard case .view(let tree, let node) = place.node else { throw .invalid }
            request.symlink(try tree.view.symlinkTarget(node))
        } catch {
            request.fail(error.forKernel)
        }
    }

    /// - Throws: ENODATA if there is no such attribute; control files have none.
    func xattr(_ name: [UInt8], of place: ControlPlace) throws(Errno) -> [UInt8] {
        guard case .view(let tree, let node) = place.node else { throw .noData }
        return try tree.view.xattr(name, of: node)
    }

    func xattrNames(of place: ControlPlace) throws(Errno) -> [[UInt8]] {
        guard case .view(let tree, let node) = place.node else { return [] }
        return try tree.view.xattrNames(of: node)
    }
}
