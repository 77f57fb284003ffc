// ControlNodeTable: the control nodes that lookups make: texts with an argument in their name, nodes
// of views, and nodes of mirrors such as `blame`. A node lives until the kernel has returned all
// references to it. A file of a view is one node, even if it has several names.

internal import Overlay
internal import Past
internal import Platform
internal import Storage
internal import Synchronization

/// The tree of a moment under one name of `backups` or `at`. Two names of the same moment are two
/// trees, because the kernel can hold a directory under one name only.
final class ViewTree: Sendable {
    struct Key: Hashable, Sendable {
        var workspace: UInt16
        /// Either `backups` or `at`.
        var directory: ControlFile
        var name: FileName
        var sequence: UInt64
    }

    /// A number that is never reused.
    let id: UInt64
    let view: TimeView
    let workspace: UInt16

    init(id: UInt64, view: TimeView, workspace: UInt16) {
        self.id = id
        self.view = view
        self.workspace = workspace
    }
}

/// The kinds of control nodes.
enum ControlNode: Sendable {
    case fixed(ControlFile)
    /// A text such as history.SEQ or diff.MOMENT.
    case named(NamedText)
    case view(ViewTree, ViewNode)
    /// A directory or regular file of the live tree, below `blame` or another mirror.
    case mirror(ControlFile, InodeNumber, FileType)
}

/// A text with an argument in its name.
enum NamedText: Sendable {
    /// The changes up to and including this sequence number.
    case history(UInt64)
    /// The whole name, because its moment may be relative to the current time.
    case diff(FileName)
}

/// A control node with its node id.
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
        /// The number of references that the kernel holds.
        var lookups: UInt64
    }

    private struct Tree {
        /// The number of nodes of the tree that the kernel holds.
        var references = 0
        /// The key that finds this tree, unless another tree has the key now.
        var key: ViewTree.Key?
        /// Node ids by inode number. Each is assigned once for the life of the tree: a listing shows
        /// it before a lookup of the file, and it stays when the kernel forgets the file and looks it
        /// up again.
        var ids: [InodeNumber: UInt64] = [:]
    }

    private struct State {
        var items: [UInt64: Item] = [:]
        /// The ids of nodes outside of trees.
        var ids: [Key: UInt64] = [:]
        var trees: [ViewTree.Key: ViewTree] = [:]
        var use: [UInt64: Tree] = [:]
        /// The number of node ids assigned to files of trees.
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

    /// The number of nodes that the kernel holds.
    var count: Int { state.withLock { $0.items.count } }
    /// The number of files of trees that have a node id, held or not.
    var numberedCount: Int { state.withLock { $0.numbered } }

    /// - Throws: ESTALE for a node that the kernel does not hold.
    func place(_ id: UInt64) throws(Errno) -> ControlPlace {
        if let file = ControlID.file(id) {
            return ControlPlace(
                id: id, workspace: ControlID.workspace(of: id), node: .fixed(file))
        }
        guard let found = state.withLock({ $0.items[id]?.place }) else { throw .stale }
        return found
    }

    /// Adds a reference to the node of a key. Makes the node if it does not exist.
    /// - Returns: the node, and whether it is new. If it is not new, `node` is not used.
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

    /// Returns references to a node.
    /// - Returns: the node if that was the last reference, else nil.
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

    /// Adds a reference to the root of the tree of a key. Makes the tree if it does not exist.
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

    /// Returns the node id of a file of a tree. Assigns one if it has none.
    func number(_ tree: ViewTree, _ node: ViewNode) -> UInt64 {
        state.withLock { $0.id(node.number, in: tree) }
    }

    /// Records that a backup was renamed. Its tree keeps its node ids.
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

    /// Records that a backup was removed. The kernel treats the root of its tree as a removed
    /// directory, so this root is never returned again, not even for a new backup of that name.
    func retire(_ name: FileName, workspace: UInt16) {
        state.withLock { state in
            state.trees = state.trees.filter { !$0.key.isBackup(name, in: workspace) }
        }
    }

    /// The names of the roots of trees, which the kernel can be asked to drop.
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
