// Placeholders of this branch, replaced one by one.

internal import Platform

private func missing(_ what: String) -> CommandError { CommandError(.notImplemented, "\(what) is not there yet") }

extension WorkspaceSet {
    package func differences(
        of workspace: Workspace, from ground: DiffGround
    ) throws(CommandError) -> [Difference] { throw missing("diff") }
}
