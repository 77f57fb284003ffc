// Patch: the differences of two trees in git's format (git-diff(1), "Generating patch text"), which
// git apply accepts. git compares single files below two symlinks named a and b, which gives the
// names in its headers. A patch has no directories.

import Glibc
import Overlay
import Platform

struct Patch {
    /// The absolute paths of the two trees.
    let old: String
    let new: String

    init(old: String, new: String) {
        self.old = old
        self.new = new
    }

    func print(_ lines: [DiffLine]) throws(Failure) {
        try withWriter(lines) { (writer, part) throws(Failure) in try writer.write(part) }
    }

    /// Passes each changed file with the numbers of its new and removed lines to `visit`.
    func count(_ lines: [DiffLine], _ visit: (PatchPart, LineCount?) -> Void) throws(Failure) {
        try withWriter(lines) { (writer, part) throws(Failure) in visit(part, try writer.count(part)) }
    }

    private func withWriter(
        _ lines: [DiffLine], _ body: (PatchWriter, PatchPart) throws(Failure) -> Void
    ) throws(Failure) {
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
            try body(writer, part)
        }
    }

    /// Returns the parts of a patch. Renames come first, so that the lines of the directories around
    /// them do not remove or add the same files again. No path is on one side of a patch twice.
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

    /// Returns the parts of one line. A change of type is a removal and an addition. A whole
    /// directory is replaced by the files in it.
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

    /// Returns the parts of a renamed directory: files with the same path below it in both trees are
    /// renamed.
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

/// Makes a directory for the input of git below TMPDIR, with mkdtemp(3). The caller removes it.
/// - Parameter purpose: a word of its name.
func makeTemporaryDirectory(_ purpose: String) throws(Failure) -> String {
    let parent = Placement.resolve(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
    do throws(Errno) {
        return try Platform.makeTemporaryDirectory(purpose, in: parent)
    } catch {
        throw Failure("cannot make a directory in \(parent): \(error)")
    }
}

/// One file of a patch; a path is nil if the file does not exist on that side.
struct PatchPart: Equatable {
    var old: [UInt8]?
    var new: [UInt8]?
}

/// The numbers of lines that a change adds to a text and removes from it.
struct LineCount: Equatable {
    var added: UInt64
    var removed: UInt64
}

/// Reads a tree by paths of bytes.
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

    /// Returns the path itself, or the files and symlinks below it in order. Pipes and devices are
    /// left out.
    func files(_ path: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var open = [path]
        while let path = open.popLast() {
            switch kind(path) {
            case .file, .symlink: found.append(path)
            case .directory:
                // Sorted in descending order, so that popLast takes the first name first.
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
