// DiffCheck: checks the lines of a diff against two whole trees. The lines applied to the paths of the old
// tree must give the paths of the new tree, and each file that differs must have a line, and no other.

import Overlay
import Past
import Platform
import TestSupport

struct DiffCheck {
    private let old: TreeImage
    private let new: TreeImage
    private var lines: [[UInt8]: [Difference]] = [:]
    private var gone: Set<[UInt8]> = []
    private var moved: [[UInt8]: [UInt8]] = [:]
    private(set) var problems: [String] = []

    init(_ old: TreeImage, _ new: TreeImage, _ differences: [Difference]) {
        self.old = old
        self.new = new
        for line in differences {
            switch line.status {
            case .deleted: gone.insert(line.path)
            case .renamed: moved[line.oldPath ?? []] = line.path
            default: lines[line.path, default: []].append(line)
            }
        }
        for line in differences { checkSizes(line) }
        checkPaths(Set(differences.filter { $0.status == .added }.map(\.path)))
    }

    private func shown(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }

    private func size(_ item: TreeImage.Item?) -> UInt64? {
        guard let item else { return nil }
        let type = FileType(mode: item.facts.mode)
        return type == .regular || type == .symlink ? UInt64(item.content.count) : nil
    }

    private mutating func checkSizes(_ line: Difference) {
        let before = line.status == .added ? nil : size(old.items[origin(of: line)])
        let after = line.status == .deleted ? nil : size(new.items[line.path])
        if line.oldSize != before || line.newSize != after {
            problems.append("\(line.status) \(shown(line.path)): sizes \(line)")
        }
    }

    /// Returns the path in the old tree of the file of a line.
    private func origin(of line: Difference) -> [UInt8] {
        if let path = line.oldPath { return path }
        if line.status == .deleted { return line.path }
        return old.items.keys.first { image(of: $0) == line.path } ?? line.path
    }

    /// Returns the path in the new tree of a file of the old tree according to the lines, or nil if it is
    /// deleted.
    private func image(of path: [UInt8]) -> [UInt8]? {
        if path.isEmpty { return path }
        if let target = moved[path] { return target }
        if gone.contains(path) { return nil }
        let slash = path.lastIndex(of: 0x2f)
        guard let parent = image(of: slash.map { Array(path[..<$0]) } ?? []) else { return nil }
        let name = slash.map { Array(path[($0 + 1)...]) } ?? path
        return parent.isEmpty ? name : parent + [0x2f] + name
    }

    private mutating func checkPaths(_ added: Set<[UInt8]>) {
        var images: [[UInt8]: [UInt8]] = [:]
        for path in old.items.keys {
            guard let target = image(of: path) else { continue }
            if images.updateValue(path, forKey: target) != nil || added.contains(target) {
                problems.append("\(shown(target)) comes from two places")
            }
        }
        for path in new.items.keys where images[path] == nil && !added.contains(path) {
            problems.append("\(shown(path)) has no line A")
        }
        for path in added.union(images.keys) where new.items[path] == nil {
            problems.append("\(shown(path)) is not there")
        }
        for (path, source) in images {
            if let now = new.items[path], let was = old.items[source] { check(path, was, now) }
        }
    }

    private mutating func check(
        _ path: [UInt8], _ was: TreeImage.Item, _ now: TreeImage.Item
    ) {
        let found = (lines[path] ?? []).map(\.status).filter { $0 != .added }
        var expected: [Difference.Status] = []
        if (was.facts.mode ^ now.facts.mode) >> 12 != 0 {
            expected = [.type]
        } else if was.content != now.content || was.facts.device != now.facts.device {
            expected = [.modified]
        } else if was.facts.mode != now.facts.mode || was.facts.user != now.facts.user
            || was.facts.group != now.facts.group || was.xattrs != now.xattrs {
            expected = [.attributes]
        }
        if found == expected { return }
        // The engine need not know all names of a base file with hard links.
        if found.isEmpty, was.facts.links > 1 || now.facts.links > 1,
            FileType(mode: now.facts.mode) != .directory { return }
        problems.append("\(shown(path)): \(found), not \(expected)")
    }
}
