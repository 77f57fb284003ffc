// Session: one client from its first message to its last: its revision and settings, and the method for
// each request. Only the reading thread uses it; calls run on other threads and send their own answers.

final class Session {
    let channel: OutputChannel
    let options: ServerOptions
    let info: ServerInfo
    let calls: ToolCalls

    /// The revision that `initialize` agreed on; clients of 2026-07-28 never send it.
    private(set) var revision: Revision?
    private var logLevel = LogLevel.info
    /// The requests of `subscriptions/listen`, which are not answered until the client cancels them.
    private var subscriptions: Set<RequestID> = []

    init(channel: OutputChannel, options: ServerOptions, info: ServerInfo, calls: ToolCalls) {
        self.channel = channel
        self.options = options
        self.info = info
        self.calls = calls
    }

    /// Handles one line: answers it, or begins the call that will.
    func take(_ line: Line) {
        if line.isBlank { return }
        let sink = ReplySink.line(channel, limit: options.replyBytes)
        do throws(RPCError) {
            let json = try decode(line)
            if let items = json.items {
                try takeBatch(items, cost: line.length)
            } else {
                take(Message(json), cost: line.length, sink)
            }
        } catch {
            answer(writtenID(line) ?? .null, error, sink)
        }
    }

    private func decode(_ line: Line) throws(RPCError) -> JSON {
        if line.isTooLong {
            throw .invalidRequest(
                "The message has \(line.length) bytes, but may have at most \(options.messageBytes). "
                    + "Send less at a time.")
        }
        do {
            return try JSON(
                parsing: line.bytes, outline: line.outline, depthLimit: options.depth,
                valueLimit: options.values)
        } catch {
            throw .parse(error.sentence)
        }
    }

    /// Returns the id of a message that is not decoded as a whole. Without it the client would wait
    /// forever.
    private func writtenID(_ line: Line) -> JSON? {
        guard let bytes = line.outline.writtenIdentifier, let json = try? JSON(parsing: bytes)
        else {
            return nil
        }
        return RequestID(json)?.json
    }

    private func takeBatch(_ items: [JSON], cost: Int) throws(RPCError) {
        guard let revision, revision.hasBatches else {
            throw .invalidRequest(
                "Only revision \(Revision.march2025.rawValue) has batches; send one message in each line."
            )
        }
        if items.isEmpty { throw .invalidRequest("A batch must have at least one message.") }
        if items.count > options.batch {
            throw .invalidRequest("A batch has at most \(options.batch) messages.")
        }
        let messages = items.map(Message.init)
        let answered = messages.count {
            switch $0 {
            case .request, .invalid: true
            case .notification, .response: false
            }
        }
        let sink = ReplySink.batch(
            BatchReply(channel, count: answered, limit: options.replyBytes))
        // The first call of an id may have ended when the second is taken, so the batch keeps its ids.
        var ids: Set<RequestID> = []
        for message in messages {
            guard case .request(let request) = message else {
                take(message, cost: cost / items.count, sink)
                continue
            }
            if request.method == "initialize" {
                answer(
                    request.id.json, .invalidRequest("initialize cannot be part of a batch."), sink)
            } else if !ids.insert(request.id).inserted {
                answer(request.id.json, .invalidRequest("The batch has this id twice."), sink)
            } else {
                take(message, cost: cost / items.count, sink)
            }
        }
    }

    private func take(_ message: Message, cost: Int, _ sink: ReplySink) {
        switch message {
        case .request(let request):
            do {
                try serve(request, cost: cost, sink)
            } catch {
                answer(request.id.json, error, sink)
            }
        case .notification(let method, let parameters):
            takeNotification(method, parameters)
        case .response:
            break
        case .invalid(let id, let error):
            answer(id, error, sink)
        }
    }

    private func answer(_ id: JSON, _ error: RPCError, _ sink: ReplySink) {
        sink.put(encoded: try? Answer.error(id, error).encoded())
    }

    private func answer(_ id: RequestID, _ result: JSON, _ sink: ReplySink) {
        sink.put(Answer.result(id.json, result), depthLimit: options.depth) {
            Answer.error(id.json, .internal($0))
        }
    }

    private func format(_ revision: Revision) -> WireFormat {
        WireFormat(
            revision: revision, info: info, wantsStructuredContent: options.structuredContent)
    }

