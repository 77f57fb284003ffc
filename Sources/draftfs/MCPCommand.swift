// draftfs mcp: serves the file tools to an agent with the Model Context Protocol on standard input
// and output.

import ArgumentParser
import Glibc
import Overlay
import StoreGround
import ToolServer
import Tools

struct MCPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "Serve file tools to an agent, by the Model Context Protocol.",
        discussion: """
            The client starts this command and communicates with it on standard input and output. The \
            tools may access only the given directories, in workspaces or anywhere else. \
            Relative paths are relative to the first one.

            draftfs mcp ~/mnt/agent-1
            draftfs mcp --root ~/mnt/agent-1 --root /usr/share/doc:ro
            draftfs mcp --base project --store data --workspace agent-1

            The last form needs no mount: the workspace is served by the engine in this process, and \
            paths begin at its root. No daemon may use the store at the same time.
            """)

    @Option(
        help: ArgumentHelp(
            "A directory the tools may access; with :ro they may only read. Repeatable.",
            valueName: "dir[:ro]"),
        completion: .directory)
    var root: [String] = []

    @Argument(help: "More directories.", completion: .directory)
    var directories: [String] = []

    @Option(
        help: ArgumentHelp("Without a mount: the base of a store.", valueName: "dir"),
        completion: .directory)
    var base: String?

    @Option(help: ArgumentHelp("Without a mount: the store.", valueName: "dir"), completion: .directory)
    var store: String?

    @Option(
        help: ArgumentHelp("Without a mount: the workspace, made if it does not exist.", valueName: "name"))
    var workspace: String?

    @Flag(help: "Leave out structured results: some clients show them beside the text.")
    var noStructured = false

    @Option(
        help: ArgumentHelp(
            "The allowed groups of tools: read, write and delete (the default), past (backups, history "
                + "and rollback), workspaces (fork, list, refresh, discard, restore), commit (to the base), "
                + "check (commands that check edits). Repeatable, or with commas.",
            valueName: "groups"))
    var allow: [String] = []

    @Option(
        help: ArgumentHelp(
            "The directory for contents of files outside of workspaces before edits, or off. "
                + "Default: draftfs/edits in $XDG_STATE_HOME or ~/.local/state.",
            valueName: "dir|off"),
        completion: .directory)
    var keepEdits: String?

    @Option(help: ArgumentHelp("Bytes of text in a reply, unless a call asks for more.", valueName: "bytes"))
    var replyBytes = ToolSettings().replyBytes

    func validate() throws {
        let parts = [base, store, workspace].compactMap { $0 }
        if parts.isEmpty {
            guard !root.isEmpty || !directories.isEmpty else {
                throw ValidationError("give a directory that the tools may access")
            }
        } else {
            guard parts.count == 3, root.isEmpty, directories.isEmpty else {
                throw ValidationError("give --base, --store and --workspace together, without directories")
            }
        }
        for name in groupNames where ToolGroup(rawValue: name) == nil {
            let all = ToolGroup.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--allow takes \(all), not \(name)")
        }
        guard (256...ToolSettings.mostReplyBytes).contains(replyBytes) else {
            throw ValidationError("--reply-bytes takes 256 to \(ToolSettings.mostReplyBytes)")
        }
    }

    private var groupNames: [String] {
        allow.flatMap { $0.split(separator: ",").map(String.init) }
    }

    /// Splits an argument into a directory and whether it is read-only.
    static func root(_ text: String) -> (path: String, isReadOnly: Bool) {
        if text.hasSuffix(":ro") { return (String(text.dropLast(3)), true) }
        if text.hasSuffix(":rw") { return (String(text.dropLast(3)), false) }
        return (text, false)
    }

    func run() throws {
        var configuration = ToolService.Configuration()
        configuration.structuredContent = !noStructured
        configuration.version = Draftfs.version
        configuration.settings.replyBytes = replyBytes
        let groups = groupNames.compactMap { ToolGroup(rawValue: $0) }
        if !groups.isEmpty { configuration.settings.allowed = Set(groups) }
        let warn = { (sentence: String) in printError("draftfs: \(sentence)") }
        do throws(ToolError) {
            if let base, let store, let workspace {
                let ground = try StoreGround(
                    base: base, store: store, workspace: workspace, caller: Self.caller)
                defer { ground.close() }
                return try ToolService.run(ground, configuration, warn: warn)
            }
            let roots = root.map(Self.root) + directories.map { ($0, false) }
            let ground = try ToolService.ground(roots, keeper: keeper(warn), warn: warn)
            try ToolService.run(ground, configuration, warn: warn)
        } catch {
            throw Failure(error.description)
        }
    }

    /// Returns the keeper of contents before edits, or nil if none are kept. If its directory cannot
    /// be made, edits work without it.
    private func keeper(_ warn: (String) -> Void) -> EditKeeper? {
        if keepEdits == "off" { return nil }
        do throws(ToolError) {
            return try EditKeeper(keepEdits ?? "\(DefaultStore.directory)/edits")
        } catch {
            warn("contents before edits are not kept: \(error.description)")
            return nil
        }
    }

    private static var caller: Caller {
        let mask = umask(0o077)
        umask(mask)
        return Caller(user: geteuid(), group: getegid(), pid: UInt32(clamping: getpid()), umask: mask)
    }
}
