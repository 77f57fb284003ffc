// Template: texts in which {{name}} is replaced by a value. An unknown name is an error with its line; \{{
// is two literal braces.

package struct Template: Sendable {
    private let variables: [String: String]

    /// The maximum number of bytes of a template, which is held in memory as a whole.
    package static let largestText: UInt64 = 16 << 20

    package init(_ variables: [String: String]) { self.variables = variables }

    /// - Parameter place: the place of the text, for errors.
    package func fill(_ text: String, where place: String) throws(ToolError) -> String {
        var filled = ""
        var rest = text[...]
        var line = 1
        while let open = rest.firstRange(of: "{{") {
            let before = rest[..<open.lowerBound]
            line += before.utf8.count { $0 == 0x0a }
            if before.last == "\\" {
                filled += before.dropLast() + "{{"
                rest = rest[open.upperBound...]
                continue
            }
            filled += before
            rest = rest[open.upperBound...]
            guard let close = rest.firstRange(of: "}}"),
                !rest[..<close.lowerBound].contains(where: \.isNewline)
            else {
                throw ToolError(.usage, "\(place), line \(line): {{ without }}; \\{{ is two braces")
            }
            let name = rest[..<close.lowerBound].trimmed
            guard let value = variables[String(name)] else {
                let known = variables.keys.sorted().prefix(20).joined(separator: ", ")
                throw ToolError(
                    .usage,
                    "\(place), line \(line): {{\(name)}} is not among the variables (\(known)); "
                        + "\\{{ is two braces")
            }
            filled += value
            rest = rest[close.upperBound...]
        }
        return filled + rest
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var part = self[...]
        while part.first?.isWhitespace == true { part.removeFirst() }
        while part.last?.isWhitespace == true { part.removeLast() }
        return part
    }
}
