// Message: one message of JSON-RPC 2.0, classified by its kind.

struct Request: Sendable {
    var id: RequestID
    var method: String
    var parameters: [String: JSON]

    /// The members of `_meta`; empty if there are none.
    var meta: [String: JSON] { parameters["_meta"]?.members ?? [:] }
}

enum Message: Sendable {
    case request(Request)
    case notification(method: String, parameters: [String: JSON])
    /// A response to a request; this server makes no requests.
    case response
    /// - Parameter id: the id of the message; null if it could not be read.
    case invalid(id: JSON, RPCError)

    init(_ json: JSON) {
        guard let members = json.members else {
            self = .invalid(id: .null, .invalidRequest("A message is an object, not \(json.kind)."))
            return
        }
        let id = members["id"].flatMap(RequestID.init)
        func invalid(_ error: RPCError) -> Message { .invalid(id: id?.json ?? .null, error) }

        if members["jsonrpc"] != "2.0" {
            self = invalid(.invalidRequest("A message must have a member jsonrpc with the value \"2.0\"."))
            return
        }
        guard let method = members["method"] else {
            let isResponse = members["result"] != nil || members["error"] != nil
            self = isResponse ? .response : invalid(.invalidRequest("A request must have a method."))
            return
        }
        guard let name = method.text else {
            self = invalid(.invalidRequest("The method is a string, not \(method.kind)."))
            return
        }
        let parameters: [String: JSON]
        switch members["params"] {
        case nil, .null: parameters = [:]
        case .object(let members): parameters = members
        case .some(let other):
            // A notification has no answer, not even an error.
            self =
                members["id"] == nil
                ? .notification(method: name, parameters: [:])
                : invalid(.invalidParameters("params is an object, not \(other.kind)."))
            return
        }
        if members["id"] == nil {
            self = .notification(method: name, parameters: parameters)
        } else if let id {
            self = .request(Request(id: id, method: name, parameters: parameters))
        } else {
            self = .invalid(
                id: .null,
                .invalidRequest(
                    "An id is a whole number, or a string of at most \(RequestID.longestText) bytes."
                ))
        }
    }
}

/// Makes the messages of answers.
enum Answer {
    static func result(_ id: JSON, _ result: JSON) -> JSON {
        ["jsonrpc": "2.0", "id": id, "result": result]
    }

    static func error(_ id: JSON, _ error: RPCError) -> JSON {
        ["jsonrpc": "2.0", "id": id, "error": error.json]
    }

    static func notification(_ method: String, _ parameters: JSON) -> JSON {
        ["jsonrpc": "2.0", "method": .text(method), "params": parameters]
    }
}
