// Patch: the differences of two trees as git writes them (git-diff(1), "Generating patch text"), so
// that git apply takes them. git compares single files below two symlinks named a and b, which gives
// the names in its headers; directories are no part of a patch.

import Glibc
import Overlay
import Platform

struct Patch {
    /// The two trees, absolute.
    let old: String
    let new: String

    init(old: String, new: String) {
        self.old = old
        self.new = new
    }

    func print(_ lines: [DiffLine]) throws(Failure) {
        Interrupts.holdBack()
        defer { Interrupts.letIn() }
        let directory = try makeLinks()
        defer {
            for name in ["a", "b"] { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }
        let writer = PatchWriter(directory: directory)
        for part in parts(of: lines) {
            if Interrupts.arePending { return }
            try writer.write(part)
        }
    }

    /// Renames come first: what they take along is neither removed nor added once more by the lines
    /// of the directories around it. No path is on one side of a patch twice.
    func parts(of lines: [DiffLine]) -> [PatchPart] {
        let ordered = lines.filter { $0.oldPath != nil } + lines.filter { $0.oldPath == nil }
        var gone: Set<[UInt8]> = []
        var made: Set<[UInt8]> = []
        return ordered.flatMap(parts(of:)).filter { part in
            if let old = part.old, gone.contains(old) { return false }
            if let new = part.new, made.contains(new) { return false }
            part.old.map { _ = gone.insert($0) }
            part.new.map { _ = made.insert($0) }
            return true
        }
    }

    private func makeLinks() throws(Failure) -> String {
        let path = try makeTemporaryDirectory("diff")
        symlink(old, "\(path)/a")
        symlink(new, "\(path)/b")
        return path
    }

    /// What a line means for files: changes of type are a removal and an addition, and whole
    /// directories are what lies in them.
    func parts(of line: DiffLine) -> [PatchPart] {
        let before = line.status == "A" ? nil : Tree(old).kind(line.oldPath ?? line.path)
        let after = line.status == "D" ? nil : Tree(new).kind(line.path)
        if before == .other || after == .other { return [] }
        if let before, let after, before == after, before != .directory {
            return [PatchPart(old: line.oldPath ?? line.path, new: line.path)]
        }
        if line.oldPath != nil, before == .directory, after == .directory {
            return moved(line.oldPath ?? line.path, line.path)
        }
        if before == .directory, after == .directory { return [] }
        let removed = before == nil ? [] : Tree(old).files(line.oldPath ?? line.path)
        let added = after == nil ? [] : Tree(new).files(line.path)
        return removed.map { PatchPart(old: $0, new: nil) }
            + added.map { PatchPart(old: nil, new: $0) }
    }

    /// A directory under a new name: files that lie in the same place in both are renamed.
    private func moved(_ from: [UInt8], _ to: [UInt8]) -> [PatchPart] {
        let before = Tree(old).files(from).map { Array($0.dropFirst(from.count)) }
        let after = Set(Tree(new).files(to).map { Array($0.dropFirst(to.count)) })
        let kept = Set(before).intersection(after)
        return before.map { kept.contains($0)
            ? PatchPart(old: from + $0, new: to + $0) : PatchPart(old: from + $0, new: nil)
        } + after.subtracting(kept).sorted { $0.lexicographicallyPrecedes($1) }
            .map { PatchPart(old: nil, new: to + $0) }
    }
}

/// Makes a directory for what git is to read, below TMPDIR, by mkdtemp(3); the caller removes it.
/// - Parameter purpose: a word of its name.
func makeTemporaryDirectory(_ purpose: String) throws(Failure) -> String {
    let parent = Placement.resolve(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
    do throws(Errno) {
        return try Platform.makeTemporaryDirectory(purpose, in: parent)
    } catch {
        throw Failure("cannot make a directory in \(parent): \(error)")
    }
}

/// One file of a patch; nil where there was or is none.
struct PatchPart: Equatable {
    var old: [UInt8]?
    var new: [UInt8]?
}

/// Reading a tree by paths of bytes.
private struct Tree {
    enum Kind { case file, symlink, directory, other }
    let root: [UInt8]

    init(_ root: String) { self.root = Array(root.utf8) }

    func kind(_ path: [UInt8]) -> Kind? {
        var found = stat()
        guard withCString(root + [0x2f] + path, { lstat($0, &found) }) == 0 else { return nil }
        return switch found.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFLNK: .symlink
        case S_IFDIR: .directory
        default: .other
        }
    }

    /// The path itself, or the files and symlinks below it, in order. Pipes and devices are none.
    func files(_ path: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var open = [path]
        while let path = open.popLast() {
            switch kind(path) {
            case .file, .symlink: found.append(path)
            case .directory:
                // The first name is taken first.
                open += names(path).sorted { $1.lexicographicallyPrecedes($0) }
                    .map { path + [0x2f] + $0 }
            default: break
            }
        }
        return found
    }

    private func names(_ path: [UInt8]) -> [[UInt8]] {
        guard let stream = withCString(root + [0x2f] + path, { opendir($0) }) else { return [] }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2e], name != [0x2e, 0x2e] { names.append(name) }
        }
        return names
    }
}
