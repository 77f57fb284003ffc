// ModelRun+Past: the steps of a model run that use the past (backups, rollbacks of the workspace and of
// paths, views of moments), and clones and edits. The reference cannot do some of these steps. After such a
// step the result is checked by itself, and the reference becomes a copy of the workspace.

import Overlay
import Past
import Platform
import TestSupport

extension ModelRun {
    /// Makes a backup, whose name is the index of its moment.
    func backup() throws {
        let name = try FileName("backup \(moments.count)")
        let made = try fixture.workspace.moments.backup(name, comment: [], caller: fixture.tree.caller)
        moments.append(Moment(name: name, sequence: made.sequence, state: reference.copy()))
    }

    func rollback(byName: Bool) throws {
        guard let moment = moments.randomElement(using: &random) else { return try backup() }
        ours.releaseAll()
        theirs.releaseAll()
        if Bool.random(using: &random) { forget() }
        if Bool.random(using: &random) { try backup() }
        let outcome: CommandOutcome
        do {
            outcome = try fixture.workspace.commands.rollback(
                to: byName ? .backup(moment.name) : .sequence(moment.sequence), paths: [],
                keepsTimes: false, caller: fixture.tree.caller)
        } catch {
            throw CheckFailure(
                "seed \(seed): \(error)\n" + fixture.messages.joined(separator: "\n"))
        }
        recent.append("rollback to \(moment.name) as change \(outcome.sequence)")
        reference.become(moment.state)
        if Bool.random(using: &random) { try compare("after the rollback to \(moment.name)") }
        for moment in moments.shuffled(using: &random).prefix(2) { try lookBack(to: moment) }
    }

    func lookBack(to moment: Moment) throws {
        let found: TreeImage
        do {
            found = try TreeImage(PastTree(fixture.workspace.moments.view(at: moment.sequence)))
        } catch {
            throw CheckFailure(
                "seed \(seed), looking back to \(moment.name): \(error)\n"
                    + fixture.messages.joined(separator: "\n"))
        }
        let differences = try TreeImage(moment.state).differences(to: found)
        if !differences.isEmpty {
            throw CheckFailure(
                "seed \(seed), looking back to \(moment.name):\n"
                    + differences.joined(separator: "\n"))
        }
    }

    /// Makes the reference a copy of the workspace.
    func adopt() throws {
        ours.releaseAll()
        theirs.releaseAll()
        reference.become(try ReferenceFileSystem(of: fixture.tree))
        numbers = [:]
        forget()
    }

    private func paths(_ image: TreeImage) -> [[UInt8]] {
        image.items.keys.filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    func rollbackPath() throws {
        guard let moment = moments.randomElement(using: &random) else { return try backup() }
        ours.releaseAll()
        theirs.releaseAll()
        let before = try TreeImage(fixture.tree)
        let then = try TreeImage(moment.state)
        let all = Bool.random(using: &random) ? paths(then) : paths(before)
        guard let path = all.randomElement(using: &random) else { return }
        let shown = String(decoding: path, as: UTF8.self)
        recent.append("rollback of \(shown) to \(moment.name)")
        do {
            _ = try fixture.workspace.commands.rollback(
                to: .backup(moment.name), paths: [path],
                keepsTimes: Bool.random(using: &random), caller: fixture.tree.caller)
        } catch {
            // A parent of the path is no longer a directory.
            guard error.errno == .notDirectory else {
                throw CheckFailure("seed \(seed): rollback of \(shown) to \(moment.name): \(error)\n"
                    + fixture.messages.joined(separator: "\n"))
            }
            return
        }
        let after = try TreeImage(fixture.tree)
        let inside = then.subtree(path).differences(to: after.subtree(path), comparesLinks: false)
        // The rollback also changes other names of the same inodes.
        let touched = before.identities(below: path).union(after.identities(below: path))
        let outside = before.without(path, touched).differences(
            to: after.without(path, touched), comparesLinks: false)
        let links = after.linkFaults
        if !inside.isEmpty || !outside.isEmpty || !links.isEmpty {
            throw CheckFailure(
                "seed \(seed), rollback of \(shown) to \(moment.name):\n"
                    + (inside + ["outside:"] + outside + links).joined(separator: "\n"))
        }
        try adopt()
        for moment in moments.shuffled(using: &random).prefix(1) { try lookBack(to: moment) }
    }

    func clone() throws {
        let before = try TreeImage(fixture.tree)
        guard let path = paths(before).randomElement(using: &random),
            let directory = paths(before).filter({
                before.items[$0].map { FileType(mode: $0.facts.mode) } == .directory
                    && !($0 + [0x2f]).starts(with: path + [0x2f])
            }).randomElement(using: &random)
        else { return }
        let number = Int.random(in: 0...99, using: &random)
        let target = directory + Array("/clone \(number)".utf8)
        if before.items[target] != nil { return }
        let shown = String(decoding: path, as: UTF8.self)
        recent.append("clone of \(shown) to \(String(decoding: target, as: UTF8.self))")
        do {
            _ = try fixture.workspace.commands.clone(path, to: target, caller: fixture.tree.caller)
        } catch {
            throw CheckFailure("seed \(seed): clone of \(shown): \(error)")
        }
        let after = try TreeImage(fixture.tree)
        let differences = before.subtree(path).differences(
            to: after.subtree(target), comparesLinks: false)
        let outside = before.without(target, []).differences(
            to: after.without(target, []), comparesLinks: false)
        if !differences.isEmpty || !outside.isEmpty {
            throw CheckFailure(
                "seed \(seed), clone of \(shown):\n"
                    + (differences + ["outside:"] + outside).joined(separator: "\n"))
        }
        try adopt()
    }

    /// Splices a random file, and does the same with the bytes of the reference.
    func edit() throws {
        let image = try TreeImage(reference)
        let files = paths(image).filter {
            image.items[$0].map { FileType(mode: $0.facts.mode) } == .regular
        }
        guard let path = files.randomElement(using: &random), let item = image.items[path] else {
            return
        }
        var at = 0
        var splices: [Splice] = []
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            guard at <= item.content.count else { break }
            let offset = Int.random(in: at...item.content.count, using: &random)
            let delete = Int.random(in: 0...min(5_000, item.content.count - offset), using: &random)
            let insert = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            splices.append(Splice(offset: UInt64(offset), delete: UInt64(delete), insert: insert))
            bytes += item.content[at..<offset] + insert
            at = offset + delete
            if delete == 0 { break }
        }
        bytes += item.content[min(at, item.content.count)...]
        do {
            _ = try fixture.workspace.content.edit(path, splices, caller: fixture.tree.caller)
        } catch {
            throw CheckFailure("seed \(seed): edit of \(String(decoding: path, as: UTF8.self)): \(error)")
        }
        reference.replace(try reference.resolve(path), with: bytes)
    }
}
