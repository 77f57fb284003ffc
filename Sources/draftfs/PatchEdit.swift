// PatchEdit: draftfs edit --patch. CheckOptions: a command that decides whether an edit is kept.

import ArgumentParser
import Tools

struct CheckOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Run this shell command after an edit in a workspace; if it fails, the edited files are "
                + "restored, unless another process has changed them.",
            valueName: "command"))
    var check: String?

    @Option(help: ArgumentHelp("The time limit of the check.", valueName: "seconds"))
    var checkSeconds: UInt64 = CheckCommand.usualSeconds

    func validate() throws {
        guard (1...CheckCommand.mostSeconds).contains(checkSeconds) else {
            throw ValidationError("--check-seconds takes 1 to \(CheckCommand.mostSeconds)")
        }
    }

    /// Changes files, and runs the check if there is one.
    func run(
        _ ground: HostGround, _ paths: [ToolPath],
        _ make: () throws(ToolError) -> [ToolPath: FileVersion]
    ) throws(ToolError) -> JSONValue? {
        guard let check else {
            _ = try make()
            return nil
        }
        let command = try CheckCommand(
            check, in: try ground.roots.path("."), seconds: checkSeconds)
        let outcome = try CheckedChange(ground, command).run(paths, make)
        return .members([
            "exit_status": .integer(Int(outcome.status)),
            "output": .text(outcome.text(atMost: 64 << 10)),
        ])
    }
}

enum PatchEdit {
    /// - Parameter directory: the directory to act in as if started there.
    static func apply(
        _ patch: [UInt8], to path: String, from directory: String?, check: CheckOptions
    ) throws(Failure) -> JSONValue {
        do throws(ToolError) {
            let ground = try HostGround.everything(from: directory ?? ".")
            let run = PatchRun(ground)
            let targets = try run.plan(try PatchText(patch), at: try ground.roots.path(path))
            let outcome = try check.run(ground, targets.map(\.path)) { () throws(ToolError) in
                try run.make(targets)
            }
            return .members([
                "files": .list(
                    targets.map { target in
                        .members([
                            "path": .text("\(target.path)"), "change": .text(target.kind.rawValue),
                            "hunks": .integer(target.hunks), "shifted": .integer(target.shifted),
                        ])
                    }),
                "check": outcome,
            ])
        } catch {
            throw Failure(error.description)
        }
    }
}
