// BaseRefresh: makes changes of the base by other processes visible in files that the workspace has not
// touched. It compares each untouched file in memory with the base, and returns what the kernel must drop.

package import Platform
package import Storage

/// A change of the base.
package struct BaseChange: Hashable, Sendable {
    /// The path of the directory below the base's root.
    package var directory: [UInt8]
    /// The name in it that changed. Empty if only the directory is known.
    package var name: [UInt8]
    /// Whether the name was added or removed. Otherwise the file behind it changed.
    package var isName: Bool

    package init(directory: [UInt8], name: [UInt8], isName: Bool = false) {
        self.directory = directory
        self.name = name
        self.isName = isName
    }
}

extension WorkspaceBaseFiles {
    private static let batch = 128

    /// Makes changes of the base visible.
    /// - Parameter told: The changes. Nil if anything may have changed.
    /// - Returns: The kernel's caches that are stale. They do not include cached missing names: the mount
    ///   knows which of these it told the kernel.
    package func refresh(_ told: Set<BaseChange>? = nil) -> StaleCaches {
        // The workspace may have what changed at another path.
        var changes = workspace.base.hasMovedPaths ? nil : told
        let top = workspace.base.top
        if !top.isEmpty, let plain = changes {
            changes = Set(
                plain.map {
                    BaseChange(
                        directory: EpochPath.below(top, $0.directory), name: $0.name, isName: $0.isName)
                })
        }
        if let changes {
            for change in changes {
                workspace.base.forget(BasePlace(directory: change.directory, name: change.name))
            }
        } else {
            workspace.base.forgetAll()
        }
        var stale = StaleCaches()
        let names = Dictionary(grouping: (changes ?? []).filter(\.isName), by: \.directory)
        let numbers = workspace.withTreeSafely { $0.baseFiles.refreshCandidates(changes) }
        var done = 0
        while done < numbers.count {
            let part = numbers[done..<min(done + Self.batch, numbers.count)]
            stale = workspace.withTreeSafely { [stale] tree in
                var stale = stale
                for number in part {
                    tree.baseFiles.refreshFromBase(number, &stale)
                    tree.baseFiles.addNames(names, in: number, to: &stale)
                }
                return stale
            }
            done += part.count
        }
        return stale
    }
}

extension WorkspaceBaseFiles {
    /// Returns those of `names` that have no entry in the workspace, so that the base decides.
    package func namesOfBase(
        _ names: [(parent: InodeNumber, name: FileName)]
    ) -> [(parent: InodeNumber, name: FileName)] {
        names.filter { item in
            workspace.withTreeSafely { tree in
                guard let directory = try? tree.directory(item.parent), directory.basePath != nil,
                    let index = try? tree.index(of: directory) else { return false }
                return index.entries[item.name] == nil
            }
        }
    }
}

extension BaseFiles {
    /// Returns the inodes in memory that show something of the base: untouched files, and directories.
    fileprivate func refreshCandidates(_ changes: Set<BaseChange>?) -> [InodeNumber] {
        // A directory's content changes only if names were added or removed.
        let directories = changes.map { Set($0.filter(\.isName).map(\.directory)) }
        let places = changes.map { changes in
            Set(changes.map { BaseChange(directory: $0.directory, name: $0.name) })
        }
        return tree.inodes.values.compactMap { inode in
            guard let place = inode.place, inode.record.links > 0 else { return nil }
            guard !inode.isPersistent || inode.isDirectory
                || inode.record.flags.contains(.followsBase) else { return nil }
            if let places, let directories {
                // A file with several names may have changed under another name.
                let isNamed = !inode.isDirectory && inode.record.links > 1 || places.contains(
                    BaseChange(directory: place.directory, name: place.name))
                let isDirectory = inode.basePath.map { directories.contains($0) } == true
                guard isNamed || isDirectory else { return nil }
            }
            return inode.number
        }
    }

    /// Adds names of a directory that were added to or removed from the base. The kernel may have them
    /// cached, also as missing.
    fileprivate func addNames(
        _ names: [[UInt8]: [BaseChange]], in number: InodeNumber, to stale: inout StaleCaches
    ) {
        guard let path = tree.inodes[number]?.basePath else { return }
        for change in names[path] ?? [] {
            if let name = try? FileName(change.name) { stale.entries.append((number, name)) }
        }
    }

    /// Updates one inode from the base, and notes the kernel's caches that become stale.
    fileprivate func refreshFromBase(_ number: InodeNumber, _ stale: inout StaleCaches) {
        guard let inode = tree.inodes[number], let place = inode.place else { return }
        tree.caches.dropDefaultACL(of: number)
        if inode.isPersistent, !inode.isDirectory {
            tree.base.forget(place)
            let before = inode.record
            followQuietly(inode)
            if inode.record != before { stale.inodes[number] = true }
            return
        }
        if inode.isPersistent || place.isRoot {
            // The workspace records nothing of the base's part of a touched directory: it is read again.
            tree.caches.dropListing(of: number)
            stale.inodes[number] = true
            return
        }
        let status = try? tree.base.status(ifPresent: place.name, in: place.directory)
        if let found = status.flatMap({ $0 }),
            (try? tree.number(of: found, at: place)) == number {
            let before = inode.record
            tree.refresh(inode, found, at: place)
            guard inode.record != before else { return }
            tree.caches.dropListing(of: number)
            stale.inodes[number] = true
        } else {
            // The file is gone, or its name leads to another file now.
            stale.inodes[number] = true
            if let name = inode.name, inode.parent != 0 { stale.entries.append((inode.parent, name)) }
        }
    }
}
