// RequestID: the id of a request, which is a string or a whole number. 1 and "1" are two ids.

package enum RequestID: Hashable, Sendable {
    case integer(Int64)
    case text(String)

    /// The maximum number of bytes of an id: ids are kept while their requests run, and are returned in
    /// answers.
    package static let longestText = 256

    /// Returns nil for an invalid id: null, a fraction, a long text.
    package init?(_ json: JSON) {
        switch json {
        case .integer(let value): self = .integer(value)
        case .text(let value) where value.utf8.count <= Self.longestText: self = .text(value)
        default: return nil
        }
    }

    package var json: JSON {
        switch self {
        case .integer(let value): .integer(value)
        case .text(let value): .text(value)
        }
    }
}
