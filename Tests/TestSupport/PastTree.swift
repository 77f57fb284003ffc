// PastTree: a moment of a workspace as a `ReadableTree`, for comparison with other trees.

internal import Overlay
package import Past
package import Platform

package struct PastTree: ReadableTree {
    package let view: TimeView

    package init(_ view: TimeView) { self.view = view }

    package var root: ViewNode { view.root }

    package func lookup(_ name: FileName, in parent: ViewNode) throws(Errno) -> ViewNode {
        try view.lookup(name, in: parent)
    }

    package func identity(_ node: ViewNode) -> UInt64 { node.number }

    package func facts(_ node: ViewNode) throws(Errno) -> NodeFacts {
        let found = try view.attributes(node)
        return NodeFacts(
            mode: found.mode, links: found.links, user: found.user, group: found.group,
            size: found.type == .directory ? 0 : found.size, device: found.specialDevice)
    }

    package func read(_ node: ViewNode, at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result: Result<Int, Errno> = bytes.withUnsafeMutableBytes { buffer in
            do throws(Errno) {
                return .success(try view.read(node, into: buffer, at: offset))
            } catch {
                return .failure(error)
            }
        }
        return Array(bytes.prefix(try result.get()))
    }

    package func xattr(_ name: [UInt8], of node: ViewNode) throws(Errno) -> [UInt8] {
        try view.xattr(name, of: node)
    }

    package func xattrNames(of node: ViewNode) throws(Errno) -> [[UInt8]] {
        try view.xattrNames(of: node)
    }

    package func list(_ node: ViewNode) throws(Errno) -> [[UInt8]: FileType] {
        var types: [[UInt8]: FileType] = [:]
        for (name, type) in try view.list(node) {
            if types.updateValue(type, forKey: name.bytes) != nil { throw .again }
        }
        return types
    }

    package func symlinkTarget(_ node: ViewNode) throws(Errno) -> [UInt8] {
        try view.symlinkTarget(node)
    }
}
