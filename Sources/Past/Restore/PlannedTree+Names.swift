// PlannedTree+Names: names and directories in a plan. It sets entries, updates times and links of
// directories, and gives rows to files and directories of the base.

internal import Overlay
internal import Platform
internal import Storage

extension PlannedTree {
    /// Sets an entry. A directory with an entry of its own has a row.
    mutating func setName(
        _ name: FileName, in directory: ViewNode, to entry: Entry
    ) throws(Errno) {
        setEntry(name, in: directory.number, entry)
        guard let place = directory.place, try row(directory.number) == nil else { return }
        setOrigin(directory.number, try origin(of: directory, at: place))
        var record = directory.record
        record.flags.insert(.hasOrigin)
        if !keepsTimes { record.modificationTime = stamp.time }
        record.changeTime = stamp.time
        setRow(directory.number, record)
    }

    /// Gives a file or directory of the base a row, by a transaction that changes nothing visible.
    mutating func touch(_ node: ViewNode) throws(Errno) {
        guard let place = node.place, delta.inodes[node.number] == nil,
            try tree.row(node.number) == nil
        else { return }
        let inode = try tree.inode(at: place)
        guard inode.number == node.number else { throw .stale }
        var transaction = tree.begin(.touch, stamp)
        try tree.update(inode, in: &transaction) { _ in }
        try tree.commit(&transaction)
    }

    /// Gives a file the extended attributes that it is to show.
    /// - Parameter place: the place in the base whose attributes show through.
    /// - Returns: whether there are any, there or here.
    mutating func setXattrs(
        of number: InodeNumber, to wanted: [[UInt8]: [UInt8]], over place: BasePlace?
    ) throws(Errno) -> Bool {
        var shown: [[UInt8]: [UInt8]] = [:]
        if let place {
            for name in try tree.base.xattrNames(of: place) {
                shown[name] = try tree.base.xattr(name, of: place)
            }
        }
        let names = Set(try tree.xattrs(of: number).keys).union(wanted.keys).union(shown.keys)
        for name in names {
            let value = wanted[name] == shown[name]
                ? nil : wanted[name].map(XattrValue.value) ?? XattrValue.hidden
            setXattr(name, of: number, value)
        }
        return !names.isEmpty
    }

    /// Updates a directory's times, and its links if it counts them; an untouched directory needs neither.
    mutating func touchDirectory(_ directory: ViewNode, links: Int) throws(Errno) {
        guard var record = try row(directory.number) else { return }
        if !timed.contains(directory.number) { record.modificationTime = stamp.time }
        record.changeTime = stamp.time
        if record.links >= 2 {
            record.links = UInt32(clamping: max(2, Int64(record.links).adding(clamping: Int64(links))))
        }
        setRow(directory.number, record)
    }
}
