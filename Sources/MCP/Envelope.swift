// Envelope: the properties of a request from its `_meta`: its revision, since 2026-07-28, and the reports
// that the client wants while it runs.

struct Envelope: Sendable {
    /// The revision; nil if neither the request nor `initialize` gives it.
    let revision: Revision?
    /// The minimum level of messages for the client; nil for none.
    let logLevel: LogLevel?
    /// A string or a whole number.
    let progressToken: JSON?

    /// - Parameters:
    ///   - session: the revision that `initialize` agreed on.
    ///   - logLevel: the level that `logging/setLevel` set.
    init(_ request: Request, session: Revision?, logLevel: LogLevel) throws(RPCError) {
        let meta = request.meta
        if let version = meta[MetaKey.protocolVersion] {
            guard let name = version.text else {
                throw .invalidParameters(
                    "\(MetaKey.protocolVersion) is a string, not \(version.kind).")
            }
            guard let revision = Revision(rawValue: name), revision.isStateless else {
                throw .unsupported(name)
            }
            guard meta[MetaKey.clientCapabilities]?.members != nil else {
                throw .invalidParameters(
                    "\(MetaKey.clientCapabilities) is missing in params._meta, or not an object.")
            }
            self.revision = revision
            // Without a level the client gets no messages.
            self.logLevel = try meta[MetaKey.logLevel].map { level throws(RPCError) in
                try Self.level(level)
            }
        } else {
            revision = session
            self.logLevel = logLevel
        }
        progressToken = try Self.token(meta[MetaKey.progressToken])
    }

    static func level(_ json: JSON?) throws(RPCError) -> LogLevel {
        guard let level = json?.text.flatMap(LogLevel.init) else {
            let names = LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalidParameters("The level of the log is one of \(names).")
        }
        return level
    }

    private static func token(_ json: JSON?) throws(RPCError) -> JSON? {
        guard let json, !json.isNull else { return nil }
        // The rules are those for ids; the token is returned in each report.
        guard let token = RequestID(json) else {
            throw .invalidParameters(
                "progressToken is a whole number, or a string of at most "
                    + "\(RequestID.longestText) bytes.")
        }
        return token.json
    }
}
