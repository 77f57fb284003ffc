// ToolDescription: the information about a tool that a client gets before it calls the tool.

package struct ToolDescription: Sendable {
    /// The name: 1 to 128 of `A-Z a-z 0-9 _ - .`
    package var name: String
    package var title: String?
    package var description: String
    /// The schema of the arguments, an object; see Schema for the keywords that are checked before a call.
    package var inputSchema: JSON
    /// The schema of ToolReply.structured. A tool that has one returns a structured result in every reply
    /// that is not an error.
    package var outputSchema: JSON?
    package var hints: ToolHints

    package init(
        name: String, title: String? = nil, description: String,
        inputSchema: JSON = ["type": "object", "additionalProperties": false],
        outputSchema: JSON? = nil, hints: ToolHints = ToolHints()
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.inputSchema = inputSchema
        self.outputSchema = outputSchema
        self.hints = hints
    }
}

/// The effects of a call, for clients that ask people for permission before they make it.
package struct ToolHints: Sendable, Equatable {
    /// The call changes nothing.
    package var isReadOnly: Bool
    /// The call may overwrite or remove something. Has no meaning for a read-only tool.
    package var isDestructive: Bool
    /// A repeated call changes nothing more.
    package var isIdempotent: Bool
    /// The call reaches beyond this machine.
    package var isOpenWorld: Bool

    package init(
        isReadOnly: Bool = false, isDestructive: Bool = true, isIdempotent: Bool = false,
        isOpenWorld: Bool = false
    ) {
        self.isReadOnly = isReadOnly
        self.isDestructive = isDestructive
        self.isIdempotent = isIdempotent
        self.isOpenWorld = isOpenWorld
    }

    package static let readOnly = ToolHints(
        isReadOnly: true, isDestructive: false, isIdempotent: true)
}
