// CommitExpectation: what a CommitRun expects of whole trees after a commit or a refresh.

import Overlay
import Past
import Platform
import TestSupport

extension CommitRun {
    /// A file system of the host has no modes of symlinks.
    static func plain(_ image: TreeImage, without linked: Set<[UInt8]>) -> TreeImage {
        var image = image
        for (path, item) in image.items {
            if linked.contains(path) { image.items[path] = nil }
            let type = FileType(mode: item.facts.mode)
            if type == .symlink { image.items[path]?.facts.mode = 0o120777 }
            // The engine takes them, Linux does not.
            if type == .regular || type == .directory { continue }
            image.items[path]?.xattrs = item.xattrs.filter { !$0.key.starts(with: Array("user.".utf8)) }
        }
        return image
    }

    /// Returns the paths of files with several names.
    static func linked(_ image: TreeImage) -> Set<[UInt8]> {
        groups(image).reduce(into: []) { if $1.count > 1 { $0.formUnion($1) } }
    }

    /// Returns the sets of paths that are names of one file.
    static func groups(_ image: TreeImage) -> Set<Set<[UInt8]>> {
        Set(Dictionary(grouping: image.identities.keys) { image.identities[$0] ?? 0 }.values.map { Set($0) })
    }

    /// Returns the base with the changes of a workspace, and what the workspace knows of the base then.
    static func merged(
        _ old: TreeImage, _ ours: TreeImage, _ ground: TreeImage
    ) -> (base: TreeImage, ground: TreeImage) {
        var (base, known) = (old, ground)
        let paths = Set(ours.items.keys).union(ground.items.keys)
        for path in paths.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            var (one, two) = (ours.items[path], ground.items[path])
            one?.facts.links = 0
            two?.facts.links = 0
            if one == two { continue }
            let isGone = one == nil || two != nil
                && FileType(mode: one?.facts.mode ?? 0) != FileType(mode: two?.facts.mode ?? 0)
            if isGone {
                for below in base.items.keys where below.starts(with: path + [0x2f]) {
                    if ours.items[below] == nil { base.items[below] = nil }
                }
            }
            if !isGone { changeLinks(of: path, old, ours, ground, &base) }
            // Two new directories of one name are one, with the attributes of the first.
            let areDirectories = [one, old.items[path]].allSatisfy {
                $0.map { FileType(mode: $0.facts.mode) == .directory } ?? false
            }
            if two != nil || !areDirectories { base.items[path] = ours.items[path] }
            known.items[path] = ours.items[path]
        }
        return (base, known)
    }

    /// Other names that the base has for a file are names of the changed file too.
    static func changeLinks(
        of path: [UInt8], _ old: TreeImage, _ ours: TreeImage, _ ground: TreeImage, _ base: inout TreeImage
    ) {
        guard let identity = old.identities[path],
            FileType(mode: ours.items[path]?.facts.mode ?? 0) != .directory else { return }
        for (other, number) in old.identities
        where number == identity && base.items[other] == old.items[path] {
            // The workspace may have put another file at the path.
            let isKnown = ground.items[other] != nil
            if isKnown, ours.identities[other] != ours.identities[path] { continue }
            base.items[other] = ours.items[path]
        }
    }

    /// Returns the same for a list of changes.
    static func applied(
        _ changes: [Difference], to old: TreeImage, _ ours: TreeImage, _ ground: TreeImage
    ) -> (base: TreeImage, ground: TreeImage) {
        var (base, known) = (old, ground)
        func isBelow(_ path: [UInt8], _ above: [UInt8]) -> Bool {
            path == above || path.starts(with: above + [0x2f])
        }
        var moved: [(to: [UInt8], items: [[UInt8]: TreeImage.Item])] = []
        for change in changes {
            guard let from = change.status == .renamed ? change.oldPath : nil else { continue }
            let items = base.items.filter { isBelow($0.key, from) }
            moved.append((change.path, items))
        }
        for change in changes {
            guard let from = change.status == .deleted ? change.path : change.oldPath else { continue }
            for path in base.items.keys where isBelow(path, from) { base.items[path] = nil }
            for path in known.items.keys where isBelow(path, from) { known.items[path] = nil }
        }
        for (change, (to, items)) in zip(changes.filter { $0.status == .renamed }, moved) {
            for (path, item) in items {
                // What was moved out of it, or removed, has its own line.
                let new = to + path.dropFirst((change.oldPath ?? []).count)
                if ours.items[new] != nil { base.items[new] = item }
                if ours.items[new] != nil { known.items[new] = item }
            }
        }
        for change in changes where change.status != .deleted {
            if change.status == .type {
                for path in base.items.keys where isBelow(path, change.path) { base.items[path] = nil }
            }
            if change.status == .modified || change.status == .attributes {
                changeLinks(of: change.path, old, ours, ground, &base)
            }
            base.items[change.path] = ours.items[change.path]
            known.items[change.path] = ours.items[change.path]
        }
        return (base, known)
    }
}
