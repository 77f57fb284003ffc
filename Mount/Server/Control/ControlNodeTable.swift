// ControlNodeTable: the control nodes that came into being by a look-up: texts with an argument in
// their name, nodes of views, and the mirror under `blame`. One lives until the kernel has given
// back every reference to it. A file of a view is one node, whatever its names.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

/// A moment as one name of `backups` or `at` shows it. Two names of one moment are two trees: the
/// kernel can hold a directory under one name only.
final class ViewTree: Sendable {
    struct Key: Hashable, Sendable {
        var workspace: UInt16
        /// `backups` or `at`.
        var directory: ControlFile
        var name: FileName
        var sequence: UInt64
    }

    /// Numbers of trees are never used again.
    let id: UInt64
    let view: TimeView

    init(id: UInt64, view: TimeView) {
        self.id = id
        self.view = view
    }
}

/// What a control node is.
enum ControlNode: Sendable {
    case fixed(ControlFile)
    /// history.SEQ and diff.MOMENT.
    case named(NamedText)
    case view(ViewTree, ViewNode)
    /// A directory or regular file of the live tree, below `blame`.
    case mirror(InodeNumber, FileType)
}

/// A text with an argument in its name.
enum NamedText: Sendable {
    /// The changes up to and with this one.
    case history(UInt64)
    /// The name as a whole: a moment in it may be relative to now.
    case diff(FileName)
}

/// A control node with its number.
struct ControlPlace: Sendable {
    var id: UInt64
    var workspace: UInt16
    var node: ControlNode
}

final class ControlNodeTable: Sendable {
    enum Key: Hashable {
        case view(tree: UInt64, InodeNumber)
        case mirror(UInt16, InodeNumber)
        case named(UInt16, FileName)
    }

    private struct Item {
        var key: Key
        var place: ControlPlace
        /// References of the kernel.
        var lookups: UInt64
    }

    private struct State {
        var items: [UInt64: Item] = [:]
        var ids: [Key: UInt64] = [:]
        var trees: [ViewTree.Key: ViewTree] = [:]
        /// Nodes of each tree, and the key it was found by last.
        var treeUse: [UInt64: (nodes: Int, key: ViewTree.Key)] = [:]
        var lastID: UInt64 = 0
        var lastTree: UInt64 = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.items.count } }

    /// - Throws: ESTALE for a node that nobody holds.
    func place(_ id: UInt64) throws(Errno) -> ControlPlace {
        if let file = ControlID.file(id) {
            return ControlPlace(
                id: id, workspace: ControlID.workspace(of: id), node: .fixed(file))
        }
        guard let found = state.withLock({ $0.items[id]?.place }) else { throw .stale }
        return found
    }

    /// The node of that key, made if it is not there, and one reference more to it.
    /// - Returns: whether it is new; if not, `node` is not used.
    func refer(
        _ key: Key, workspace: UInt16, _ node: ControlNode
    ) -> (place: ControlPlace, isNew: Bool) {
        state.withLock { state in
            if let id = state.ids[key], var item = state.items[id] {
                item.lookups += 1
                state.items[id] = item
                return (item.place, false)
            }
            state.lastID += 1
            let id = ControlID.dynamic(state.lastID, in: workspace)
            let place = ControlPlace(id: id, workspace: workspace, node: node)
            state.items[id] = Item(key: key, place: place, lookups: 1)
            state.ids[key] = id
            if case .view(let tree, _) = node { state.treeUse[tree.id]?.nodes += 1 }
            return (place, true)
        }
    }

    /// Takes references back.
    /// - Returns: the node, if that was the last.
    func forget(_ id: UInt64, count: UInt64) -> ControlPlace? {
        state.withLock { state in
            guard var item = state.items[id] else { return nil }
            item.lookups -= min(count, item.lookups)
            if item.lookups > 0 {
                state.items[id] = item
                return nil
            }
            state.items[id] = nil
            state.ids[item.key] = nil
            if case .view(let tree, _) = item.place.node { release(tree, &state) }
            return item.place
        }
    }

    private func release(_ tree: ViewTree, _ state: inout State) {
        guard var use = state.treeUse[tree.id] else { return }
        use.nodes -= 1
        if use.nodes > 0 {
            state.treeUse[tree.id] = use
            return
        }
        state.treeUse[tree.id] = nil
        if state.trees[use.key] === tree { state.trees[use.key] = nil }
    }

    // MARK: Views

    func tree(_ key: ViewTree.Key) -> ViewTree? { state.withLock { $0.trees[key] } }

    /// The tree of that key, made if it is not there, and its root with one reference more.
    func referRoot(_ key: ViewTree.Key, _ view: TimeView) -> (ViewTree, ControlPlace) {
        let tree = state.withLock { state in
            if let known = state.trees[key] { return known }
            state.lastTree += 1
            let tree = ViewTree(id: state.lastTree, view: view)
            state.trees[key] = tree
            state.treeUse[tree.id] = (0, key)
            return tree
        }
        return (tree, refer(tree, tree.view.root, workspace: key.workspace))
    }

    func refer(_ tree: ViewTree, _ node: ViewNode, workspace: UInt16) -> ControlPlace {
        let key = Key.view(tree: tree.id, node.number)
        return refer(key, workspace: workspace, .view(tree, node)).place
    }

    /// A backup got another name: its tree keeps its numbers.
    func rename(_ name: FileName, to newName: FileName, workspace: UInt16) {
        state.withLock { state in
            for (key, tree) in state.trees
            where key.workspace == workspace && key.directory == .backups && key.name == name {
                var key = key
                state.trees[key] = nil
                key.name = newName
                state.trees[key] = tree
                state.treeUse[tree.id]?.key = key
            }
        }
    }

    /// A backup is gone. The kernel takes its root for a removed directory: it must not come again,
    /// not even for a new backup of that name.
    func retire(_ name: FileName, workspace: UInt16) {
        state.withLock { state in
            state.trees = state.trees.filter {
                $0.key.workspace != workspace || $0.key.directory != .backups
                    || $0.key.name != name
            }
        }
    }

    /// Where the trees hang, for the kernel to drop what it can of them.
    var roots: [(parent: UInt64, name: FileName)] {
        state.withLock { state in
            state.trees.keys.map { (ControlID.fixed($0.directory, in: $0.workspace), $0.name) }
        }
    }
}
