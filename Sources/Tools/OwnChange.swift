// OwnChange: a change of files in a workspace that is undone by one rollback of their paths, provided that
// no other process has changed them since. Changes of other processes are not undone with it.

import FoundationEssentials
internal import Platform

package struct OwnChange {
    /// A file in the state in which a change left it; the version is nil for a file that the change
    /// removed.
    package typealias Left = (path: ToolPath, version: FileVersion?)

    private struct Status: Decodable { var sequence: UInt64 }
    private struct Backup: Decodable {
        var name: String
        var sequence: UInt64
        var automatic: Bool
        var comment: String
    }
    private struct Entry: Decodable {
        var seq: UInt64
        var path: String?
        var old_path: String?
    }

    private let ground: any Ground
    private let workspace: any WorkspacePast
    /// The sequence number of the last change before this one.
    let before: UInt64
    /// The name of the backup that the rollback made of the state before it.
    private(set) var backup: String?

    /// Notes the state of the workspace; must be called before the change is made.
    /// - Throws: `usage` if there are no paths, or if they are not in one workspace; `unsupported` if one
    ///   is in no workspace.
    package init(_ ground: any Ground, _ paths: [ToolPath]) throws(ToolError) {
        self.ground = ground
        var found: (any WorkspacePast)?
        for path in paths {
            let real = try ground.resolved(path)
            let past = try ground.past(of: real, writing: true)
            guard found.map({ $0.root == past.root }) ?? true,
                let names = real.names(below: past.root), !names.isEmpty
            else { throw ToolError(.usage, "\(path) is not in the same workspace as the other files") }
            found = past
        }
        guard let found else { throw ToolError(.usage, "there are no files to change") }
        workspace = found
        before = try Self.sequence(found)
    }

    private static func sequence(_ workspace: any WorkspacePast) throws(ToolError) -> UInt64 {
        let bytes = try workspace.read("status", 1 << 20)
        guard let status = try? JSONDecoder().decode(Status.self, from: Data(bytes)) else {
            throw ToolError(.system, "the status of \(workspace.root) cannot be decoded")
        }
        return status.sequence
    }

    private func below(_ path: ToolPath) throws(ToolError) -> ToolPath {
        let real = try ground.resolved(path)
        return ToolPath(names: Array(real.names(below: workspace.root) ?? []))
    }

    private func isOurs(_ left: Left) -> Bool {
        let now = try? FileVersion(ground.open(left.path).status())
        guard let version = left.version else {
            return now == nil && (try? ground.status(left.path)) == nil
        }
        return now == version
    }

    /// Undoes the change.
    /// - Parameter keepsTimes: whether the files get their old times too; otherwise make(1) sees that they
    ///   changed.
    /// - Returns: the files that other processes have changed; then nothing was undone. Empty if all files
    ///   are as before.
    package mutating func takeBack(_ all: [Left], keepsTimes: Bool) throws(ToolError) -> [ToolPath] {
        // The check of versions covers the changes up to this number; `changed` covers the later ones.
        let looked = try Self.sequence(workspace)
        let others = all.filter { !isOurs($0) }.map(\.path)
        if !others.isEmpty { return others }
        var words: [[UInt8]] = []
        for left in all { words.append(try below(left.path).bytes) }
        let options = keepsTimes ? [Array("--times".utf8)] : []
        try workspace.command("rollback", [Array("@\(before)".utf8)] + options + words)
        guard let made = lastBackup() else { return [] }
        backup = made.name
        // Another process may have written between the check and the rollback. Then a second rollback
        // brings back what it wrote, and the change with it.
        let overtaken = made.sequence > looked
            ? try changed(all.map(\.path), after: looked, upTo: made.sequence) : []
        if overtaken.isEmpty { return [] }
        try workspace.command("rollback", [Array(made.name.utf8), Array("--times".utf8)] + words)
        return overtaken
    }

    /// Returns the newest automatic backup of a rollback to that moment. Other processes may make backups
    /// too.
    private func lastBackup() -> Backup? {
        let list = (try? workspace.read("backup", 4 << 20)) ?? []
        return list.split(separator: 0x0a).reversed().lazy
            .compactMap { try? JSONDecoder().decode(Backup.self, from: Data($0)) }
            .first {
                $0.automatic && $0.sequence > before && $0.comment == "before the rollback to @\(before)"
            }
    }

    private func changed(
        _ paths: [ToolPath], after first: UInt64, upTo last: UInt64
    ) throws(ToolError) -> [ToolPath] {
        let text = try workspace.read("history.\(last)", 16 << 20)
        var touched: Set<String> = []
        for line in text.split(separator: 0x0a).reversed() {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else { continue }
            if entry.seq <= first { break }
            touched.formUnion([entry.path, entry.old_path].compactMap { $0 })
        }
        var found: [ToolPath] = []
        for path in paths {
            if touched.contains(ToolPath.text(try below(path).names.map(\.bytes))) { found.append(path) }
        }
        return found
    }
}
