// The draftfs command; each verb has its own file.

import ArgumentParser

@main
struct Draftfs: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "draftfs",
        abstract: "Writable workspaces over a shared base tree: nothing copied, nothing lost.",
        version: version,
        subcommands: [
            MountCommand.self, UnmountCommand.self, StatusCommand.self, DoctorCommand.self,
            ForkCommand.self, ListCommand.self, DiscardCommand.self, RestoreCommand.self, RunCommand.self,
            HookCommand.self, CommitCommand.self, MergeCommand.self,
            BackupCommand.self, RollbackCommand.self, UndoCommand.self, HistoryCommand.self, LogCommand.self,
            BlameCommand.self, DiffCommand.self, CloneCommand.self, ReadCommand.self,
            EditCommand.self, CopyCommand.self, EditCopyCommand.self, MCPCommand.self,
            VerifyCommand.self, GCCommand.self, LimitsCommand.self, DriftCommand.self,
            RefreshCommand.self, EventsCommand.self, ProgressCommand.self, TopCommand.self, FsckCommand.self,
            CompletionCommand.self, ManualCommand.self,
        ])

    /// Returns the arguments. Under the name mcp-server-filesystem the program acts as that reference
    /// server for files: its arguments are the directories.
    static func words(_ all: [String]) -> [String] {
        let name = all.first.flatMap { $0.split(separator: "/").last } ?? ""
        return (name == "mcp-server-filesystem" ? ["mcp"] : []) + all.dropFirst()
    }

    /// Does what ParsableCommand's own main does, but wrong usage exits with 2, and a failure is one
    /// sentence.
    static func main() {
        do {
            var command = try parseAsRoot(Moments.prepared(words(CommandLine.arguments)))
            try command.run()
        } catch let failure as Failure {
            exitProcess(fail(failure.description).rawValue)
        } catch {
            let code = exitCode(for: error)
            var text = fullMessage(for: error)
            if text.hasPrefix("Error: ") { text = "draftfs: " + text.dropFirst("Error: ".count) }
            if code == .success {
                if !text.isEmpty { print(text) }
            } else if !text.isEmpty {
                printError(text)
            }
            exitProcess(code == .validationFailure ? ExitStatus.usage : code.rawValue)
        }
    }
}
