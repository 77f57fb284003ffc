// XattrNames: extended attributes that the engine itself knows.

package enum XattrNames {
    /// File capabilities (capabilities(7)).
    package static let capability = Array("security.capability".utf8)
}
