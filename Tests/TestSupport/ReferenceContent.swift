// ReferenceFileSystem: its content, attributes and extended attributes.

package import Overlay
package import Platform

extension ReferenceFileSystem {
    private func regular(_ node: Node) throws(Errno) {
        switch node.type {
        case .regular: break
        case .directory: throw .isDirectory
        default: throw .invalid
        }
    }

    /// Marks the bytes as changed. A nil mtime stands for the current time.
    private func changed(_ node: Node) { node.modified = nil }

    private func dropCapability(_ node: Node) {
        node.xattrs[Array("security.capability".utf8)] = nil
    }

    private func extend(_ node: Node, to size: Int) {
        if node.bytes.count < size {
            node.bytes += [UInt8](repeating: 0, count: size - node.bytes.count)
        }
    }

    private func put(_ bytes: some Collection<UInt8>, at offset: Int, in node: Node) {
        extend(node, to: offset + bytes.count)
        node.bytes.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    }

    package func read(_ node: Node, at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        try regular(node)
        return Array(node.bytes.dropFirst(Int(clamping: offset)).prefix(count))
    }

    package func write(_ node: Node, _ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        if bytes.isEmpty { return }
        try regular(node)
        put(bytes, at: Int(offset), in: node)
        changed(node)
        dropCapability(node)
    }

    package func allocate(
        _ node: Node, mode: AllocationMode, offset: UInt64, length: UInt64
    ) throws(Errno) {
        if length == 0 { throw .invalid }
        try regular(node)
        let (start, end) = (Int(offset), Int(offset + length))
        let isZeroing = mode == [.zeroRange] || mode == [.zeroRange, .keepSize]
            || mode == [.punchHole, .keepSize]
        guard isZeroing || mode == [] || mode == [.keepSize] else { throw .notSupported }
        if isZeroing, start < node.bytes.count {
            let stop = min(end, node.bytes.count)
            put([UInt8](repeating: 0, count: stop - start), at: start, in: node)
        }
        if !mode.contains(.keepSize) { extend(node, to: end) }
        changed(node)
    }

    package func copyRange(
        from source: Node, at sourceOffset: UInt64, to target: Node, at offset: UInt64,
        length: UInt64
    ) throws(Errno) -> UInt64 {
        try regular(target)
        let bytes = try read(source, at: sourceOffset, count: Int(length))
        if bytes.isEmpty { return 0 }
        put(bytes, at: Int(offset), in: target)
        changed(target)
        return UInt64(bytes.count)
    }

    package func setAttributes(_ node: Node, _ change: AttributeChange) throws(Errno) {
        if let size = change.size {
            try regular(node)
            extend(node, to: Int(size))
            node.bytes.removeLast(node.bytes.count - Int(size))
            changed(node)
            dropCapability(node)
        }
        if let mode = change.mode { node.mode = node.mode & ~0o7777 | mode & 0o7777 }
        if let user = change.user { node.user = user }
        if let group = change.group { node.group = group }
        if change.user != nil || change.group != nil {
            if change.mode == nil, !node.isDirectory {
                node.mode &= ~0o4000
                if node.mode & 0o010 != 0 { node.mode &= ~0o2000 }
            }
            if node.type == .regular { dropCapability(node) }
        }
        switch change.modificationTime {
        case nil: break
        case .now: node.modified = nil
        case .at(let time): node.modified = time
        }
    }

    // MARK: Extended attributes

    private func check(_ name: [UInt8]) throws(Errno) {
        let text = String(decoding: name, as: UTF8.self)
        let spaces = ["user.", "trusted.", "security."]
        if !spaces.contains(where: { text.hasPrefix($0) && text != $0 }) { throw .notSupported }
    }

    package func xattr(_ name: [UInt8], of node: Node) throws(Errno) -> [UInt8] {
        try check(name)
        guard let value = node.xattrs[name] else { throw .noData }
        return value
    }

    package func xattrNames(of node: Node) throws(Errno) -> [[UInt8]] { Array(node.xattrs.keys) }

    package func setXattr(
        _ name: [UInt8], of node: Node, to value: [UInt8], mode: XattrMode
    ) throws(Errno) {
        try check(name)
        if mode == .create, node.xattrs[name] != nil { throw .exists }
        if mode == .replace, node.xattrs[name] == nil { throw .noData }
        node.xattrs[name] = value
    }

    package func removeXattr(_ name: [UInt8], of node: Node) throws(Errno) {
        try check(name)
        guard node.xattrs.removeValue(forKey: name) != nil else { throw .noData }
    }
}
