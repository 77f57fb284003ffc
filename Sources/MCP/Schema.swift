// Schema: whether a value fits a JSON Schema, for the keywords that tools use. Recursion follows
// the schema, which the program wrote, and not the value. All problems are found at once, up to a
// bound.

package struct Schema: Sendable {
    package let json: JSON

    package init(_ json: JSON) { self.json = json }

    /// Keywords that are checked.
    package static let checked: Set<String> = [
        "type", "enum", "const", "anyOf", "properties", "required", "additionalProperties",
        "minProperties", "maxProperties", "items", "minItems", "maxItems", "minLength", "maxLength",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    ]
    /// Keywords that say something to people only.
    package static let annotations: Set<String> = [
        "$schema", "title", "description", "default", "examples", "deprecated", "format",
        "contentEncoding", "contentMediaType",
    ]

    static let problemLimit = 5

    /// What does not fit, each beginning with the place: `edits[0].oldText is missing`.
    package func problems(of value: JSON) -> [String] {
        var checker = SchemaChecker()
        checker.check(value, json, at: Place())
        return checker.problems
    }

    /// Keywords anywhere in the schema that are neither checked nor mere annotation: for tests of
    /// catalogues, because what is not checked would pass in silence.
    package var unknownKeywords: Set<String> { Self.unknown(in: json) }

    private static func unknown(in schema: JSON) -> Set<String> {
        guard let members = schema.members else { return [] }
        var found = Set(members.keys).subtracting(checked).subtracting(annotations)
        for (_, property) in schema["properties"]?.members ?? [:] {
            found.formUnion(unknown(in: property))
        }
        for branch in schema["anyOf"]?.items ?? [] { found.formUnion(unknown(in: branch)) }
        for key in ["items", "additionalProperties"] {
            if let inner = schema[key] { found.formUnion(unknown(in: inner)) }
        }
        return found
    }

    /// Where in a value something stands, as programs write it.
    struct Place {
        var text = ""

        func member(_ key: String) -> Place {
            let name = Excerpt.of(key)
            return Place(text: text.isEmpty ? name : "\(text).\(name)")
        }
        func item(_ index: Int) -> Place { Place(text: "\(text)[\(index)]") }
        var name: String { text.isEmpty ? "the whole" : text }
    }
}
