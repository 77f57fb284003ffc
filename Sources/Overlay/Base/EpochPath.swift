// EpochPath: paths of the base as it was after a commit. A workspace begins with one state of the base, whose
// paths are plain. After a refresh its root leads to a later state: the paths of that begin with a name that
// no file has. So the base has a tree for each state, and a refresh gives the root another place in it; what
// was recorded before keeps its own place, and is read as it was.
//
// mark: a zero byte, then the number of the commit in decimal digits

internal import Platform

package enum EpochPath {
    /// No name of a file has this byte.
    private static let mark: UInt8 = 0

    /// Returns the path of the root of the base after a commit.
    package static func root(_ epoch: UInt64) -> [UInt8] { [mark] + Array("\(epoch)".utf8) }

    static func isMarked(_ name: [UInt8]) -> Bool { name.first == mark }

    /// Returns the mark that a path begins with; empty for a plain path.
    package static func top(_ path: [UInt8]) -> [UInt8] {
        isMarked(path) ? Array(path.prefix { $0 != 0x2f }) : []
    }

    /// Returns the path without its mark.
    package static func plain(_ path: [UInt8]) -> [UInt8] {
        isMarked(path) ? Array(path.drop { $0 != 0x2f }.dropFirst()) : path
    }

    /// Returns the path without its mark, as people read it.
    package static func shown(_ path: [UInt8]) -> String { String(decoding: plain(path), as: UTF8.self) }

    /// Returns the commit of a path's mark; nil for a plain path.
    package static func epoch(_ path: [UInt8]) -> UInt64? {
        isMarked(path) ? UInt64(String(decoding: top(path).dropFirst(), as: UTF8.self)) : nil
    }

    /// Returns a plain path as one below a root.
    package static func below(_ top: [UInt8], _ path: [UInt8]) -> [UInt8] {
        path.isEmpty ? top : BasePlace.join(top, path)
    }
}

extension BasePlace {
    /// Whether it is the root of the base, in any of its states.
    package var isRoot: Bool { directory.isEmpty && (name.isEmpty || EpochPath.isMarked(name)) }

    /// The mark that its path begins with; empty for a plain path.
    package var top: [UInt8] { EpochPath.top(directory.isEmpty ? name : directory) }

    /// The place with a plain path.
    var plain: BasePlace {
        guard EpochPath.isMarked(directory.isEmpty ? name : directory) else { return self }
        return isRoot ? BasePlace(path: []) : BasePlace(directory: EpochPath.plain(directory), name: name)
    }
}
