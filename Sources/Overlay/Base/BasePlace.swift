// BasePlace: where a file of the base lies below the base's root.

/// A name in a directory of the base. The directory's path is shared by all its files.
package struct BasePlace: Equatable, Sendable {
    /// Below the base's root, `/` between names; empty for the root.
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

    /// The place with an array for the name that holds no more than its bytes, to be kept.
    var compact: BasePlace {
        BasePlace(directory: directory, name: name.withUnsafeBufferPointer { Array($0) })
    }

    package var path: [UInt8] {
        directory.isEmpty ? name : directory + [0x2f] + name
    }
}
