// ServerOptions: who the server says it is, and its bounds.

/// What a client may show of the server.
package struct ServerInfo: Sendable {
    package var name: String
    package var title: String?
    package var version: String
    /// How to use the tools, for the model.
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
    /// Whether results have their structured form beside the text, where the revision has it. Some
    /// clients show the model both.
    package var structuredContent = true

    /// Calls that run at once.
    package var workers = 4
    /// Calls that wait for a worker. One more is answered at once with a reply that asks to try
    /// later.
    package var waitingCalls = 64
    /// Bytes of messages whose calls run or wait.
    package var callBytes = 64 << 20
    /// Streams of `subscriptions/listen`.
    package var subscriptions = 16

    /// Bytes of one message that comes in.
    package var messageBytes = 16 << 20
    /// Bytes of one message that goes out.
    package var replyBytes = 16 << 20
    /// Levels of arrays and objects in a message.
    package var depth = JSON.depthLimit
    /// Values in a message.
    package var values = JSON.valueLimit
    /// Messages in a batch.
    package var batch = 64
    /// Tools in one page of `tools/list`.
    package var page = 100

    /// The least time between two reports of a call's progress.
    package var progressInterval = Duration.milliseconds(100)
    /// How long calls go on by themselves after the client has closed its end: scripts write all
    /// they have and close. Then they are cancelled.
    package var lingering = Duration.seconds(1)
    /// How long cancelled calls may take to end, before the server ends without them.
    package var grace = Duration.seconds(5)
    /// How long a client that has closed its end may leave output unread.
    package var stall = Duration.seconds(2)

    package init() {}
}
