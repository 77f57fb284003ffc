// ToolReply: what a call answers, for all revisions. The server leaves out what the client's
// revision does not have.

package struct ToolReply: Sendable, Equatable {
    /// What the model reads. If there is none, it reads `structured` as text.
    package var content: [Content]
    /// What programs read; fits the tool's output schema. An object, unless only clients of
    /// 2026-07-28 matter: older ones do not get other values.
    package var structured: JSON?
    /// The tool could not do it, and `content` says why and what to do.
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
