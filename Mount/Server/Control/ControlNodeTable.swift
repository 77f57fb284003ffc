// ControlNodeTable: the control nodes that came into being by a look-up: texts with an argument in
// their name, nodes of views, and the mirrors like `blame`. One lives until the kernel has given
// back every reference to it. A file of a view is one node, whatever its names.

internal import Overlay
internal import Past
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
    let workspace: UInt16

    init(id: UInt64, view: TimeView, workspace: UInt16) {
        self.id = id
        self.view = view
        self.workspace = workspace
    }
}

/// What a control node is.
enum ControlNode: Sendable {
    case fixed(ControlFile)
    /// history.SEQ and diff.MOMENT.
    case named(NamedText)
    case view(ViewTree, ViewNode)
    /// A directory or regular file of the live tree, below `blame` or another mirror.
    case mirror(ControlFile, InodeNumber, FileType)
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
        case mirror(UInt16, ControlFile, InodeNumber)
        case named(UInt16, FileName)
    }

    private struct Item {
        var key: Key
        var place: ControlPlace
        /// References of the kernel.
        var lookups: UInt64
    }

    private struct Tree {
        /// Of its nodes.
        var references = 0
        /// The key by which it is found, unless that is another's by now.
        var key: ViewTree.Key?
        /// Node ids by inode number, given out once for the life of the tree: a listing shows them
        /// before anybody looks the files up, and they stay while the kernel forgets and comes back.
        var ids: [InodeNumber: UInt64] = [:]
    }

    private struct State {
        var items: [UInt64: Item] = [:]
        /// Of what is in no tree.
        var ids: [Key: UInt64] = [:]
        var trees: [ViewTree.Key: ViewTree] = [:]
        var use: [UInt64: Tree] = [:]
        /// Node ids given out to files of trees.
        var numbered = 0
        var lastID: UInt64 = 0
        var lastTree: UInt64 = 0

        mutating func nextID(_ workspace: UInt16) -> UInt64 {
            lastID += 1
            return ControlID.dynamic(lastID, in: workspace)
        }

        mutating func id(_ number: InodeNumber, in tree: ViewTree) -> UInt64 {
            if let known = use[tree.id]?.ids[number] { return known }
            let id = nextID(tree.workspace)
            use[tree.id, default: Tree()].ids[number] = id
            numbered += 1
            return id
        }
    }

    private let state = Mutex(State())

    /// Nodes that the kernel holds.
    var count: Int { state.withLock { $0.items.count } }
    /// Files of trees that have a number, held or not.
    var numberedCount: Int { state.withLock { $0.numbered } }

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
            let id = state.nextID(workspace)
            let place = ControlPlace(id: id, workspace: workspace, node: node)
            state.items[id] = Item(key: key, place: place, lookups: 1)
            state.ids[key] = id
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
            if case .view(let tree, _) = item.place.node {
                release(tree, &state)
            } else {
                state.ids[item.key] = nil
            }
            return item.place
        }
    }

    private func release(_ tree: ViewTree, _ state: inout State) {
        state.use[tree.id]?.references -= 1
        guard let use = state.use[tree.id], use.references <= 0 else { return }
        state.use[tree.id] = nil
        state.numbered -= use.ids.count
        if let key = use.key, state.trees[key] === tree { state.trees[key] = nil }
    }

    // MARK: Views

    func tree(_ key: ViewTree.Key) -> ViewTree? { state.withLock { $0.trees[key] } }

    /// The tree of that key, made if it is not there, and its root with one reference more.
    func referRoot(_ key: ViewTree.Key, _ view: TimeView) -> (ViewTree, ControlPlace) {
        let root = view.root
        return state.withLock { state in
            if let known = state.trees[key] { return (known, refer(known, root, &state)) }
            state.lastTree += 1
            let tree = ViewTree(id: state.lastTree, view: view, workspace: key.workspace)
            state.trees[key] = tree
            state.use[tree.id, default: Tree()].key = key
            return (tree, refer(tree, root, &state))
        }
    }

    func refer(_ tree: ViewTree, _ node: ViewNode) -> ControlPlace {
        state.withLock { state in refer(tree, node, &state) }
    }

    private func refer(
        _ tree: ViewTree, _ node: ViewNode, _ state: inout State
    ) -> ControlPlace {
        let id = state.id(node.number, in: tree)
        if var item = state.items[id] {
            item.lookups += 1
            state.items[id] = item
            return item.place
        }
        let place = ControlPlace(id: id, workspace: tree.workspace, node: .view(tree, node))
        let key = Key.view(tree: tree.id, node.number)
        state.items[id] = Item(key: key, place: place, lookups: 1)
        state.use[tree.id]?.references += 1
        return place
    }

    /// The number that a file of a tree has or will have.
    func number(_ tree: ViewTree, _ node: ViewNode) -> UInt64 {
        state.withLock { $0.id(node.number, in: tree) }
    }

    /// A backup got another name: its tree keeps its numbers.
    func rename(_ name: FileName, to newName: FileName, workspace: UInt16) {
        state.withLock { state in
            for (key, tree) in state.trees where key.isBackup(name, in: workspace) {
                var newKey = key
                newKey.name = newName
                state.trees[key] = nil
                state.trees[newKey] = tree
                state.use[tree.id]?.key = newKey
            }
        }
    }

    /// A backup is gone. The kernel takes its root for a removed directory: it must not come again,
    /// not even for a new backup of that name.
    func retire(_ name: FileName, workspace: UInt16) {
        state.withLock { state in
            state.trees = state.trees.filter { !$0.key.isBackup(name, in: workspace) }
        }
    }

    /// Where the trees hang, for the kernel to drop what it can of them.
    var roots: [(parent: UInt64, name: FileName)] {
        state.withLock { state in
            state.trees.keys.map { (ControlID.fixed($0.directory, in: $0.workspace), $0.name) }
        }
    }
}

extension ViewTree.Key {
    func isBackup(_ name: FileName, in workspace: UInt16) -> Bool {
        directory == .backups && self.workspace == workspace && self.name == name
    }
}
