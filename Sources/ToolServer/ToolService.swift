// ToolService: one server on standard input and output, over directories or over a store without a mount.

internal import Glibc
internal import MCP
package import Tools

package enum ToolService {
    /// The options of a server.
    package struct Configuration: Sendable {
        package var settings = ToolSettings()
        package var structuredContent = true
        package var version = ""

        package init() {}
    }

    /// Serves the client on standard input and output until it closes the connection.
    package static func run(
        _ ground: any Ground, _ configuration: Configuration, warn: (String) -> Void
    ) throws(ToolError) {
        let catalogue = FileToolCatalogue(ground, settings: configuration.settings)
        guard let (input, output) = StandardStreams.claim() else {
            throw ToolError(.system, "there are no descriptors left for standard input and output")
        }
        var options = ServerOptions()
        options.structuredContent = configuration.structuredContent
        let server = MCPServer(
            catalogue,
            info: ServerInfo(
                name: "draftfs", title: "draftfs files", version: configuration.version,
                instructions: instructions),
            options: options)
        let end = server.run(input: input, output: output)
        catalogue.end()
        if end.unfinishedCalls > 0 {
            warn("\(end.unfinishedCalls) calls did not end in time")
        }
    }

    /// Returns a ground over the existing roots. Others are left out: clients name directories that they
    /// make later, or never.
    /// - Throws: `missing` if none of them exists.
    package static func ground(
        _ roots: [(path: String, isReadOnly: Bool)], keeper: EditKeeper?, warn: (String) -> Void
    ) throws(ToolError) -> HostGround {
        var found: [(path: String, isReadOnly: Bool)] = []
        for root in roots {
            var status = stat()
            if stat(root.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                found.append(root)
            } else {
                warn("\(root.path) is left out: it is not an accessible directory")
            }
        }
        guard !found.isEmpty else {
            throw ToolError(.missing, "there is no directory to serve: give one that exists")
        }
        let home = getenv("HOME").map { String(cString: $0) }
        return try HostGround(found, home: home, hidesControlFiles: true, keeper: keeper)
    }

    /// Instructions for the model that save calls and tokens.
    static let instructions =
        "Files of any size: read parts with read_file_range (next_offset is where to continue), change "
        + "parts with edit_file instead of rewriting files, write long files with "
        + "edit_file_append_chunk. Use at most \(ToolSettings.argumentBytes) bytes for all arguments "
        + "of a call; replies are short unless max_bytes asks for more."
}
