// ToolCalls: the calls of one client. It finds the tool, checks the arguments, runs the call on a worker,
// and sends the answer.

final class ToolCalls: Sendable {
    let tools: [ToolDescription]
    private let byName: [String: ToolDescription]
    private let catalogue: any ToolCatalogue
    private let options: ServerOptions
    private let channel: OutputChannel
    private let running = RunningCalls()
    private let pool: WorkerPool

    init(
        _ catalogue: any ToolCatalogue, tools: [ToolDescription], options: ServerOptions,
        channel: OutputChannel
    ) {
        self.catalogue = catalogue
        self.tools = tools
        self.options = options
        self.channel = channel
        byName = Dictionary(tools.map { ($0.name, $0) }) { first, _ in first }
        pool = WorkerPool(
            workers: options.workers, waitingLimit: options.waitingCalls,
            costLimit: options.callBytes)
    }

    func isRunning(_ id: RequestID) -> Bool { running.contains(id) }
    func cancel(_ id: RequestID) { running.cancel(id) }
    var unfinished: Int { pool.unfinished }

    /// Starts a call whose answer goes to `sink`. An invalid request is thrown as an error; a mistake that
    /// a model can correct is answered with a failed result.
    func begin(
        _ request: Request, envelope: Envelope, format: WireFormat, cost: Int, _ sink: ReplySink
    ) throws(RPCError) {
        guard let name = request.parameters["name"]?.text else {
            throw .invalidParameters("The name of a tool is missing, or not a string.")
        }
        guard let tool = byName[name] else {
            throw .invalidParameters(
                "There is no tool \(Excerpt.of(name)); tools/list lists the tools.")
        }
        let arguments: [String: JSON]
        switch request.parameters["arguments"] {
        case nil, .null: arguments = [:]
        case .object(let members): arguments = members
        case .some(let other):
            throw .invalidParameters("arguments is an object, not \(other.kind).")
        }
        let problems = Schema(tool.inputSchema).problems(of: .object(arguments))
        if !problems.isEmpty {
            let sentence =
                "The arguments of \(name) are not valid: "
                + problems.joined(separator: "; ") + "."
            return answer(request.id, .failure(sentence), format, sink)
        }
        let context = context(envelope, format, tool)
        guard running.add(request.id, context) else {
            throw .invalidRequest("The id belongs to a request that still runs.")
        }
        do {
            try pool.submit(
                .init(cost: cost) { [self] in
                    run(request.id, name, arguments, context, format, sink)
                })
        } catch {
            running.remove(request.id)
            answer(request.id, .failure(Self.sentence(error)), format, sink)
        }
    }

    private func run(
        _ id: RequestID, _ name: String, _ arguments: [String: JSON], _ context: CallContext,
        _ format: WireFormat, _ sink: ReplySink
    ) {
        // A call that was cancelled while it waited is not begun.
        let reply = context.isCancelled ? nil : catalogue.call(name, arguments, context)
        context.close()
        // The id is removed before the answer is sent, because the client may use it again at once.
        running.remove(id)
        if let reply, !context.isCancelled {
            answer(id, reply, format, sink)
        } else {
            sink.put(encoded: nil)
        }
    }

    private func answer(
        _ id: RequestID, _ reply: ToolReply, _ format: WireFormat, _ sink: ReplySink
    ) {
        sink.put(
            Answer.result(id.json, format.callResult(reply)), depthLimit: options.depth
        ) { reason in
            Answer.result(id.json, format.callResult(.failure(reason)))
        }
    }

    private func context(
        _ envelope: Envelope, _ format: WireFormat, _ tool: ToolDescription
    ) -> CallContext {
        var onProgress: CallContext.ProgressHandler?
        if let token = envelope.progressToken {
            onProgress = { [channel] in channel.send(format.progress($0, token: token)) }
        }
        var onLog: CallContext.LogHandler?
        if let least = envelope.logLevel {
            onLog = { [channel] level, message in
                if level >= least { channel.send(format.log(level, message)) }
            }
        }
        return CallContext(
            interval: options.progressInterval,
            deliversStructuredContent: format.deliversStructuredContent(of: tool),
            onProgress: onProgress, onLog: onLog)
    }

    private static func sentence(_ refusal: WorkerPool.Refusal) -> String {
        switch refusal {
        case .full(let running, let waiting):
            "The server is busy: \(running) calls run and \(waiting) wait. Nothing was done; "
                + "try again when a call has ended."
        case .noThread:
            "The system cannot start another thread. Nothing was done; try again later."
        case .stopped:
            "The server is shutting down. Nothing was done."
        }
    }

    // MARK: - The end

    /// Lets calls go on for a while, if the client may still read, then cancels them.
    /// - Returns: the number of calls that have not ended in time; their threads go on.
    func end(lingering: Duration) -> Int {
        pool.waitUntilIdle(atMost: lingering) { [channel] in channel.isBroken }
        pool.stop()
        running.cancelAll()
        pool.waitUntilIdle(atMost: options.grace)
        return pool.unfinished
    }
}
