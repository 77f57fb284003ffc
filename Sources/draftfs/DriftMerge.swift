// DriftMerge: what was changed here and what was changed in the base, put together by git merge-file: the
// base of then, the base of now and the file. The result is one edit, and the file then stands on the base
// that was merged; if that was changed meanwhile, the edit is undone.

import Glibc
import Platform

struct DriftMerge {
    private let place: Place
    /// With "/" in front.
    private let path: String

    init(_ place: Place, _ path: String) {
        self.place = place
        self.path = path
    }

    func run(marksConflicts: Bool) throws(Failure) {
        let name = Text.printable(path)
        let listed = try place.objects("drift").first { "/" + ($0.value["path"]?.plain ?? "") == path }
        guard let listed else { throw Failure("\(name) has not drifted") }
        guard let version = listed.value["base"]?.text else {
            throw Failure("the base has no \(name) any more: --ours keeps it, --theirs removes it")
        }
        let then = try bytes("base-then", "the base's content of then is not kept")
        let now = try bytes("base-now", "the base file cannot be read")
        let ours = try contents()
        let (status, merged) = try merge(ours, then, now)
        if status >= 128 {
            throw Failure("\(name) is no text that can be merged: --ours keeps it, --theirs takes the base's")
        }
        if status > 0, !marksConflicts {
            throw Failure(
                "\(name): \(status) changes overlap with those of the base: --merge marks them in the "
                    + "file, --ours keeps what is here, --theirs takes the base's content")
        }
        if merged != ours { try write(merged, over: ours.count) }
        do throws(Failure) {
            try place.command("drift", ["ours", path, version])
        } catch {
            if merged != ours { try? place.command("undo", ["1", path]) }
            throw error
        }
        if status > 0 {
            throw Failure("\(name) is merged, and \(status) overlapping changes are marked in it: edit them")
        }
    }

    private func bytes(_ directory: String, _ missing: String) throws(Failure) -> [UInt8] {
        do throws(Failure) {
            return try place.bytes(directory + path)
        } catch {
            throw Failure(
                "\(Text.printable(path)) cannot be merged: \(missing) (or is larger than 16 MiB): --ours "
                    + "keeps what is here, --theirs takes the base's content")
        }
    }

    private func contents() throws(Failure) -> [UInt8] {
        do throws(Errno) {
            return try File.open(place.root + path, flags: O_RDONLY).readAll()
        } catch {
            throw Failure("cannot read \(Text.printable(path)): \(error)")
        }
    }

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
    ) throws(Failure) -> (status: Int32, text: [UInt8]) {
        let directory = try makeTemporaryDirectory("merge")
        defer {
            for name in ["ours", "then", "now"] { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }
        for (name, bytes) in [("ours", ours), ("then", then), ("now", now)] {
            do throws(Errno) {
                try File.open("\(directory)/\(name)", flags: OpenFlags.createNew)
                    .writeBytes(bytes, at: 0)
            } catch {
                throw Failure("cannot write to \(directory): \(error)")
            }
        }
        let words = [
            "git", "merge-file", "-p", "-L", "here", "-L", "base then", "-L", "base now",
        ] + ["ours", "then", "now"].map { "\(directory)/\($0)" }
        var text: [UInt8] = []
        do throws(Subprocess.Missing) {
            let status = try Subprocess.run(
                words.map { Array($0.utf8) }, environment: environment
            ) { text += $0 }
            return (status, text)
        } catch {
            throw Failure("there is no git, which merges: --ours keeps what is here, --theirs the base's")
        }
    }

    private var environment: [String] {
        let names: [String] = ["PATH", "HOME"]
        let kept = names.compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        return kept + ["LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1"]
    }
}
