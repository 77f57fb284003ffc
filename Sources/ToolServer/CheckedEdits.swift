// The argument `check`: a command that tells whether an edit is good. It runs with all the rights of the
// server, so it is refused unless the server was started with permission for it.

internal import MCP
internal import Platform
internal import Tools

extension Shape {
    static let check = text(
        "A shell command to run in the workspace after the change; if it fails, the files are "
            + "restored. Only if the server allows checks.")
    static let checkSeconds = integer(
        "The time limit of the check; \(CheckCommand.usualSeconds) if left out.", from: 1,
        to: Int64(CheckCommand.mostSeconds))
    static let checkOutput = object(
        ["exit_status": integer(), "seconds": .members(["type": "number"]), "output": text()],
        required: ["exit_status", "seconds", "output"])
}

extension Call {
    /// Makes a change, and runs the check that the call names.
    /// - Parameter make: returns the versions of the files afterwards.
    /// - Returns: the result of the check; nil without one.
    func checked(
        _ paths: [ToolPath], _ make: () throws(ToolError) -> [ToolPath: FileVersion]
    ) throws(ToolError) -> JSON? {
        guard let command = text("check") else {
            guard arguments["check_seconds"] == nil else {
                throw ToolError(.usage, "check_seconds requires check")
            }
            _ = try make()
            return nil
        }
        guard workbench.settings.allowed.contains(.check) else {
            throw ToolError(
                .denied, "checks are not allowed here: start the server with --allow read,write,check")
        }
        guard let first = paths.first else { throw ToolError(.usage, "a check requires a change") }
        var check = try CheckCommand(
            command, in: try directory(for: first), seconds: number("check_seconds"))
        check.isCancelled = { [context] in context.isCancelled }
        let outcome = try CheckedChange(ground, check).run(paths, make)
        return [
            "exit_status": .integer(Int64(outcome.status)), "seconds": .number(outcome.seconds),
            "output": .text(outcome.text(atMost: Int(textBytes) / 2)),
        ]
    }

    /// Returns the workspace's root, or the allowed directory if that is only a part of the workspace.
    private func directory(for path: ToolPath) throws(ToolError) -> ToolPath {
        let real = try ground.resolved(path)
        let workspace = try ground.past(of: real, writing: true).root
        if ground.roots.root(of: workspace) != nil { return workspace }
        guard let (index, _) = ground.roots.root(of: real) else { throw ground.roots.refusal(path) }
        return try ToolPath(ground.roots.all[index].path)
    }
}
