// RefreshPlan+Files: the files of a refreshed workspace: what keeps its row, its inode and its links.

internal import Overlay
internal import Platform
internal import Storage

extension RefreshPlan {
    /// Returns whether no other name of the base leads to a file that the workspace keeps, but those that did
    /// in the workspace too. If not, it can not keep its inode.
    func isAlone(_ number: InodeNumber, _ change: NodeChange) throws(Errno) -> Bool {
        guard let (path, status) = try newPlace(of: number, isChanged: true), path != change.path,
            path != change.difference.oldPath, try tree.number(of: status, at: place(path)) == number
        else { return true }
        return try now.node(at: path)?.number == number
    }

    /// Keeps the row of a file.
    /// - Parameter node: what the workspace shows of it; nil if it shows what the base does.
    mutating func keep(_ number: InodeNumber, _ node: ViewNode? = nil) throws(Errno) {
        guard case .some(nil) = plan.delta.inodes[number], var record = try tree.row(number) else { return }
        // Without edits it follows the base: it has its place in the new state.
        let follows = node != nil && Self.followsBase(record)
        if record.flags.contains(.hasOrigin), !record.flags.contains(.hasLog),
            let (path, status) = try newPlace(of: number, isChanged: follows && choice != .ours) {
            var origin = tree.baseFiles.makeOrigin(at: place(path), status, kept: [])
            origin.isPinned = try tree.knownOrigin(number)?.isPinned ?? false && origin.isPinned
            plan.setOrigin(number, origin)
            if let known = try tree.knownOrigin(number), !known.hasContent(of: status) {
                (record.size, record.allocated) = (origin.size, status.allocatedBytes)
                record.modificationTime = status.modificationTime
            }
            record.changeTime = plan.stamp.time
            if let node, try setXattrs(of: number, as: node, over: place(path)) {
                record.flags.insert(.hasXattrs)
            }
        }
        keepsXattrs.insert(number)
        plan.setRow(number, record)
    }

    /// Whether a file has no content of its own.
    private static func followsBase(_ record: InodeRecord) -> Bool {
        record.type != .regular || record.flags.contains(.followsBase)
    }

    /// Gives a file the extended attributes that it has in the workspace.
    /// - Parameter place: the place in the base whose attributes show through.
    /// - Returns: whether there are any.
    mutating func setXattrs(
        of number: InodeNumber, as node: ViewNode, over place: BasePlace?
    ) throws(Errno) -> Bool {
        try plan.setXattrs(of: number, to: now.visibleXattrs(of: node), over: place)
    }

    /// Returns where the base file of a file is in the new state; nil if it is gone.
    /// - Parameter isChanged: whether it may have other content by now.
    private func newPlace(
        of number: InodeNumber, isChanged: Bool = false
    ) throws(Errno) -> (path: [UInt8], status: FileStatus)? {
        guard let origin = try tree.knownOrigin(number) else { return nil }
        // Content that was replaced is in the store, while the file may have stayed where it was.
        let path = try tree.base.path(of: origin.path, in: target) ?? EpochPath.plain(origin.path)
        guard let status = try status(inBase: path), FileType(mode: origin.mode) == status.type,
            origin.inode == status.inode, origin.birthTime == status.birthTime,
            isChanged || origin.hasContent(of: status) else { return nil }
        return (path, status)
    }

    // MARK: What is in use

    /// Keeps directories in use that were made here and are the base's too by now.
    mutating func keepDirectories(
        _ held: inout HeldFiles, besides changes: [NodeChange]
    ) throws(Errno) {
        let changed = Set(changes.map(\.path)).union(changes.compactMap(\.difference.oldPath))
        for (path, number) in try held.directories(former) where !changed.contains(path) {
            guard let status = try status(inBase: path), status.type == .directory else { continue }
            let place = BasePlace(path: path)
            guard let above = try directory(place.directory),
                basePaths[above] == place.directory else { continue }
            try setBaseDirectory(number, at: path, status)
            plan.setEntry(
                FileName(trusted: place.name), in: above, Entry(inode: number, type: .directory))
        }
    }

