// PastRun: the commands. Changes of inodes that a plain directory cannot follow are checked separately.
// The plain directory then becomes a copy of the mount.

import Glibc
import TestSupport

extension PastRun {
    // MARK: Rollback

    func rollback() throws {
        let moment = pick(moments)
        release()
        let held = try HeldFiles(mount.root, random: &random)
        defer { held.close() }
        // Fill the kernel's caches with everything: attributes, pages, listings, and missing names.
        _ = try TreeWalk(mount.root)
        for path in moment.snapshot.paths {
            var found = stat()
            _ = lstat(cPath(path, below: mount.root), &found)
        }
        let walker = below(2) == 0 ? try Walker(mount.root, moment.snapshot.paths) : nil
        defer { walker?.stop() }
        recent.append("rollback to \(moment.word)")
        try mount.mustCommand("rollback", quoted(Array(moment.word.utf8)))
        walker?.stop()
        let found = try Snapshot(mount.root)
        try expectSame(found.walk.entries, moment.snapshot, "after a rollback to \(moment.word)")
        for (path, number) in moment.snapshot.numbers where found.numbers[path] != number {
            throw CheckFailure(
                "\(String(decoding: path, as: UTF8.self)): inode \(number) is another one, "
                    + "\(found.numbers[path] ?? 0), after a rollback to \(moment.word)")
        }
        try held.check(against: found, "after a rollback to \(moment.word)")
        try become(moment.copy)
        try held.write(seed: random.next(), plain: now, found)
    }

    /// Makes the plain directory a copy of another one.
    private func become(_ other: String) throws {
        release()
        try ChildProcess.shell("rm -rf '\(now)'; cp -a '\(other)' '\(now)'")
    }

    func rollbackPath() throws {
        let moment = pick(moments)
        release()
        let before = try Snapshot(mount.root)
        let all = below(2) == 0 ? moment.snapshot.paths : before.paths
        if all.isEmpty { return }
        let path = pick(all)
        let shown = String(decoding: path, as: UTF8.self)
        let keepsTimes = below(2) == 0
        recent.append("rollback of \(shown) to \(moment.word), times \(keepsTimes)")
        let line = quoted(Array(moment.word.utf8))
            + Array(keepsTimes ? " --times ".utf8 : " ".utf8) + quoted(Array("./".utf8) + path)
        let failed = try mount.command("rollback", line)
        if failed == ENOTDIR || failed == EBUSY { return }
        if failed != 0 {
            throw CheckFailure(
                "rollback of \(shown) to \(moment.word): \(words(failed)): \(mount.lastError)")
        }
        let after = try Snapshot(mount.root)
        func loose(_ entries: [[UInt8]: TreeEntry], times: Bool) -> [[UInt8]: TreeEntry] {
            entries.mapValues { entry in
                var entry = entry
                (entry.links, entry.linkedTo) = (0, [])
                if !times { entry.modified = 0 }
                return entry
            }
        }
        let inside = exactDifferences(
            loose(after.below(path), times: keepsTimes),
            loose(moment.snapshot.below(path), times: keepsTimes))
        // Other names of files that the rollback changed are changed too.
        let touched = before.numbers(below: path).union(after.numbers(below: path))
        func outside(_ whole: Snapshot) -> [[UInt8]: TreeEntry] {
            loose(
                whole.walk.entries.filter { name, _ in
                    !isInside(name, path) && !isInside(path, name)
                        && !touched.contains(whole.numbers[name] ?? 0)
                }, times: true)
        }
        let other = exactDifferences(outside(after), outside(before))
        if !inside.isEmpty || !other.isEmpty {
            throw CheckFailure(
                "rollback of \(shown) to \(moment.word):\n"
                    + (inside + ["outside:"] + other).joined(separator: "\n"))
        }
        try become(mount.root)
    }

    // MARK: Undo

