// draftfs hook: what coding agents call at certain moments, with a JSON object on standard input: instead of
// making or removing a git worktree, and after each tool call.

import ArgumentParser
import Glibc
import Platform

struct HookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook",
        abstract: "Serve the hooks of coding agents: workspaces in place of worktrees, and checkpoints.",
        subcommands: [WorktreeCreate.self, WorktreeRemove.self, Checkpoint.self])

    /// The largest object that is read from standard input, in bytes. A tool call may hold a whole file.
    private static let mostInput = 64 << 20

    /// Reads the object that the agent passes.
    static func input() throws(Failure) -> JSONValue {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= mostInput {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Failure("cannot read standard input: \(Errno.last)") }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        guard bytes.count <= mostInput, let value = JSONValue(parsing: bytes), case .object = value else {
            throw Failure("standard input is not a JSON object: call this command as a hook")
        }
        return value
    }

    struct WorktreeCreate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "worktree-create",
            abstract: "Make a workspace from the base and print its path.",
            discussion: """
                Reads {"name": NAME} (or "worktree_name") from standard input. A slash in the name becomes a \
                dash.
                """)

        @Flag(help: "Use a workspace of that name if there is one.")
        var reuse = false

        @OptionGroup var workspace: WorkspaceOptions

        func run() throws {
            let input = try HookCommand.input()
            let all = try WorkspaceList(directory: workspace.directory)
            guard let given = input["worktree_name"]?.text ?? input["name"]?.text,
                !["", ".", ".."].contains(given)
            else { throw Failure("the object on standard input has no name for a workspace") }
            let name = given.replacing("/", with: "-")
            let path = "\(all.place.root)/\(name)"
            if mkdir(path, 0o755) != 0 {
                let error = Errno.last
                guard error == .exists, reuse, Place.root(above: path) == path else {
                    let hint = error == .exists ? ": give another name, or use --reuse" : ""
                    throw Failure("cannot make the workspace \(Text.printable(name)): \(error)\(hint)")
                }
            }
            if workspace.json { printJSON(["path": .text(path)]) } else { print(path) }
        }
    }

    struct WorktreeRemove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "worktree-remove",
            abstract: "Discard a workspace; draftfs restore brings it back.",
            discussion: """
                Reads {"worktree_path": PATH} from standard input. A workspace that is gone is no failure.
                """)

        @OptionGroup var workspace: WorkspaceOptions

        func run() throws {
            guard let path = try HookCommand.input()["worktree_path"]?.text, path.hasPrefix("/") else {
                throw Failure("the object on standard input has no absolute worktree_path")
            }
            let all = try WorkspaceList(directory: workspace.directory ?? Place.parent(path))
            let name = try all.name(path)
            var isGone = false
            do throws(Failure) {
                try all.command("discard", [WorkspaceList.word(name)])
            } catch {
                guard error.errno == .noEntry else { throw error }
                isGone = true
            }
            if workspace.json { printJSON(["discarded": isGone ? .null : .text(name)]) }
        }
    }

    struct Checkpoint: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "checkpoint",
            abstract: "Make a backup if anything has changed since the last one.",
            discussion: """
                Reads {"cwd": DIRECTORY, "tool_name": NAME} from standard input. The backup is named \
                hook-TIME, with the name of the tool as its comment. Outside of workspaces it does nothing.
                """)

        @Option(help: "How many of these backups are kept; older ones are deleted.")
        var keep = 100

        @OptionGroup var workspace: WorkspaceOptions

        func validate() throws {
            guard (1...10_000).contains(keep) else { throw ValidationError("--keep takes 1 to 10000") }
        }

        private static let prefix = "hook-"

        func run() throws {
            let input = try HookCommand.input()
            guard let directory = workspace.directory ?? input["cwd"]?.text else {
                throw Failure("the object on standard input has no cwd")
            }
            var made: String?
            if let place = try? Place(directory: directory), !place.isList, try Self.isChanged(place) {
                made = try make(place, comment: input["tool_name"]?.text ?? "")
                try removeOld(place)
            }
            if workspace.json { printJSON(["backup": made.map { .text($0) } ?? .null]) }
        }

        /// Returns whether there is a change after the last backup. An automatic backup is of the state
        /// before a change.
        private static func isChanged(_ place: Place) throws(Failure) -> Bool {
            let status = JSONValue(parsing: try place.bytes("status"))
            let last = try place.objects("history").last {
                $0.value["op"]?.text?.hasPrefix("backup") == false
            }
            guard let changed = last?.value["seq"]?.unsigned else { return false }
            guard let backup = status?["last_backup"]?["sequence"]?.unsigned else { return true }
            return changed > backup
        }

        private func make(_ place: Place, comment: String) throws(Failure) -> String {
            let time = Self.prefix + BackupCommand.name(at: Clock.system.realtime())
            for number in 1...100 {
                let name = number == 1 ? time : "\(time)-\(number)"
                do throws(Failure) {
                    try place.command("backup", comment.isEmpty ? [name] : [name, comment])
                    return name
                } catch {
                    guard error.errno == .exists else { throw error }
                }
            }
            throw Failure("there are too many backups of this second: \(time)")
        }

        private func removeOld(_ place: Place) throws(Failure) {
            let names = try place.objects("backup").compactMap { $0.value["name"]?.text }.filter(Self.isOwn)
            for name in names.dropLast(keep) {
                do throws(Failure) {
                    try place.command("backup", ["--delete", name])
                } catch {
                    // Another hook has deleted it.
                    guard error.errno == .noEntry else { throw error }
                }
            }
        }

        /// Whether a backup has the form of those that are made here.
        static func isOwn(_ name: String) -> Bool {
            name.wholeMatch(of: #/hook-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?/#) != nil
        }
    }
}
