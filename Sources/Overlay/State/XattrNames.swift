// XattrNames: the names of extended attributes that the engine handles itself.

package enum XattrNames {
    /// The attribute of file capabilities (capabilities(7)).
    package static let capability = Array("security.capability".utf8)
}