    /// Keeps the rows of files without changes that are in use, or whose times the workspace has set.
    mutating func keepFiles(_ held: inout HeldFiles) throws(Errno) {
        for (place, entry) in former where entry.type != .directory {
            guard case .some(nil) = plan.delta.inodes[entry.inode], let row = try tree.row(entry.inode),
                row.links == 1, let path = try held.path(of: place),
                let status = try status(inBase: path), status.type == row.type else { continue }
            let isTouched = row.flags.contains(.hasOrigin) && !row.flags.contains(.hasLog)
            if isTouched {
                guard try newPlace(of: entry.inode)?.path == path, row.mode == status.mode,
                    row.user == status.user, row.group == status.group,
                    try tree.xattrs(of: entry.inode).isEmpty else { continue }
            } else {
                guard try held.isUnchanged(row, at: path, status) else { continue }
                // The file that it was before it was edited may be elsewhere in the base by now.
                if let origin = try tree.knownOrigin(entry.inode),
                    let other = try tree.base.path(of: origin.path, in: target), other != path { continue }
            }
            let above = BasePlace(path: path).directory
            guard let directory = try directory(above), basePaths[directory] == above,
                planned(place.name, in: directory) == nil else { continue }
            try keep(entry.inode)
            try setName(place.name, in: directory, entry)
        }
    }

    // MARK: The end

    /// Sets the numbers of links, and takes away the extended attributes of what has no row any more.
    mutating func finish() throws(Errno) {
        for (number, item) in covered {
            let own = counts.removeValue(forKey: number) ?? 0
            let links = Int64(item.status.links) - Int64(item.count) + Int64(own)
            try setLinks(of: number, to: links, item.path, item.status)
        }
        for (number, count) in counts {
            var others: UInt32 = 0
            if let (path, status) = try newPlace(of: number, isChanged: true),
                try tree.number(of: status, at: place(path)) == number {
                others = status.links
            }
            try setLinks(of: number, to: Int64(count) + Int64(others))
        }
        for number in Set(plan.delta.inodes.keys) where !keepsXattrs.contains(number) {
            for name in try tree.xattrs(of: number).keys { plan.setXattr(name, of: number, nil) }
        }
        try renewOrigins()
    }

    /// Files that become the base's again keep their numbers as long as their origins fit.
    private mutating func renewOrigins() throws(Errno) {
        for case (let number, nil) in plan.delta.inodes where tree.identity.touched.contains(number) {
            guard let (path, status) = try newPlace(of: number), var origin = try tree.knownOrigin(number),
                !origin.fits(status) else { continue }
            origin.path = EpochPath.below(top, path)
            origin.changeTime = status.changeTime
            origin.isPinned = false
            plan.setOrigin(number, origin)
        }
    }

    /// Sets the number of names of a file. A file of the base that has others than there gets a row.
    private mutating func setLinks(
        of number: InodeNumber, to links: Int64, _ path: [UInt8]? = nil, _ status: FileStatus? = nil
    ) throws(Errno) {
        guard links > 0 else { return }
        if try plan.row(number) == nil, let path, let status {
            if links == status.links { return }
            // A file without edits of which no change tells shows the new state.
            let isUnchanged = try tree.row(number).map(Self.followsBase) ?? true
            if !isUnchanged { try keep(number) }
            if try plan.row(number) == nil {
                plan.setOrigin(number, tree.baseFiles.makeOrigin(at: place(path), status, kept: []))
                var record = InodeRecord(number: number, status: status)
                record.flags = record.type == .regular ? [.hasOrigin, .followsBase] : .hasOrigin
                record.changeTime = plan.stamp.time
                plan.setRow(number, record)
            }
        }
        guard var record = try plan.row(number) else { return }
        record.links = UInt32(clamping: links)
        plan.setRow(number, record)
    }
}

extension Origin {
    /// Whether a file of the same inode has the content that is recorded, as far as its times tell.
    fileprivate func hasContent(of status: FileStatus) -> Bool {
        status.type != .regular || size == status.size && modificationTime == status.modificationTime
    }
}
