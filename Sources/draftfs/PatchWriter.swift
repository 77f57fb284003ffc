// PatchWriter: runs git for one file at a time and corrects its headers: if one side is /dev/null,
// git names the other side twice, and without a repository it writes no renames.

import Glibc
import Platform

struct PatchWriter {
    /// The directory with the symlinks a and b.
    let directory: String

    private static let options = [
        "diff", "--no-index", "--binary", "--no-color", "--no-ext-diff", "--no-textconv",
        "--no-renames", "--full-index", "--src-prefix=", "--dst-prefix=", "--",
    ]

    /// The environment of git. The user's own settings must not change the form of a patch.
    private var environment: [String] {
        let kept = ["PATH", "TMPDIR", "HOME"].compactMap { (name: String) in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
        return kept + [
            "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
            "GIT_ATTR_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=\(Place.parent(directory))",
        ]
    }

    func write(_ part: PatchPart) throws(Failure) {
        if let patch = try SymlinkPatch(part, in: directory) { return printBytes(patch.text) }
        var head: [UInt8]? = []
        var printed = false
        try run(part, Self.options) { bytes in
            guard var start = head else { return printBytes(bytes) }
            // The first line is replaced; the rest passes through.
            start += bytes
            head = start
            guard let end = start.firstIndex(of: 0x0a) else { return }
            printBytes(Array(Self.header(part).utf8) + start[(end + 1)...])
            printed = true
            head = nil
        }
        if !printed, part.old != part.new, part.old != nil, part.new != nil {
            printBytes(Self.header(part, isSame: true).utf8)
        }
    }

    /// Counts the new and the removed lines of a file; nil for a file that is not text.
    func count(_ part: PatchPart) throws(Failure) -> LineCount? {
        if let patch = try SymlinkPatch(part, in: directory) { return patch.count }
        var line: [UInt8] = []
        // The line begins with the two numbers; the path behind them may be as long as it likes.
        try run(part, ["diff", "--no-index", "--numstat"] + Self.options.dropFirst(3)) {
            if line.count < 64 { line += $0.prefix(64) }
        }
        // Without a difference in content nothing is printed.
        if line.isEmpty { return LineCount(added: 0, removed: 0) }
        let numbers = line.split(separator: 0x09, maxSplits: 2).prefix(2).map {
            UInt64(String(decoding: $0, as: UTF8.self))
        }
        guard numbers.count == 2, let added = numbers[0], let removed = numbers[1] else { return nil }
        return LineCount(added: added, removed: removed)
    }

    /// Runs git for the two files of a part.
    private func run(
        _ part: PatchPart, _ options: [String], take: ([UInt8]) -> Void
    ) throws(Failure) {
        let null = Array("/dev/null".utf8)
        let old = part.old.map { Array("a/".utf8) + $0 }
        let new = part.new.map { Array("b/".utf8) + $0 }
        let command = ["git", "-C", directory] + options
        let status: Int32
        do throws(Subprocess.Missing) {
            status = try Subprocess.run(
                command.map { Array($0.utf8) } + [old ?? null, new ?? null], environment: environment,
                take: take)
        } catch {
            throw Failure("this needs git, which cannot be run: install it (apt-get install git)")
        }
        guard status <= 1 else {
            let name = GitQuoting.quoted(part.new ?? part.old ?? [])
            throw Failure("git could not compare \(name) (exit status \(status))")
        }
    }

    static func header(_ part: PatchPart, isSame: Bool = false) -> String {
        let old = part.old ?? part.new ?? []
        let new = part.new ?? part.old ?? []
        var text = "diff --git \(GitQuoting.quoted(Array("a/".utf8) + old)) "
            + GitQuoting.quoted(Array("b/".utf8) + new) + "\n"
        if old != new {
            if isSame { text += "similarity index 100%\n" }
            text += "rename from \(GitQuoting.quoted(old))\nrename to \(GitQuoting.quoted(new))\n"
        }
        return text
    }
}
