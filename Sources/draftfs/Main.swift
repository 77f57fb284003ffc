// The draftfs command: one file for each verb.

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
        ])

    /// Like ParsableCommand's own, but wrong usage exits with 2.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                if !text.isEmpty { print(text) }
            } else if !text.isEmpty {
                printError(text)
            }
            exitProcess(code == .validationFailure ? ExitStatus.usage : code.rawValue)
        }
    }
}
