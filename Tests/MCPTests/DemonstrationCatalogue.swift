// DemonstrationCatalogue: tools without side effects, for sessions with clients: answers of each kind,
// slow tools and failing tools.

import Glibc
import MCP
import Synchronization

final class DemonstrationCatalogue: ToolCatalogue {
    /// The numbers of calls that have begun, ended and been cancelled.
    let begun = Atomic(0)
    let ended = Atomic(0)
    let cancelled = Atomic(0)
    /// Whether `wait` and `deaf` return.
    let isOpen = Atomic(false)

    private let more: Int

    /// - Parameter more: the number of additional tools, which do nothing.
    init(more: Int = 0) { self.more = more }

    var tools: [ToolDescription] {
        let extra = (0..<more).map {
            ToolDescription(name: "nothing_\($0)", description: "Nothing.")
        }
        return Self.own + extra
    }

    private static let own: [ToolDescription] = [
        ToolDescription(
            name: "echo", title: "Echo", description: "Answers its text.",
            inputSchema: [
                "type": "object",
                "properties": [
                    "text": ["type": "string", "maxLength": 100_000_000],
                    "times": ["type": "integer", "minimum": 1, "maximum": 100_000],
                ],
                "required": ["text"], "additionalProperties": false,
            ], hints: .readOnly),
        ToolDescription(
            name: "add", title: "Add", description: "Adds whole numbers.",
            inputSchema: [
                "type": "object",
                "properties": ["numbers": ["type": "array", "items": ["type": "integer"]]],
                "required": ["numbers"], "additionalProperties": false,
            ],
            outputSchema: [
                "type": "object", "properties": ["sum": ["type": "integer"]], "required": ["sum"],
            ], hints: .readOnly),
        ToolDescription(
            name: "list", description: "A structured result that is no object.",
            outputSchema: ["type": "array", "items": ["type": "integer"]], hints: .readOnly),
        ToolDescription(name: "show", description: "An image and a sound.", hints: .readOnly),
        ToolDescription(name: "fail", description: "Fails."),
        ToolDescription(
            name: "count", description: "Counts slowly, with progress and messages.",
            inputSchema: [
                "type": "object",
                "properties": [
                    "steps": ["type": "integer", "minimum": 0],
                    "milliseconds": ["type": "integer", "minimum": 0, "maximum": 1000],
                ],
            ], hints: .readOnly),
        ToolDescription(name: "wait", description: "Waits until it is cancelled or let go."),
        ToolDescription(name: "deaf", description: "Waits until it is let go; does not listen."),
        ToolDescription(
            name: "deep", description: "A result of some depth.",
            inputSchema: ["type": "object", "properties": ["levels": ["type": "integer"]]]),
    ]

    func call(
        _ name: String, _ arguments: [String: JSON], _ context: CallContext
    ) -> ToolReply {
        begun.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { ended.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        switch name {
        case "echo":
            let times = Int(clamping: arguments["times"]?.integer ?? 1)
            return .text(String(repeating: arguments["text"]?.text ?? "", count: times))
        case "add":
            let numbers = (arguments["numbers"]?.items ?? []).compactMap(\.integer)
            let sum = numbers.reduce(into: Int64(0)) { $0 &+= $1 }
            return .text("The sum is \(sum).", structured: ["sum": .integer(sum)])
        case "list":
            return ToolReply(structured: [1, 2, 3])
        case "show":
            return ToolReply(content: [
                .image(base64: "iVBORw0KGgo=", mimeType: "image/png"),
                .audio(base64: "UklGRg==", mimeType: "audio/wav"),
            ])
        case "fail":
            return .failure("It failed, as it always does.")
        case "count":
            return count(arguments, context)
        case "wait":
            return wait(context)
        case "deaf":
            while !isOpen.load(ordering: .acquiring) { usleep(500) }
            return .text("Let go.")
        case "deep":
            var value: JSON = 1
            for _ in 0..<max(0, min(arguments["levels"]?.integer ?? 1, 5000)) { value = [value] }
            return ToolReply(structured: ["deep": value])
        default:
            return .text("")
        }
    }

    private func count(_ arguments: [String: JSON], _ context: CallContext) -> ToolReply {
        let steps = arguments["steps"]?.integer ?? 10
        let pause = UInt32(clamping: (arguments["milliseconds"]?.integer ?? 0) * 1000)
        for step in 0..<max(0, steps) {
            if context.isCancelled { return .failure("Cancelled.") }
            context.log(.debug, "step \(step)")
            context.progress(done: step + 1, total: steps, message: "step \(step)")
            if pause > 0 { usleep(pause) }
        }
        context.log(.warning, "done")
        return .text("Counted to \(steps).")
    }

    private func wait(_ context: CallContext) -> ToolReply {
        context.withCancellationHandler {
            self.cancelled.wrappingAdd(1, ordering: .sequentiallyConsistent)
        } _: {
            while !context.isCancelled, !isOpen.load(ordering: .acquiring) { usleep(500) }
        }
        return .text(context.isCancelled ? "Cancelled." : "Let go.")
    }
}
