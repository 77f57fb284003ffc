// BasePlace: the path of a base file, below the base's root.

internal import Platform

/// A directory of the base and a name in it. The files of a directory share the array of its path.
package struct BasePlace: Equatable, Sendable {
    /// The path below the base's root, with `/` between names. Empty for the root.
    package var directory: [UInt8]
    /// Empty only for the root itself.
    package var name: [UInt8]

    package init(directory: [UInt8], name: [UInt8]) {
        self.directory = directory
        self.name = name
    }

    package init(path: [UInt8]) {
        if let slash = path.lastIndex(of: 0x2f) {
            directory = Array(path[..<slash])
            name = Array(path[(slash + 1)...])
        } else {
            directory = []
            name = path
        }
    }

    /// The same place with an array for the name that has no spare capacity, for values that are kept.
    var compact: BasePlace {
        BasePlace(directory: directory, name: name.compact)
    }

    package var path: [UInt8] { Self.join(directory, name) }

    /// Returns the path of a name in a directory.
    package static func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
        directory.isEmpty ? name : directory + [0x2f] + name
    }
}
