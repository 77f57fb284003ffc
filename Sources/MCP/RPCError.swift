// RPCError: the reason why a request has no result, as the error object of JSON-RPC with the codes that MCP
// uses.

struct RPCError: Error, Equatable, Sendable {
    var code: Int64
    var message: String
    var data: JSON?

    var json: JSON {
        .members(["code": .integer(code), "message": .text(message), "data": data])
    }

    /// The text is not JSON, or exceeds the limits of this server.
    static func parse(_ message: String) -> RPCError { RPCError(code: -32_700, message: message) }

    /// The value is JSON, but not a message.
    static func invalidRequest(_ message: String) -> RPCError {
        RPCError(code: -32_600, message: message)
    }

    static func noMethod(_ name: String, in revision: Revision?) -> RPCError {
        let place = revision.map { " in revision \($0.rawValue)" } ?? ""
        return RPCError(
            code: -32_601, message: "There is no method \(Excerpt.of(name))\(place).")
    }

    static func invalidParameters(_ message: String) -> RPCError {
        RPCError(code: -32_602, message: message)
    }

    static func `internal`(_ message: String) -> RPCError {
        RPCError(code: -32_603, message: message)
    }

    /// UnsupportedProtocolVersionError of 2026-07-28. Clients choose one of the versions that it names.
    static func unsupported(_ version: String) -> RPCError {
        let known = Revision(rawValue: version)
        let message =
            known.map {
                "Revision \($0.rawValue) needs an initialize request, and no "
                    + "\(MetaKey.protocolVersion) in _meta."
            } ?? "Unsupported protocol version \(Excerpt.of(version))."
        return RPCError(
            code: -32_022, message: message,
            data: ["supported": Revision.supportedVersions, "requested": .text(version)])
    }
}

/// Returns the beginning of a text from outside, for use in a message.
enum Excerpt {
    static func of(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(81)
        if start.count <= 80 { return text }
        return String(String.UnicodeScalarView(start.dropLast())) + "…"
    }
}

/// The keys of `_meta` that the protocol reserves.
enum MetaKey {
    static let protocolVersion = "io.modelcontextprotocol/protocolVersion"
    static let clientCapabilities = "io.modelcontextprotocol/clientCapabilities"
    static let logLevel = "io.modelcontextprotocol/logLevel"
    static let serverInfo = "io.modelcontextprotocol/serverInfo"
    static let subscription = "io.modelcontextprotocol/subscriptionId"
    static let progressToken = "progressToken"
}
