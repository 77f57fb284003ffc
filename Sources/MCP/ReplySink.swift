// ReplySink: the destination of an answer: a line of its own, or the array that answers a batch. The array
// is sent with its last answer.

internal import Synchronization

enum ReplySink: Sendable {
    case line(OutputChannel, limit: Int)
    case batch(BatchReply)

    /// The maximum number of bytes of one answer.
    var limit: Int {
        switch self {
        case .line(_, let limit): limit
        case .batch(let batch): batch.share
        }
    }

    /// - Parameter answer: the answer; nil if the request was cancelled.
    func put(encoded answer: [UInt8]?) {
        switch self {
        case .line(let channel, _):
            if let answer { channel.send(line: answer) }
        case .batch(let batch): batch.put(answer)
        }
    }

    /// Sends an answer that may be too large or too deep; then `instead`, which is neither, is sent.
    func put(_ answer: JSON, depthLimit: Int, instead: (String) -> JSON) {
        let reason: String
        do {
            let bytes = try answer.encoded(depthLimit: depthLimit)
            if bytes.count <= limit { return put(encoded: bytes) }
            reason =
                "The result has \(bytes.count) bytes, but a reply has at most \(limit). "
                + "Request less at a time."
        } catch {
            reason = "The result is nested more than \(depthLimit) levels deep. Request less of it."
        }
        put(encoded: try? instead(reason).encoded(depthLimit: depthLimit))
    }
}

/// The answers to one batch (JSON-RPC 2.0, section 6), in the order in which they come.
final class BatchReply: Sendable {
    private struct State {
        var missing: Int
        var bytes: [UInt8] = [UInt8(ascii: "[")]
    }

    private let channel: OutputChannel
    private let state: Mutex<State>
    /// The bytes of the limit of a reply that each answer may have.
    let share: Int

    /// - Parameter count: the number of answers to come, at least one.
    init(_ channel: OutputChannel, count: Int, limit: Int) {
        self.channel = channel
        share = limit / max(1, count)
        state = Mutex(State(missing: count))
    }

    func put(_ answer: [UInt8]?) {
        let whole: [UInt8]? = state.withLock { state in
            if let answer {
                if state.bytes.count > 1 { state.bytes.append(UInt8(ascii: ",")) }
                state.bytes += answer
            }
            state.missing -= 1
            // If there is no answer at all, nothing is sent: an empty array is not a message.
            guard state.missing == 0, state.bytes.count > 1 else { return nil }
            state.bytes.append(UInt8(ascii: "]"))
            return state.bytes
        }
        if let whole { channel.send(line: whole) }
    }
}
