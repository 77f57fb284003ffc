// Tool: one tool with its description and its function. Call: its arguments and environment. A tool that
// fails throws one sentence and has changed nothing; only deletions are made one by one.

internal import MCP
internal import Platform
internal import Synchronization
internal import Tools

struct Tool: Sendable {
    let group: ToolGroup
    let description: ToolDescription
    /// Whether a call that takes long becomes a job; the reply may then be that of a job.
    let isLong: Bool
    /// The arguments that make a call long (any of them); empty if every call is long.
    private let longArguments: Set<String>
    let run: @Sendable (Call) throws(ToolError) -> ToolReply

    /// - Parameters:
    ///   - output: the properties of the structured result; nil for none.
    init(
        _ name: String, _ group: ToolGroup, title: String, _ description: String,
        input: KeyValuePairs<String, JSON>, required: [String] = [],
        output: KeyValuePairs<String, JSON>? = nil, outputRequired: [String] = [],
        hints: ToolHints, isLong: Bool = false, longArguments: Set<String> = [],
        run: @escaping @Sendable (Call) throws(ToolError) -> ToolReply
    ) {
        self.group = group
        self.isLong = isLong
        self.longArguments = longArguments
        let properties = output.map { Array($0) + (isLong ? Array(JobReport.properties) : []) }
        self.description = ToolDescription(
            name: name, title: title, description: description,
            inputSchema: Shape.object(input, required: required, closed: true),
            outputSchema: properties.map {
                Shape.object(pairs: $0, required: isLong ? [] : outputRequired)
            }, hints: hints)
        self.run = run
    }

    func mayTakeLong(_ arguments: [String: JSON]) -> Bool {
        isLong && (longArguments.isEmpty || arguments.keys.contains { longArguments.contains($0) })
    }
}

/// The state that all calls of a server share.
final class Workbench: Sendable {
    let ground: any Ground
    let settings: ToolSettings
    let indexes = IndexCache()
    let jobs = JobTable()

    init(ground: any Ground, settings: ToolSettings) {
        self.ground = ground
        self.settings = settings
    }
}

struct Call: Sendable {
    let arguments: [String: JSON]
    let context: CallContext
    let workbench: Workbench

    var ground: any Ground { workbench.ground }

    // MARK: Arguments

    // The arguments were checked against the input schema, so a missing one is optional.
    func text(_ key: String) -> String? { arguments[key]?.text }
    func flag(_ key: String) -> Bool { arguments[key]?.boolean ?? false }
    func number(_ key: String) -> UInt64? { arguments[key]?.integer.flatMap { UInt64(exactly: $0) } }
    func list(_ key: String) -> [String] { (arguments[key]?.items ?? []).compactMap(\.text) }

    func name(_ key: String) throws(ToolError) -> String {
        guard let text = text(key) else { throw ToolError(.usage, "\(key) is missing") }
        return text
    }

    func path(_ key: String) throws(ToolError) -> ToolPath {
        try ground.roots.path(try name(key))
    }

    func version(_ key: String = "version") -> FileVersion? { text(key).map(FileVersion.init(token:)) }

    func rules(_ key: String) throws(ToolError) -> GlobRules { try GlobRules(list(key)) }

    // MARK: Bounds

    /// The maximum number of bytes of text in the reply. An explicit max_bytes is taken as it is, since the
    /// caller knows what fits; without it the reply stays small.
    var replyBytes: Int {
        let wanted = number("max_bytes").map { Int(clamping: $0) } ?? workbench.settings.replyBytes
        return max(64, min(wanted, ToolSettings.mostReplyBytes))
    }

    /// The bytes of these for a file's text; the rest is for the notes.
    var textBytes: UInt64 {
        let bytes = replyBytes
        return UInt64(arguments["max_bytes"] == nil ? max(bytes - 320, bytes / 2) : bytes)
    }

    func checkCancelled() throws(ToolError) {
        if context.isCancelled { throw ToolError(.cancelled, "the call was cancelled") }
    }

    // MARK: Files

    /// Returns a note on where the content before a change is kept; none in a workspace, whose history has
    /// it.
    func keptNote(_ path: ToolPath) -> [String] {
        ground.keptContent(of: path).map { ["the content before is \($0)"] } ?? []
    }

    /// Opens a file as text, with the index of an earlier call if the file has not changed.
    func textFile(
        _ path: ToolPath, encoding: TextEncoding? = nil
    ) throws(ToolError) -> TextFile {
        let file = try ground.open(path)
        let index = workbench.indexes[FileVersion(try file.status())]
        let text = try TextFile(file, encoding: encoding, index: index)
        text.isCancelled = { [context] in context.isCancelled }
        return text
    }

    /// Keeps the index for the next call.
    func keep(_ text: TextFile) { workbench.indexes[text.version] = text.index }
}

/// The line indexes of the files that were read or edited last.
final class IndexCache: Sendable {
    private struct State {
        var indexes: [FileVersion: (index: LineIndex, used: UInt64)] = [:]
        var clock: UInt64 = 0
    }

    private let state = Mutex(State())
    /// The maximum number of indexes; one has up to 65,000 blocks of 24 bytes.
    private static let most = 8

    subscript(version: FileVersion) -> LineIndex? {
        get {
            state.withLock { state in
                guard let found = state.indexes[version] else { return nil }
                state.clock += 1
                state.indexes[version]?.used = state.clock
                return found.index
            }
        }
        set {
            state.withLock { state in
                state.clock += 1
                state.indexes[version] = newValue.map { ($0, state.clock) }
                guard state.indexes.count > Self.most,
                    let oldest = state.indexes.min(by: { $0.value.used < $1.value.used })
                else { return }
                state.indexes[oldest.key] = nil
            }
        }
    }
}
