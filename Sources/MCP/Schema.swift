// Schema: checks values against a JSON Schema, for the keywords that tools use. The recursion follows the
// schema, which is part of the program, and not the value. All problems are found at once, up to a bound.

package struct Schema: Sendable {
    package let json: JSON

    package init(_ json: JSON) { self.json = json }

    /// The keywords that are checked.
    package static let checked: Set<String> = [
        "type", "enum", "const", "anyOf", "properties", "required", "additionalProperties",
        "minProperties", "maxProperties", "items", "minItems", "maxItems", "minLength", "maxLength",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    ]
    /// The keywords that are only for people.
    package static let annotations: Set<String> = [
        "$schema", "title", "description", "default", "examples", "deprecated", "format",
        "contentEncoding", "contentMediaType",
    ]

    static let problemLimit = 5

    /// Returns the problems of a value; each begins with the place: `edits[0].oldText is missing`.
    package func problems(of value: JSON) -> [String] {
        var checker = SchemaChecker()
        checker.check(value, json, at: Place())
        return checker.problems
    }

    /// The keywords anywhere in the schema that are neither checked nor annotations. Tests of catalogues
    /// use it, because an unchecked keyword would pass silently.
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

    /// A place in a value, in the notation of programs.
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
