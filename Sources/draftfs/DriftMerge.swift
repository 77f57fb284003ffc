// DriftMerge: merges the changes in a file with the changes in the base, with git merge-file: the old
// base content, the current base content and the file. The result is one edit. The file's base is
// then the version that was merged; if the base changed meanwhile, the edit is taken back. What others
// write to the file meanwhile stays.

import Platform
import Tools

struct DriftMerge {
    private let place: Place
    /// The path below the root, with a leading "/".
    private let path: String
    private let ground: HostGround
    private let file: ToolPath

    init(_ place: Place, _ path: String) throws(Failure) {
        self.place = place
        self.path = path
        do throws(ToolError) {
            ground = try HostGround.everything(from: place.root)
            file = try ground.roots.path(place.root + path)
        } catch {
            throw Failure(error.description)
        }
    }

    func run(marksConflicts: Bool) throws(Failure) {
        let name = Text.printable(path)
        let listed = try place.objects("drift").first { "/" + ($0.value["path"]?.plain ?? "") == path }
        guard let listed else { throw Failure("\(name) has not drifted") }
        guard let version = listed.value["base"]?.text else {
            throw Failure("the base has no \(name) any more: --ours keeps it, --theirs removes it")
        }
        let then = try bytes("base-then", "the base's earlier content is not kept")
        let now = try bytes("base-now", "the base file cannot be read")
        let (ours, seen) = try contents()
        let (overlaps, merged) = try merge(ours, then, now)
        if overlaps > 0, !marksConflicts {
            throw Failure(
                "\(name): \(overlaps) changes overlap with those of the base: --merge marks them in the "
                    + "file, --ours keeps the file, --theirs takes the base's content")
        }
        if merged == ours {
            try settle(version)
        } else {
            try replace(ours, by: merged, settling: version, expecting: seen)
        }
        if overlaps > 0 {
            let lines = Self.texts.markedLines(of: merged).prefix(10).map(String.init)
            throw Failure(
                "\(name) is merged, and \(overlaps) overlapping changes are marked in it, at line "
                    + "\(lines.joined(separator: ", ")): edit them")
        }
    }

    private func bytes(_ directory: String, _ missing: String) throws(Failure) -> [UInt8] {
        do throws(Failure) {
            return try place.bytes(directory + path)
        } catch {
            throw Failure(
                "\(Text.printable(path)) cannot be merged: \(missing) (or is larger than 16 MiB): --ours "
                    + "keeps the file, --theirs takes the base's content")
        }
    }

    private func contents() throws(Failure) -> (bytes: [UInt8], version: FileVersion) {
        do throws(ToolError) {
            let opened = try ground.open(file)
            let status = try opened.status()
            return (try opened.read(Int(clamping: status.size), at: 0), FileVersion(status))
        } catch {
            throw Failure(error.description)
        }
    }

    private func settle(_ version: String) throws(Failure) {
        try place.command("drift", ["ours", path, version])
    }

    /// Replaces the content, and settles the drift. If that fails, the content of before comes back.
    /// - Parameter seen: the version of the file with the old content.
    private func replace(
        _ old: [UInt8], by new: [UInt8], settling version: String, expecting seen: FileVersion
    ) throws(Failure) {
        let name = Text.printable(path)
        var own: OwnChange
        do throws(ToolError) {
            own = try OwnChange(ground, [file])
        } catch {
            throw Failure(error.description)
        }
        guard currentVersion == seen else {
            throw Failure("\(name) was changed while it was merged: nothing was done; try again")
        }
        try write(new, over: old.count)
        let made = currentVersion
        do throws(Failure) {
            try settle(version)
        } catch {
            let others = try? own.takeBack([(file, made)], keepsTimes: true)
            if others?.isEmpty == true { throw error }
            throw Failure(
                "\(error); the merged content of \(name) stays, because "
                    + (others == nil ? "it could not be undone" : "another process has changed it since"),
                errno: error.errno)
        }
    }

    private var currentVersion: FileVersion? { (try? ground.open(file).status()).map { FileVersion($0) } }

    private func write(_ bytes: [UInt8], over length: Int) throws(Failure) {
        let text = Array(
            EditCommand.json(
                path, at: "0", delete: UInt64(length), insert: nil, bytes: bytes
            ).line.utf8)
        guard text.count <= EditCommand.longest else {
            throw Failure("\(Text.printable(path)) is too large to be merged in one edit")
        }
        try place.write("edit", text)
    }

    /// - Returns: the number of conflicts, and the text.
    private func merge(
        _ ours: [UInt8], _ then: [UInt8], _ now: [UInt8]
    ) throws(Failure) -> (overlaps: Int, text: [UInt8]) {
        do throws(TextMerge.Failure) {
            switch try Self.texts.run(ours: ours, base: then, theirs: now) {
            case .text(let text, let overlaps): return (overlaps, text)
            case .noText: break
            }
        } catch {
            switch error {
            case .noGit:
                throw Failure("a merge needs git, which is missing: use --ours (keeps the file) or --theirs")
            case .git(let status): throw Failure("git merge-file failed with exit status \(status)")
            case .system(let errno): throw Failure("cannot write the texts to merge: \(errno)")
            }
        }
        throw Failure(
            "\(Text.printable(path)) is not text that can be merged: --ours keeps it, --theirs takes the "
                + "base's")
    }

    private static let texts = TextMerge(ours: "here", base: "base then", theirs: "base now")
}
