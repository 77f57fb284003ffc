// GitCommit: makes a git commit of what a workspace changed, in the repository whose work tree the base is.
// The index of the user is not used: the commit is made with one of its own, from HEAD and the changed files.

import Glibc
import Overlay
import Platform

struct GitCommit {
    /// The workspace.
    private let place: Place
    /// The root of the base.
    private let base: String
    private let directory: String

    /// - Throws: a failure if the base is not the root of a work tree of git.
    init(_ place: Place) throws(Failure) {
        self.place = place
        let status = JSONValue(parsing: try place.bytes("status"))
        guard let base = status?["base"]?.text, Place.exists(base) else {
            throw Failure("the base cannot be reached from here: --git works where the base is")
        }
        self.base = Placement.resolve(base)
        func ask(_ word: String) throws(Failure) -> String? {
            let (code, text) = try Self.run(
                ["git", "-C", base, "rev-parse", word], [], isSilent: true)
            return code == 0 ? String(decoding: text, as: UTF8.self).trimmingLineEnds : nil
        }
        guard let top = try ask("--show-toplevel"), Placement.resolve(top) == self.base,
            let directory = try ask("--absolute-git-dir")
        else {
            throw Failure(
                "the base \(Text.printable(base)) is not the root of a work tree of git that this user may "
                    + "use (git rev-parse --show-toplevel)")
        }
        self.directory = directory
    }

    /// The work tree of the repository.
    var tree: String { base }

    /// Whether a path is in git's own directory, which git does not commit.
    static func isOwn(_ path: [UInt8]) -> Bool {
        let name = Array(".git".utf8)
        return path == name || path.starts(with: name + [0x2f])
    }

    /// Where a commit goes, and what is said with it.
    struct Request {
        var message: String?
        /// A new branch; nil for HEAD.
        var branch: String?
        /// Whether the user's index gets the files too.
        var updatesIndex = false
    }

