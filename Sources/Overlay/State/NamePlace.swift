// NamePlace: a directory and a name in it, as a dictionary key.

package import Platform
package import Storage

/// A name in a directory.
package struct NamePlace: Hashable, Sendable {
    package var parent: InodeNumber
    package var name: FileName

    package init(parent: InodeNumber, name: FileName) {
        self.parent = parent
        self.name = name
    }
}
