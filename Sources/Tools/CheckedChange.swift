// CheckedChange: a change of files in a workspace that goes back when a command fails: these files alone,
// by one rollback of their paths.

import FoundationEssentials
internal import Platform

package struct CheckedChange {
    private let ground: any Ground
    private let check: CheckCommand

    package init(_ ground: any Ground, _ check: CheckCommand) {
        self.ground = ground
        self.check = check
    }

    private struct Status: Decodable { var sequence: UInt64 }
    private struct Backup: Decodable {
        var name: String
        var sequence: UInt64
        var automatic: Bool
    }

    /// Makes a change of the files at `paths`, then runs the check. If that fails, these paths go back to
    /// what they were, and nothing else does: what others did elsewhere stays. What was done to these
    /// paths meanwhile is in the backup that a rollback makes.
    /// - Throws: `check_failed` with the output, once the files are as before.
    package func run(
        _ paths: [ToolPath], _ make: () throws(ToolError) -> Void
    ) throws(ToolError) -> CheckCommand.Outcome {
        guard ground is HostGround else {
            throw ToolError(
                .unsupported, "a check is a program, and sees files of a mount only: mount the workspace")
        }
        var words: [[UInt8]] = []
        var workspace: (any WorkspacePast)?
        for path in paths {
            let real = try ground.resolved(path)
            let past = try ground.past(of: real, writing: true)
            guard workspace.map({ $0.root == past.root }) ?? true,
                let names = real.names(below: past.root), !names.isEmpty
            else { throw ToolError(.usage, "a check goes with files of one workspace") }
            workspace = past
            words.append(ToolPath(names: Array(names)).bytes)
        }
        guard let workspace else { throw ToolError(.usage, "a check goes with a change of files") }
        let missing = missingDirectories(paths)
        // Before the change, and after the file was read: the change asks that it still is that.
        let before = try sequence(workspace)
        try make()
        let outcome: CheckCommand.Outcome
        do throws(ToolError) {
            outcome = try check.run()
        } catch {
            try goBack(workspace, before, words, missing)
            throw ToolError(error.kind, "\(error.description): the files are as before the call")
        }
        if outcome.succeeded { return outcome }
        let backup = try goBack(workspace, before, words, missing)
        let ending = outcome.timedOut
            ? "took longer than allowed" : "failed with exit status \(outcome.status)"
        throw ToolError(
            .checkFailed,
            "the check \(ending), and the files are as before the call"
                + (backup.map { "; what was there is in the backup \($0)" } ?? "")
                // A reply shows line ends and control characters by more than one byte.
                + ". It printed:\n" + outcome.text(atMost: 1_500))
    }

    private func sequence(_ workspace: any WorkspacePast) throws(ToolError) -> UInt64 {
        let bytes = try workspace.read("status", 1 << 20)
        guard let status = try? JSONDecoder().decode(Status.self, from: Data(bytes)) else {
            throw ToolError(.system, "the status of \(workspace.root) cannot be understood")
        }
        return status.sequence
    }

    /// Directories that a change will make, the deepest first.
    private func missingDirectories(_ paths: [ToolPath]) -> [ToolPath] {
        var missing: Set<ToolPath> = []
        for path in paths {
            var above = path.parent
            while !above.names.isEmpty, (try? ground.status(above)) == nil {
                missing.insert(above)
                above = above.parent
            }
        }
        return missing.sorted { $0.names.count > $1.names.count }
    }

    /// - Returns: the backup of what was there.
    @discardableResult
    private func goBack(
        _ workspace: any WorkspacePast, _ before: UInt64, _ paths: [[UInt8]],
        _ missing: [ToolPath]
    ) throws(ToolError) -> String? {
        do throws(ToolError) {
            try workspace.command("rollback", [Array("@\(before)".utf8)] + paths)
        } catch {
            throw ToolError(
                error.kind,
                "the check failed, and the files could not be taken back to @\(before): "
                    + error.description)
        }
        // One in which somebody else has made something meanwhile is not empty, and stays.
        for directory in missing { try? ground.remove(directory) }
        let list = (try? workspace.read("backup", 4 << 20)) ?? []
        return list.split(separator: 0x0a).reversed().lazy
            .compactMap { try? JSONDecoder().decode(Backup.self, from: Data($0)) }
            .first { $0.automatic && $0.sequence > before }?.name
    }
}
