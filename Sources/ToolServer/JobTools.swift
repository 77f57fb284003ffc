// read_job_progress and cancel_job: for calls that were answered with the id of a job.

internal import MCP
internal import Tools

enum JobReport {
    static let properties: KeyValuePairs<String, JSON> = [
        "job_id": Shape.text("Present if the call takes long: call read_job_progress."),
        "state": Shape.text("running, done, failed or cancelled."),
    ]

    static func running(_ job: Job) -> ToolReply {
        let text = "\(job.tool) takes long and continues as \(job.id)\(progress(job)). Call "
            + "read_job_progress to follow it, or cancel_job to end it: then nothing half done stays."
        return ToolReply(
            content: [.text(text)],
            structured: ["job_id": .text(job.id), "state": "running", "content": .text(text)])
    }

    private static func progress(_ job: Job) -> String {
        guard let progress = job.progress else { return "" }
        var text = ": \(progress.done)"
        if let total = progress.total { text += " of \(total)" }
        if let message = progress.message { text += ", \(message)" }
        return text
    }

    static func state(_ job: Job) -> String {
        guard let reply = job.reply else { return "running" }
        if !reply.isError { return "done" }
        return job.context.isCancelled ? "cancelled" : "failed"
    }

    static func line(_ job: Job) -> String {
        let seconds = job.elapsed.components.seconds
        return "\(job.id) \(job.tool): \(state(job)) after \(seconds) s\(progress(job))"
    }

    static func facts(_ job: Job) -> [String: JSON] {
        var facts: [String: JSON] = [
            "job_id": .text(job.id), "tool": .text(job.tool), "state": .text(state(job)),
            "seconds": .integer(job.elapsed.components.seconds),
        ]
        if let progress = job.progress {
            facts["done"] = .integer(progress.done)
            facts["total"] = progress.total.map(JSON.integer)
            facts["message"] = progress.message.map(JSON.text)
        }
        return facts
    }
}

enum JobTools {
    private static let jobOutput: KeyValuePairs<String, JSON> = [
        "content": Shape.content, "job_id": Shape.text(), "tool": Shape.text(), "state": Shape.text(),
        "seconds": Shape.integer(), "done": Shape.integer(), "total": Shape.integer(),
        "message": Shape.text(), "result": ["description": "The structured result, once it is done."],
        "jobs": Shape.list(of: Shape.text()),
    ]

    static let readJobProgress = Tool(
        "read_job_progress", .read, title: "Progress of a long call",
        "Shows the progress of a call that was answered with a job_id, or its result once it is done. "
            + "Without job_id all jobs are listed.",
        input: [
            "job_id": Shape.text("The job_id of the reply."),
            "wait_seconds": Shape.integer("How long to wait for the end.", to: 20, default: 0),
        ], output: jobOutput, outputRequired: ["content"], hints: .readOnly
    ) { call throws(ToolError) in
        guard call.arguments["job_id"] != nil else {
            let lines = call.workbench.jobs.all.map(JobReport.line)
            return Reply.text(
                lines.isEmpty ? "There are no jobs." : lines.joined(separator: "\n"),
                ["jobs": .list(lines.map(JSON.text))])
        }
        let job = try job(call)
        _ = job.wait(.seconds(Int(call.number("wait_seconds") ?? 0)), call.context)
        return report(job)
    }

    static let cancelJob = Tool(
        "cancel_job", .write, title: "End a long call",
        "Ends a call that was answered with a job_id. Nothing half done stays, except deletions.",
        input: ["job_id": Shape.text("The job_id of the reply.")], required: ["job_id"],
        output: jobOutput, outputRequired: ["content"],
        hints: ToolHints(isDestructive: false, isIdempotent: true)
    ) { call throws(ToolError) in
        let job = try job(call)
        job.context.cancel()
        _ = job.wait(.seconds(5), call.context)
        return report(job)
    }

    private static func job(_ call: Call) throws(ToolError) -> Job {
        let id = try call.name("job_id")
        guard let job = call.workbench.jobs[id] else {
            throw ToolError(.missing, "there is no job \(id): read_job_progress without job_id lists them")
        }
        return job
    }

    private static func report(_ job: Job) -> ToolReply {
        var facts = JobReport.facts(job)
        var content: [ToolReply.Content] = [.text(JobReport.line(job))]
        if let reply = job.reply {
            content += reply.content
            if reply.content.isEmpty, let line = reply.structured?.line { content.append(.text(line)) }
            facts["result"] = reply.structured
        }
        facts["content"] = .text(JobReport.line(job))
        return ToolReply(content: content, structured: .object(facts))
    }
}