    /// Makes sure that git knows the author, and that the branch does not exist yet.
    func check(_ request: Request) throws(Failure) {
        for name in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] where try run(["var", name]).code != 0 {
            throw Failure("nothing was committed: git does not know who you are, see above")
        }
        guard let branch = request.branch else { return }
        let name = try Self.run(["git", "check-ref-format", "--branch", branch], [], isSilent: true)
        guard name.code == 0 else {
            throw Failure("\(Text.printable(branch)) is no name for a branch")
        }
        let known = try run(["rev-parse", "-q", "--verify", "refs/heads/\(branch)"], isSilent: true)
        if known.code == 0 { throw Failure("there is a branch \(branch) already: nothing was committed") }
    }

    /// How often the commit is made again on top of another one that came in between.
    private static let attempts = 5

    /// Makes the commit.
    /// - Parameters:
    ///   - lines: the changes of the workspace.
    ///   - tree: the work tree that has the files: the base, or the workspace.
    /// - Returns: its name, and the number of files; nil if git has nothing to commit.
    func make(
        _ request: Request, of lines: [DiffLine], in tree: String
    ) throws(Failure) -> (commit: String, files: Int)? {
        let temporary = try makeTemporaryDirectory("git")
        let (index, list, text) = ("\(temporary)/index", "\(temporary)/list", "\(temporary)/message")
        defer {
            for file in [index, list, text, index + ".lock"] { unlink(file) }
            rmdir(temporary)
        }
        var message = (request.message ?? "Changes of the workspace \(workspaceName)") + "\n"
        let trailers = try self.trailers(lines)
        if !trailers.isEmpty { message += "\n" + trailers.joined(separator: "\n") + "\n" }
        try Self.write(Array(message.utf8), to: text)
        let work = ["--work-tree", tree]
        let own = ["GIT_INDEX_FILE=\(index)"]
        let update = work + ["-C", tree, "update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
        for attempt in 1...Self.attempts {
            let parent = try run(["rev-parse", "-q", "--verify", "HEAD"], isSilent: true)
            let head = parent.code == 0 ? String(decoding: parent.text, as: UTF8.self).trimmingLineEnds : nil
            try must(work + ["read-tree", head ?? "--empty"], own)
            let files = try self.files(lines, work, own, in: tree)
            if files.isEmpty { return nil }
            unlink(list)
            try Self.write(files.reduce(into: []) { $0 += $1 + [0] }, to: list)
            try must(update, own, input: list)
            let made = try must(work + ["write-tree"], own)
            if let head, try must(["rev-parse", "\(head)^{tree}"], []) == made { return nil }
            let commit = try must(
                ["commit-tree", made] + (head.map { ["-p", $0] } ?? []) + ["-F", text], [])
            let none = String(repeating: "0", count: commit.count)
            let reference = request.branch.map { "refs/heads/\($0)" } ?? "HEAD"
            let old = request.branch == nil ? head ?? none : none
            let words = ["update-ref", "-m", "draftfs commit", reference, commit, old]
            let isSet = try run(words, isSilent: attempt < Self.attempts).code == 0
            guard isSet else {
                // Another commit of git came in between.
                if request.branch == nil, attempt < Self.attempts { continue }
                throw Self.failure("update-ref", 1)
            }
            if request.updatesIndex { try must(update, [], input: list) }
            return (commit, files.count)
        }
        return nil
    }

    /// Returns the changed files that git has, or that it does not ignore.
    private func files(
        _ lines: [DiffLine], _ work: [String], _ own: [String], in tree: String
    ) throws(Failure) -> [[UInt8]] {
        var paths: Set<[UInt8]> = []
        for line in lines {
            // A directory has lines for what is in it, but for one that was renamed.
            if line.oldPath == nil, Self.isDirectory(Array(tree.utf8) + [0x2f] + line.path) { continue }
            paths.formUnion([line.path, line.oldPath].compactMap { $0 }.filter { !Self.isOwn($0) })
        }
        var found: Set<[UInt8]> = []
        while !paths.isEmpty {
            // The arguments of one program have a bound (execve(2), E2BIG).
            let part = Array(paths.prefix(200))
            paths.subtract(part)
            let words = ["-C", tree, "--literal-pathspecs"] + work
                + ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
            let result = try Self.run(
                (["git", "--git-dir", directory] + words).map { Array($0.utf8) } + part, own)
            guard result.code == 0 else { throw Self.failure("ls-files", result.code) }
            for name in result.text.split(separator: 0) { found.insert(Array(name)) }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func isDirectory(_ path: [UInt8]) -> Bool {
        var found = stat()
        return withCString(path) { lstat($0, &found) } == 0 && found.st_mode & S_IFMT == S_IFDIR
    }

    /// The most changes of the history that are looked at for names, and the most names.
    private static let mostChanges = 1 << 16
    private static let mostNames = 20

    /// Returns a line for each kind of process that changed one of the files, as far back as the history is
    /// read.
    private func trailers(_ lines: [DiffLine]) throws(Failure) -> [String] {
        let known = Set(lines.map { String(decoding: $0.path, as: UTF8.self) })
        let items = try HistoryCommand.collect(limit: Self.mostChanges, in: place)
        var names: [String] = []
        for (_, item) in items {
            guard let name = item["comm"]?.text, !name.isEmpty, !["draftfs", "kernel"].contains(name),
                let path = item["path"]?.text, !names.contains(name) else { continue }
            let below = path.hasPrefix("/") ? path.dropFirst() : path[...]
            guard Self.isAtOrBelow(known, below) else { continue }
            names.append(name)
            if names.count == Self.mostNames { break }
        }
        let workspace = Self.word(workspaceName)
        return names.map { name in
            let word = Self.word(name)
            return "Co-authored-by: \(word) in \(workspace) <\(word)@\(workspace).draftfs.invalid>"
        }
    }

    /// Whether a path, or a directory above it, is one of the known ones.
    private static func isAtOrBelow(_ known: Set<String>, _ path: Substring) -> Bool {
        var path = path
        while !path.isEmpty {
            if known.contains(String(path)) { return true }
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return false
    }

    private var workspaceName: String {
        place.root.split(separator: "/").last.map(String.init) ?? "draftfs"
    }

    private static func word(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
    }

    // MARK: Running git

    @discardableResult
    private func must(
        _ words: [String], _ variables: [String], input: String? = nil
    ) throws(Failure) -> String {
        let (code, text) = try run(words, variables, input: input)
        let verb = words.first { !$0.hasPrefix("-") && !$0.hasPrefix("/") } ?? ""
        guard code == 0 else { throw Self.failure(verb, code) }
        return String(decoding: text, as: UTF8.self).trimmingLineEnds
    }

    private static func failure(_ verb: String, _ code: Int32) -> Failure {
        Failure("git \(verb) failed with exit status \(code): see above")
    }

    private func run(
        _ words: [String], _ variables: [String] = [], input: String? = nil, isSilent: Bool = false
    ) throws(Failure) -> (code: Int32, text: [UInt8]) {
        let git = ["git", "--git-dir", directory] + words
        // The shell opens the file for git.
        let all = input.map { ["sh", "-c", "exec \"$@\" < \"$0\"", $0] + git } ?? git
        return try Self.run(all, variables, isSilent: isSilent)
    }

    private static func run(
        _ words: [String], _ variables: [String], isSilent: Bool = false
    ) throws(Failure) -> (code: Int32, text: [UInt8]) {
        try run(words.map { Array($0.utf8) }, variables, isSilent: isSilent)
    }

    private static func run(
        _ words: [[UInt8]], _ variables: [String], isSilent: Bool = false
    ) throws(Failure) -> (code: Int32, text: [UInt8]) {
        var text: [UInt8] = []
        do throws(Subprocess.Missing) {
            let code = try Subprocess.run(words, environment: environment + variables, isSilent: isSilent) {
                text += $0
            }
            return (code, text)
        } catch {
            throw Failure("this needs git, which cannot be run: install it (apt-get install git)")
        }
    }

    /// The user's settings, which have the author's name, but no other repository.
    private static var environment: [String] {
        let kept = [
            "PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "USER", "LOGNAME", "EMAIL", "GIT_AUTHOR_NAME",
            "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
            "GIT_COMMITTER_DATE", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM",
        ]
        return kept.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
            + ["LC_ALL=C.UTF-8"]
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        do throws(Errno) {
            try File.open(path, flags: OpenFlags.createNew).writeBytes(bytes, at: 0)
        } catch {
            throw Failure("cannot write \(path): \(error)")
        }
    }
}

extension String {
    fileprivate var trimmingLineEnds: String {
        var text = self
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }
}
