// FileToolCatalogue: the tools for agents, over one ground. It joins the operations of Tools with the
// protocol of MCP.

package import MCP
package import Tools

/// The groups of tools. A group that is not allowed is not listed either.
package enum ToolGroup: String, Sendable, CaseIterable {
    case read
    /// Make, edit, copy and move files.
    case write
    case delete
    /// Backups, history, rollback and undo in workspaces.
    case past
    /// Fork, list, refresh, discard and restore whole workspaces.
    case workspaces
    /// Put changes of a workspace into the base.
    case commit
    /// Commands that check edits. The group has no tools of its own. The commands run with all the server's
    /// rights.
    case check
}

/// The bounds and permissions of one server.
package struct ToolSettings: Sendable {
    package var allowed: Set<ToolGroup> = [.read, .write, .delete]
    /// The bytes of text in a reply, unless the call asks for more.
    package var replyBytes = 4096
    /// How long a client waits for a call before it becomes a job.
    package var patience = Duration.seconds(20)

    /// The maximum number of bytes of text in a reply, whatever a call asks for.
    package static let mostReplyBytes = 256 << 10
    /// The bytes of all arguments of a call that every client passes on; no task needs more.
    package static let argumentBytes = 9_500

    package init() {}
}

package final class FileToolCatalogue: ToolCatalogue {
    package let tools: [ToolDescription]
    private let byName: [String: Tool]
    private let workbench: Workbench

    package init(_ ground: any Ground, settings: ToolSettings = ToolSettings()) {
        let allowed = Self.all.filter { settings.allowed.contains($0.group) }
        tools = allowed.map(\.description)
        byName = Dictionary(allowed.map { ($0.description.name, $0) }) { first, _ in first }
        workbench = Workbench(ground: ground, settings: settings)
    }

    /// All tools in the order that clients see.
    static let all: [Tool] = [
        ReadTools.readFile, ReadTools.readTextFile, RangeTools.readFileRange, ReadTools.readMediaFile,
        ReadTools.readMultipleFiles, WriteTools.writeFile, EditTools.editFile,
        PatchTools.editFileApplyPatch, ChunkTools.editFileAppendChunk, WriteTools.createDirectory,
        ListTools.listDirectory, ListTools.listDirectoryWithSizes, TreeTools.directoryTree,
        WriteTools.moveFile, SearchTools.searchFiles, InfoTools.getFileInfo,
        InfoTools.listAllowedDirectories, CopyFileTools.copyFile, CopyFileTools.copyFilesBatch,
        CopyFilesTools.copyFiles, EditCopyTools.editFileCopy, EditCopyTools.editFilesCopyBatch,
        CompareTools.compareFiles, CompareTools.compareDirectories, DeleteTools.deleteFile,
        DeleteTools.deleteFilesBatch, JobTools.readJobProgress, JobTools.cancelJob,
        PastTools.createBackup, PastTools.listBackups, PastTools.writeRollback, PastTools.writeUndo,
        PastTools.readHistory, PastTools.readBlame, PastTools.readWorkspaceDiff,
        PastTools.readWorkspaceStatus, PastTools.readIntegrityReport,
        WorkspaceTools.listWorkspaces, WorkspaceTools.forkWorkspace, WorkspaceTools.discardWorkspace,
        WorkspaceTools.restoreWorkspace, CommitTools.refreshWorkspace, CommitTools.mergeWorkspace,
        CommitTools.commitWorkspace,
    ]

    package func call(
        _ name: String, _ arguments: [String: JSON], _ context: CallContext
    ) -> ToolReply {
        guard let tool = byName[name] else {
            return .failure("There is no tool \(name) here.")
        }
        let workbench = workbench
        let body: @Sendable (CallContext) -> ToolReply = { context in
            do throws(ToolError) {
                return try tool.run(
                    Call(arguments: arguments, context: context, workbench: workbench))
            } catch {
                return Self.failure(error)
            }
        }
        return tool.mayTakeLong(arguments) ? workbench.run(name, context, body) : body(context)
    }

    /// Cancels the running jobs, and waits for a while until they have restored what they changed.
    package func end() { workbench.jobs.end() }

    static func failure(_ error: ToolError) -> ToolReply {
        // The quoted parts of files and arguments may have any characters.
        let sentence = Reply.name(Array(error.description.utf8))
        return .failure(
            sentence,
            structured: ["error": ["kind": .text(error.kind.rawValue), "message": .text(sentence)]])
    }
}
