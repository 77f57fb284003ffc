// TreeImage: all visible state of a tree as one value, for comparison.

import Overlay
import Platform
import TestSupport

struct TreeImage {
    struct Item: Equatable {
        var facts: NodeFacts
        var content: [UInt8]
        var xattrs: [[UInt8]: [UInt8]]
    }

    var items: [[UInt8]: Item] = [:]
    /// The inode number of each path.
    var identities: [[UInt8]: UInt64] = [:]

    init<Tree: ReadableTree>(_ tree: Tree) throws { try add([], tree.root, tree) }

    private mutating func add<Tree: ReadableTree>(
        _ path: [UInt8], _ node: Tree.Node, _ tree: Tree
    ) throws {
        let facts = try tree.facts(node)
        let type = FileType(mode: facts.mode)
        var item = Item(facts: facts, content: [], xattrs: [:])
        for name in try tree.xattrNames(of: node) {
            item.xattrs[name] = try tree.xattr(name, of: node)
        }
        switch type {
        case .regular: item.content = try tree.contents(node)
        case .symlink: item.content = try tree.symlinkTarget(node)
        default: break
        }
        items[path] = item
        identities[path] = tree.identity(node)
        guard type == .directory else { return }
        for (name, listedType) in try tree.list(node) {
            let child = try tree.lookup(try FileName(name), in: node)
            let inner = path.isEmpty ? name : path + [0x2F] + name
            let found = FileType(mode: try tree.facts(child).mode)
            if found != listedType {
                throw CheckFailure("\(Self.shown(inner)): listed as \(listedType), is \(found)")
            }
            try add(inner, child, tree)
        }
    }

    private static func shown(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }

    private init() {}

    /// Returns the items at a path and below it, by their paths relative to it.
    func subtree(_ path: [UInt8]) -> TreeImage {
        var part = TreeImage()
        for (key, item) in items where key == path || key.starts(with: path + [0x2F]) {
            let inner = Array(key.dropFirst(key == path ? path.count : path.count + 1))
            part.items[inner] = item
        }
        return part
    }

    /// Returns the inodes at a path and below it.
    func identities(below path: [UInt8]) -> Set<UInt64> {
        Set(identities.filter { $0.key == path || $0.key.starts(with: path + [0x2F]) }.values)
    }

    /// Returns all items except those at a path and below it, those of certain inodes, and the parents of
    /// the path.
    func without(_ path: [UInt8], _ inodes: Set<UInt64>) -> TreeImage {
        var part = TreeImage()
        for (key, item) in items where key != path && !key.starts(with: path + [0x2F]) {
            if let identity = identities[key], inodes.contains(identity) { continue }
            // The rollback may have made or changed the parents of the path.
            if path.starts(with: key + [0x2F]) || key.isEmpty { continue }
            part.items[key] = item
        }
        return part
    }

    /// The files whose link count is not the number of their names, and the directories whose link count is
    /// not 2 plus the number of their subdirectories.
    var linkFaults: [String] {
        var names: [UInt64: UInt32] = [:]
        var below: [[UInt8]: UInt32] = [:]
        for (path, number) in identities {
            names[number, default: 0] += 1
            guard !path.isEmpty, FileType(mode: items[path]?.facts.mode ?? 0) == .directory else {
                continue
            }
            below[path.lastIndex(of: 0x2F).map { Array(path[..<$0]) } ?? [], default: 0] += 1
        }
        return identities.compactMap { path, number in
            guard let facts = items[path]?.facts else { return nil }
            let right = FileType(mode: facts.mode) == .directory
                ? 2 + below[path, default: 0] : names[number, default: 0]
            return facts.links == right
                ? nil : "\(Self.shown(path)) counts \(facts.links) links, not \(right)"
        }
    }

    /// Returns the first eight differences in words.
    func differences(to other: TreeImage, comparesLinks: Bool = true) -> [String] {
        var found: [String] = []
        for path in Set(items.keys).union(other.items.keys) {
            switch (items[path], other.items[path]) {
            case (nil, _): found.append("\(Self.shown(path)): only in the workspace")
            case (_, nil): found.append("\(Self.shown(path)): only in the reference")
            case (let one?, var two?):
                if !comparesLinks { two.facts.links = one.facts.links }
                if one.facts != two.facts {
                    found.append("\(Self.shown(path)): \(one.facts), found \(two.facts)")
                } else if one.content != two.content {
                    let at = zip(one.content, two.content).prefix { $0 == $1 }.count
                    found.append("\(Self.shown(path)): bytes differ from \(at) on")
                }
                if one.xattrs != two.xattrs {
                    found.append("\(Self.shown(path)): \(one.xattrs), found \(two.xattrs)")
                }
            }
        }
        return Array(found.sorted().prefix(8))
    }
}
