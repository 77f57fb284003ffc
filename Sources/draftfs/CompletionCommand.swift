// draftfs completion: prints the script with which a shell completes draftfs command lines.

import ArgumentParser

struct CompletionCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var kind: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print the completion script of a shell.",
        discussion: "For bash: source <(draftfs completion bash). scripts/install installs all three.")

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        var script = Draftfs.completionScript(for: shell.kind)
        if !script.hasSuffix("\n") { script += "\n" }
        if json {
            printJSON(["shell": .text(shell.rawValue), "script": .text(script)])
        } else {
            printText(script)
        }
    }
}
