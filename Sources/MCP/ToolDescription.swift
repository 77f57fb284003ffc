// ToolDescription: what a client learns of a tool before it calls it.

package struct ToolDescription: Sendable {
    /// 1 to 128 of `A-Z a-z 0-9 _ - .`
    package var name: String
    package var title: String?
    package var description: String
    /// An object schema; see Schema for the keywords that are checked before a call.
    package var inputSchema: JSON
    /// What ToolReply.structured is; a tool that has one answers it in every reply that is no
    /// error.
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

/// What a call may do to the world, for whoever asks people before it is made.
package struct ToolHints: Sendable, Equatable {
    /// Changes nothing.
    package var isReadOnly: Bool
    /// May overwrite or remove something. Means nothing for what is read only.
    package var isDestructive: Bool
    /// The same call again changes nothing more.
    package var isIdempotent: Bool
    /// Reaches beyond this machine.
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
