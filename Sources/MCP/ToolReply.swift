// ToolReply: the reply of a call, for all revisions. The server leaves out what the client's revision does
// not know.

package struct ToolReply: Sendable, Equatable {
    /// The content for the model. If it is empty, the model gets `structured` as text.
    package var content: [Content]
    /// The result for programs, which fits the tool's output schema. It should be an object: only clients
    /// of 2026-07-28 get other values.
    package var structured: JSON?
    /// Whether the tool failed; then `content` says why and what to do.
    package var isError: Bool

    package init(content: [Content] = [], structured: JSON? = nil, isError: Bool = false) {
        self.content = content
        self.structured = structured
        self.isError = isError
    }

    package static func text(_ text: String, structured: JSON? = nil) -> ToolReply {
        ToolReply(content: [.text(text)], structured: structured)
    }

    package static func failure(_ sentence: String, structured: JSON? = nil) -> ToolReply {
        ToolReply(content: [.text(sentence)], structured: structured, isError: true)
    }

    package enum Content: Sendable, Equatable {
        case text(String)
        case image(base64: String, mimeType: String)
        case audio(base64: String, mimeType: String)
    }
}