    // MARK: - Requests

    private func serve(_ request: Request, cost: Int, _ sink: ReplySink) throws(RPCError) {
        if calls.isRunning(request.id) || subscriptions.contains(request.id) {
            throw .invalidRequest(
                "The id \(request.id.json.line ?? "") belongs to a request that still runs.")
        }
        if request.method == "initialize" {
            return answer(request.id, try initialize(request), sink)
        }
        let envelope = try Envelope(request, session: revision, logLevel: logLevel)
        guard let revision = envelope.revision else {
            // Some clients send a ping before they identify themselves.
            if request.method == "ping" { return answer(request.id, [:], sink) }
            throw .invalidParameters(
                "Send initialize first, or \(MetaKey.protocolVersion) and "
                    + "\(MetaKey.clientCapabilities) in params._meta.")
        }
        let format = format(revision)
        switch request.method {
        case "ping" where revision.hasPing:
            answer(request.id, [:], sink)
        case "logging/setLevel" where revision.hasLogLevelRequest:
            logLevel = try Envelope.level(request.parameters["level"])
            answer(request.id, [:], sink)
        case "server/discover" where revision.isStateless:
            answer(request.id, format.discoverResult, sink)
        case "subscriptions/listen" where revision.isStateless:
            try listen(request)
            // The answer comes when the stream ends, as a line of its own: a batch does not wait for it.
            sink.put(encoded: nil)
        case "tools/list":
            answer(request.id, try list(request, format), sink)
        case "tools/call":
            try calls.begin(request, envelope: envelope, format: format, cost: cost, sink)
        default:
            throw .noMethod(request.method, in: revision)
        }
    }

    /// Handles `initialize`. It may be repeated: a proxy that keeps the server running sends it for each of
    /// its clients.
    private func initialize(_ request: Request) throws(RPCError) -> JSON {
        guard let asked = request.parameters["protocolVersion"]?.text else {
            throw .invalidParameters("protocolVersion is missing, or not a string.")
        }
        let negotiated = Revision.negotiated(asked)
        revision = negotiated
        logLevel = .info
        return format(negotiated).initializeResult
    }

    private func list(_ request: Request, _ format: WireFormat) throws(RPCError) -> JSON {
        let tools = calls.tools
        var start = 0
        switch request.parameters["cursor"] {
        case nil, .null: break
        case .text(let cursor):
            // The cursor must be in the form that was returned; Int would also accept +1.
            guard let index = Int(cursor), "\(index)" == cursor, index > 0, index < tools.count
            else {
                throw .invalidParameters("The cursor is not from a reply of tools/list.")
            }
            start = index
        case .some(let other):
            throw .invalidParameters("The cursor is a string, not \(other.kind).")
        }
        let end = min(start + max(1, options.page), tools.count)
        return format.list(tools[start..<end], nextCursor: end < tools.count ? "\(end)" : nil)
    }

    /// Handles `subscriptions/listen`. Nothing here ever changes, so the stream has only its
    /// acknowledgement.
    private func listen(_ request: Request) throws(RPCError) {
        guard request.parameters["notifications"]?.members != nil else {
            throw .invalidParameters("notifications is missing, or not an object.")
        }
        guard subscriptions.count < options.subscriptions else {
            throw .internal("There are \(subscriptions.count) subscriptions; cancel one first.")
        }
        subscriptions.insert(request.id)
        channel.send(
            Answer.notification(
                "notifications/subscriptions/acknowledged",
                ["notifications": [:], "_meta": [MetaKey.subscription: request.id.json]]))
    }

    /// Ends the subscriptions with a result, for a client that still reads.
    func endSubscriptions() {
        for id in subscriptions {
            let result = format(.july2026).complete(["_meta": [MetaKey.subscription: id.json]])
            channel.send(Answer.result(id.json, result))
        }
        subscriptions = []
    }

    // MARK: - Notifications

    /// Handles notifications. Only cancellations matter. Others, and malformed ones, are ignored, as the
    /// protocol requires.
    private func takeNotification(_ method: String, _ parameters: [String: JSON]) {
        guard method == "notifications/cancelled",
            let id = parameters["requestId"].flatMap(RequestID.init)
        else { return }
        if subscriptions.remove(id) == nil { calls.cancel(id) }
    }
}
