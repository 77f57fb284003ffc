// CheckedChange: a change of files in a workspace that is undone if a command fails. Only these files are
// restored, and only if no other process has changed them meanwhile.

internal import Platform

package struct CheckedChange {
    private let ground: any Ground
    private let check: CheckCommand

    package init(_ ground: any Ground, _ check: CheckCommand) {
        self.ground = ground
        self.check = check
    }

    /// Makes a change of the files at `paths`, then runs the check. If the check fails, these files are
    /// restored. If another process, or the check itself, has changed one of them by then, nothing is
    /// undone; the error names that file and says how to undo everything.
    /// - Parameter make: returns the versions of the files after the change; none for a file that it
    ///   removed.
    /// - Throws: `check_failed` with the output.
    package func run(
        _ paths: [ToolPath], _ make: () throws(ToolError) -> [ToolPath: FileVersion]
    ) throws(ToolError) -> CheckCommand.Outcome {
        guard ground is HostGround else {
            throw ToolError(
                .unsupported, "a check is a program and needs the files of a mount: mount the workspace")
        }
        let missing = Set(paths.flatMap { Stage.missing(above: $0, ground) })
            .sorted { $0.names.count > $1.names.count }
        // This is between the read of the files and the change, which verifies that they are still the
        // same.
        var own = try OwnChange(ground, paths)
        let versions = try make()
        let left: [OwnChange.Left] = paths.map { ($0, versions[$0]) }
        let outcome: CheckCommand.Outcome
        do throws(ToolError) {
            outcome = try check.run()
        } catch {
            let became = try goBack(&own, left, missing, "the check did not end")
            throw ToolError(error.kind, "\(error.description): \(became)")
        }
        if outcome.succeeded { return outcome }
        let ending = outcome.timedOut
            ? "the check took longer than allowed"
            : "the check failed with exit status \(outcome.status)"
        throw ToolError(
            .checkFailed,
            "\(ending), and \(try goBack(&own, left, missing, ending))"
                // In a reply, line ends and control characters take more than one byte.
                + ". It printed:\n" + outcome.text(atMost: 1_500))
    }

    /// - Returns: what happened to the files, as a sentence.
    private func goBack(
        _ own: inout OwnChange, _ left: [OwnChange.Left], _ missing: [ToolPath], _ ending: String
    ) throws(ToolError) -> String {
        let others: [ToolPath]
        do throws(ToolError) {
            others = try own.takeBack(left, keepsTimes: false)
        } catch {
            throw ToolError(
                error.kind,
                "\(ending), and the files could not be rolled back to @\(own.before): \(error.description)")
        }
        if !others.isEmpty {
            let names = others.prefix(8).map(\.description).joined(separator: ", ")
            let were = others.count == 1 ? "was" : "were"
            return "\(names) \(were) changed by another process or by the check: nothing was undone; "
                + "a rollback of the paths to @\(own.before) undoes all changes"
        }
        // A directory in which another process has made something is not empty, and stays.
        for directory in missing { try? ground.remove(directory) }
        return "the files are as before the call"
            + (own.backup.map { "; the undone content is in the backup \($0)" } ?? "")
    }
}
