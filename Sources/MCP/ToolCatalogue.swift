// ToolCatalogue: the interface between the protocol and the tools.

package protocol ToolCatalogue: Sendable {
    /// The tools, read once for each server. The names are unique; clients see this order.
    var tools: [ToolDescription] { get }

    /// Carries out one call, and returns when it is done. Several calls run at once, each on a thread with
    /// a stack of 8 MiB.
    /// - Parameters:
    ///   - name: a name of `tools`.
    ///   - arguments: the arguments, which fit the tool's input schema.
    ///   - context: the context, to check for cancellation regularly and to report progress.
    func call(_ name: String, _ arguments: [String: JSON], _ context: CallContext) -> ToolReply
}
