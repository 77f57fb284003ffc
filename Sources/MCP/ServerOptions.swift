// ServerOptions: the identity of the server, and its bounds.

/// The information about the server that a client may show.
package struct ServerInfo: Sendable {
    package var name: String
    package var title: String?
    package var version: String
    /// Instructions for the model on how to use the tools.
    package var instructions: String?

    package init(
        name: String, title: String? = nil, version: String, instructions: String? = nil
    ) {
        self.name = name
        self.title = title
        self.version = version
        self.instructions = instructions
    }
}

package struct ServerOptions: Sendable {
    /// Whether results have their structured form beside the text, if the revision has it. Some clients
    /// show the model both.
    package var structuredContent = true

    /// The maximum number of calls that run at once.
    package var workers = 4
    /// The maximum number of calls that wait for a worker. A further call is answered at once with a reply
    /// that asks to try later.
    package var waitingCalls = 64
    /// The maximum number of bytes of messages whose calls run or wait.
    package var callBytes = 64 << 20
    /// The maximum number of streams of `subscriptions/listen`.
    package var subscriptions = 16

    /// The maximum number of bytes of one incoming message.
    package var messageBytes = 16 << 20
    /// The maximum number of bytes of one outgoing message.
    package var replyBytes = 16 << 20
    /// The maximum number of levels of arrays and objects in a message.
    package var depth = JSON.depthLimit
    /// The maximum number of values in a message.
    package var values = JSON.valueLimit
    /// The maximum number of messages in a batch.
    package var batch = 64
    /// The number of tools in one page of `tools/list`.
    package var page = 100

    /// The minimum time between two reports of a call's progress.
    package var progressInterval = Duration.milliseconds(100)
    /// How long calls may go on after the client has closed its end: scripts write all requests and close.
    /// Then the calls are cancelled.
    package var lingering = Duration.seconds(1)
    /// How long cancelled calls may take to end, before the server ends without them.
    package var grace = Duration.seconds(5)
    /// How long a client that has closed its end may leave output unread.
    package var stall = Duration.seconds(2)

    package init() {}
}
