// ToolCatalogue: the seam between the protocol and whatever the tools do.

package protocol ToolCatalogue: Sendable {
    /// Asked once for each server. Names differ; the order is the one that clients see.
    var tools: [ToolDescription] { get }

    /// Carries out one call, and returns when it is done. Several run at once, each on a thread
    /// with a stack of 8 MiB.
    /// - Parameters:
    ///   - name: a name of `tools`.
    ///   - arguments: fit the tool's input schema.
    ///   - context: to look for cancellation now and then, and to report progress.
    func call(_ name: String, _ arguments: [String: JSON], _ context: CallContext) -> ToolReply
}
