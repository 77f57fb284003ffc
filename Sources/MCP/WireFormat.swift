// WireFormat: results in the form of each revision. Members that a revision does not know are left out,
// because strict clients refuse them.

struct WireFormat: Sendable {
    let revision: Revision
    let info: ServerInfo
    /// The setting of ServerOptions; the revision decides too.
    let wantsStructuredContent: Bool

    var hasStructuredContent: Bool { wantsStructuredContent && revision.hasStructuredContent }

    /// The milliseconds for which clients may keep results that do not change while the server runs.
    private static let timeToLive: JSON = 300_000

    private var serverInfo: JSON {
        .members([
            "name": .text(info.name), "version": .text(info.version),
            "title": revision.hasTitles ? info.title.map(JSON.text) : nil,
        ])
    }

    private static let capabilities: JSON = ["tools": [:], "logging": [:]]

    /// Adds the members that 2026-07-28 requires in each result.
    func complete(_ members: [String: JSON], isCacheable: Bool = false) -> JSON {
        guard revision.isStateless else { return .object(members) }
        var whole = members
        whole["resultType"] = "complete"
        var meta = members["_meta"]?.members ?? [:]
        meta[MetaKey.serverInfo] = serverInfo
        whole["_meta"] = .object(meta)
        if isCacheable {
            whole["ttlMs"] = Self.timeToLive
            whole["cacheScope"] = "private"
        }
        return .object(whole)
    }

    var initializeResult: JSON {
        .members([
            "protocolVersion": .text(revision.rawValue), "capabilities": Self.capabilities,
            "serverInfo": serverInfo, "instructions": info.instructions.map(JSON.text),
        ])
    }

    var discoverResult: JSON {
        var members: [String: JSON] = [
            "supportedVersions": Revision.supportedVersions, "capabilities": Self.capabilities,
        ]
        members["instructions"] = info.instructions.map(JSON.text)
        return complete(members, isCacheable: true)
    }

    func list(_ tools: ArraySlice<ToolDescription>, nextCursor: String?) -> JSON {
        var members: [String: JSON] = ["tools": .list(tools.map(tool))]
        members["nextCursor"] = nextCursor.map(JSON.text)
        return complete(members, isCacheable: true)
    }

    private func tool(_ tool: ToolDescription) -> JSON {
        .members([
            "name": .text(tool.name), "description": .text(tool.description),
            "inputSchema": tool.inputSchema,
            "title": revision.hasTitles ? tool.title.map(JSON.text) : nil,
            "outputSchema": delivers(tool.outputSchema) ? tool.outputSchema : nil,
            "annotations": revision.hasAnnotations ? annotations(tool) : nil,
        ])
    }

    /// Returns whether a schema is sent. A client that knows a schema requires a structured result, so it
    /// must not get a schema without one.
    private func delivers(_ schema: JSON?) -> Bool {
        guard let schema, hasStructuredContent else { return false }
        return revision.takesAnyStructuredContent || schema["type"] == "object"
    }

    func deliversStructuredContent(of tool: ToolDescription) -> Bool {
        tool.outputSchema == nil ? hasStructuredContent : delivers(tool.outputSchema)
    }

    private func annotations(_ tool: ToolDescription) -> JSON {
        .members([
            "title": tool.title.map(JSON.text),
            "readOnlyHint": .boolean(tool.hints.isReadOnly),
            "destructiveHint": .boolean(tool.hints.isDestructive),
            "idempotentHint": .boolean(tool.hints.isIdempotent),
            "openWorldHint": .boolean(tool.hints.isOpenWorld),
        ])
    }

    func callResult(_ reply: ToolReply) -> JSON {
        var content = reply.content.map(block)
        if content.isEmpty, let structured = reply.structured {
            guard let text = structured.line else {
                return callResult(
                    .failure("The result is nested too deep to be shown. Request less of it."))
            }
            content = [["type": "text", "text": .text(text)]]
        }
        var members: [String: JSON] = [
            "content": .list(content), "isError": .boolean(reply.isError),
        ]
        if hasStructuredContent, let structured = reply.structured,
            revision.takesAnyStructuredContent || structured.members != nil
        {
            members["structuredContent"] = structured
        }
        return complete(members)
    }

    private func block(_ content: ToolReply.Content) -> JSON {
        switch content {
        case .text(let text):
            return ["type": "text", "text": .text(text)]
        case .image(let data, let type):
            return ["type": "image", "data": .text(data), "mimeType": .text(type)]
        case .audio(let data, let type):
            guard revision.hasAudio else {
                let text =
                    "The result has sound (\(type)), which revision \(revision.rawValue) does not support."
                return ["type": "text", "text": .text(text)]
            }
            return ["type": "audio", "data": .text(data), "mimeType": .text(type)]
        }
    }

    func progress(_ progress: CallProgress, token: JSON) -> JSON {
        let text = revision.hasProgressText ? progress.message.map(JSON.text) : nil
        return Answer.notification(
            "notifications/progress",
            .members([
                "progressToken": token, "progress": .integer(progress.done),
                "total": progress.total.map(JSON.integer), "message": text,
            ]))
    }

    func log(_ level: LogLevel, _ message: String) -> JSON {
        Answer.notification(
            "notifications/message",
            ["level": .text(level.rawValue), "logger": .text(info.name), "data": .text(message)])
    }
}
