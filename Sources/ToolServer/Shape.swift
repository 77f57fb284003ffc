// Shape: parts of JSON schemas, in the dialect that MCP.Schema checks.

internal import MCP

enum Shape {
    static func object(
        _ properties: KeyValuePairs<String, JSON>, required: [String] = [], closed: Bool = false
    ) -> JSON {
        object(pairs: Array(properties), required: required, closed: closed)
    }

    static func object(
        pairs properties: [(key: String, value: JSON)], required: [String] = [], closed: Bool = false
    ) -> JSON {
        .members([
            "type": "object",
            "properties": .object(Dictionary(properties.map { ($0, $1) }) { first, _ in first }),
            "required": required.isEmpty ? nil : .list(required.map(JSON.text)),
            "additionalProperties": closed ? false : nil,
        ])
    }

    static func text(_ description: String? = nil, default value: JSON? = nil) -> JSON {
        .members([
            "type": "string", "description": description.map(JSON.text), "default": value,
        ])
    }

    static func choice(_ names: [String], _ description: String, default value: JSON? = nil) -> JSON {
        .members([
            "type": "string", "enum": .list(names.map(JSON.text)), "description": .text(description),
            "default": value,
        ])
    }

    static func integer(
        _ description: String? = nil, from least: Int64 = 0, to most: Int64? = nil,
        default value: JSON? = nil
    ) -> JSON {
        .members([
            "type": "integer", "description": description.map(JSON.text),
            "minimum": .integer(least), "maximum": most.map(JSON.integer), "default": value,
        ])
    }

    static func flag(_ description: String? = nil, default value: Bool? = nil) -> JSON {
        .members([
            "type": "boolean", "description": description.map(JSON.text),
            "default": value.map(JSON.boolean),
        ])
    }

    static func list(
        of items: JSON, _ description: String? = nil, from least: Int64? = nil, to most: Int64? = nil,
        default value: JSON? = nil
    ) -> JSON {
        .members([
            "type": "array", "items": items, "description": description.map(JSON.text),
            "minItems": least.map(JSON.integer), "maxItems": most.map(JSON.integer),
            "default": value,
        ])
    }

    // MARK: What many tools have

    static let path = text("Absolute, or relative to the first allowed directory.")
    static let content = text("The text of the reply.")
    static let maxBytes = integer(
        "Bytes of text in the reply, instead of the server's default.", from: 64,
        to: Int64(ToolSettings.mostReplyBytes))
    static let version = text(
        "The version in an earlier reply; the call is refused if the file has changed since.")
    static let patterns = "Patterns are those of gitignore: *.py matches at any depth, /a/*.py only in a, "
        + "**/ crosses directories, a/ matches directories only, ! negates."

    static let budget = "Use at most \(ToolSettings.argumentBytes) bytes for all arguments together, "
        + "because some clients pass on no more"
}