    /// Makes changes of names and attributes, which are one step each, and undoes all of them.
    func undo() throws {
        release()
        let (before, first) = (try Snapshot(mount.root), try mount.sequence())
        try ChildProcess.check(["cp", "-a", now, plain("undo")])
        try steps(1 + below(12), "before undo") { operation in
            switch operation {
            case .rename, .link, .unlink, .makeDirectory, .removeDirectory, .symlink, .makeNode,
                .changeMode, .changeOwner, .setTimes, .setAttribute, .removeAttribute: true
            default: false
            }
        }
        let history = try readText(mount(".draft/history")).split(separator: "\n")
        let count = history.count { line in
            let digits = line.drop { !$0.isNumber }.prefix { $0.isNumber }
            return (UInt64(digits) ?? 0) > first
        }
        if count > 0 {
            recent.append("undo \(count)")
            try mount.mustCommand("undo", "\(count)\n")
            let found = try TreeWalk(mount.root).entries
            try expectSame(found, before, "after \(count) steps were undone")
            try become(plain("undo"))
        }
        try ChildProcess.check(["rm", "-rf", plain("undo")])
    }

    // MARK: Clone

    func clone() throws {
        let snapshot = try Snapshot(now)
        // cp gets the paths as arguments, which must be text here.
        func isText(_ path: [UInt8]) -> Bool { String(validating: path, as: UTF8.self) != nil }
        let sources = snapshot.paths.filter(isText)
        if sources.isEmpty { return }
        let source = pick(sources)
        let places = snapshot.paths(ofKind: S_IFDIR).filter {
            // cp leaves a set-group-ID bit that a directory inherits.
            isText($0) && !isInside($0, source)
                && snapshot.walk.entries[$0].map { $0.mode & S_ISGID } == 0
        }
        if places.isEmpty { return }
        let target = pick(places) + Array("/clone \(below(100))".utf8)
        if snapshot.walk.entries[target] != nil { return }
        let (from, to) = (String(decoding: source, as: UTF8.self), String(decoding: target, as: UTF8.self))
        recent.append("clone of \(from) to \(to)")
        try mount.mustCommand("clone", quoted(source) + [0x20] + quoted(target))
        try ChildProcess.check(["cp", "-aT", "\(now)/\(from)", "\(now)/\(to)"])
        let (copy, clone) = (try TreeWalk("\(now)/\(to)"), try TreeWalk(mount(to)))
        let differences = copy.differences(to: clone)
        try expect(
            differences.isEmpty,
            "cp -a and clone of \(from):\n" + differences.joined(separator: "\n"))
    }

    // MARK: Edit

    func edit() throws {
        let files = try Snapshot(now).paths(ofKind: S_IFREG).filter {
            String(validating: $0, as: UTF8.self) != nil
        }
        if files.isEmpty { return }
        let path = String(decoding: pick(files), as: UTF8.self)
        let old = try readFile("\(now)/\(path)")
        var (splices, new, at) = ([String](), [UInt8](), 0)
        for _ in 0..<(1 + below(3)) {
            let offset = at + below(old.count - at + 1)
            let delete = below(min(5_000, old.count - offset) + 1)
            let text = String((0..<(1 + below(300))).map { _ in pick(Array("abcdefgh")) })
            splices.append("{\"at\":\(offset),\"delete\":\(delete),\"insert\":\"\(text)\"}")
            new += old[at..<offset] + Array(text.utf8)
            at = offset + delete
            if delete == 0 { break }
        }
        new += old[at...]
        let whole = "{\"path\":\"\(path)\",\"edits\":[\(splices.joined(separator: ","))]}"
        recent.append("edit \(whole.prefix(200))")
        try mount.mustCommand("edit", whole)
        try withOpen("\(now)/\(path)", O_WRONLY) { held in
            try must("ftruncate", ftruncate(held, off_t(new.count)))
            try writeAll(held, new, at: 0)
        }
        try expect(try readFile(mount(path)) == new, "the edited file \(path)")
    }
}
