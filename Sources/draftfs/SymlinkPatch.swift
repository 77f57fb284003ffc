// SymlinkPatch: the patch of a symlink to a directory. git diff --no-index follows such a link and compares
// the directory, so its text is made here. The form is that of git for any symlink, without the index line,
// which git apply does not need for text.

import Glibc
import Platform

struct SymlinkPatch {
    private let part: PatchPart
    private let old: [UInt8]?
    private let new: [UInt8]?

    /// Returns nil if no side is a symlink to a directory.
    init?(_ part: PatchPart, in directory: String) throws(Failure) {
        let old = part.old.map { Array("\(directory)/a/".utf8) + $0 }
        let new = part.new.map { Array("\(directory)/b/".utf8) + $0 }
        guard [old, new].contains(where: { $0.map(Self.leadsToDirectory) == true }) else { return nil }
        self.part = part
        self.old = try old.map { (path) throws(Failure) in try Self.target(path) }
        self.new = try new.map { (path) throws(Failure) in try Self.target(path) }
    }

    private static func leadsToDirectory(_ path: [UInt8]) -> Bool {
        var found = stat()
        guard withCString(path, { lstat($0, &found) }) == 0, found.st_mode & S_IFMT == S_IFLNK,
            withCString(path, { stat($0, &found) }) == 0 else { return false }
        return found.st_mode & S_IFMT == S_IFDIR
    }

    private static func target(_ path: [UInt8]) throws(Failure) -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = withCString(path) { readlink($0, &bytes, Int(PATH_MAX)) }
        guard count >= 0 else {
            throw Failure(
                "cannot read the link \(Text.printable(String(decoding: path, as: UTF8.self))): "
                    + String(cString: strerror(errno)))
        }
        return bytes.prefix(count).map { UInt8(bitPattern: $0) }
    }

    var count: LineCount {
        old == new
            ? LineCount(added: 0, removed: 0)
            : LineCount(added: new == nil ? 0 : 1, removed: old == nil ? 0 : 1)
    }

    var text: [UInt8] {
        var text = Array(PatchWriter.header(part, isSame: old == new && part.old != part.new).utf8)
        if old == new { return part.old == part.new ? [] : text }
        if old == nil { text += Array("new file mode 120000\n".utf8) }
        if new == nil { text += Array("deleted file mode 120000\n".utf8) }
        text += Array("--- \(Self.name("a/", part.old))\n+++ \(Self.name("b/", part.new))\n".utf8)
        text += Array("@@ -\(old == nil ? "0,0" : "1") +\(new == nil ? "0,0" : "1") @@\n".utf8)
        for (sign, target) in [("-", old), ("+", new)] {
            guard let target else { continue }
            text += Array(sign.utf8) + target + Array("\n\\ No newline at end of file\n".utf8)
        }
        return text
    }

    private static func name(_ prefix: String, _ path: [UInt8]?) -> String {
        path.map { GitQuoting.quoted(Array(prefix.utf8) + $0) } ?? "/dev/null"
    }
}
