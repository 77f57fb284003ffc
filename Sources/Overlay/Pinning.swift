// Pinning: where the store's file system can share extents with the base, the content of a base
// file is kept as it was when a workspace first built on it. A later change of the base then does
// not matter. Hard links would do on more file systems, but they change the base's ctime and nlink.

internal import Platform
internal import Storage

extension Tree {
    func pinPath(_ number: InodeNumber) -> String {
        Self.pinPath(number, in: LogDirectory.workspacePath(workspace))
    }

    /// - Parameter directory: of the workspace.
    static func pinPath(_ number: InodeNumber, in directory: String) -> String {
        "\(directory)/pins/\(String(number & 0xffff_ffff_ffff, radix: 16))"
    }

    /// Keeps a reflink copy of a base file's content, if that can be had, and says so in the
    /// origin that `transaction` records.
    func pin(_ inode: Inode, in transaction: inout Transaction) throws(Errno) {
        guard canPin, let place = inode.place, inode.type == .regular else { return }
        let slot = transaction.changes.firstIndex {
            if case .origin(inode.number, _, _) = $0 { return true }
            return false
        }
        var origin: Origin
        let before: Origin?
        if let slot, case .origin(_, let known, let fresh?) = transaction.changes[slot] {
            before = known
            origin = fresh
        } else {
            guard let known = try knownOrigin(inode.number), !known.isPinned else { return }
            before = known
            origin = known
        }
        let path = pinPath(inode.number)
        do throws(Errno) {
            let file = try base.file(place)
            try logs.disk.clone(file, to: path)
            // Changed while it was copied, or before: what was cloned is not what was recorded.
            guard origin.fits(try file.status()) else {
                try logs.disk.remove(path)
                return
            }
        } catch {
            if error == .notSupported || error == .crossDevice || error == .invalid {
                canPin = false
            }
            return
        }
        origin.isPinned = true
        unsyncedPins.insert(inode.number)
        if let slot {
            transaction.changes[slot] = .origin(inode.number, before: before, after: origin)
        } else {
            transaction.changes.append(.origin(inode.number, before: before, after: origin))
        }
    }
}

/// Whether a directory's file system can share extents between files.
package enum Reflink {
    package static func works(in directory: String) -> Bool {
        var path = directory
        while true {
            if let root = try? File.open(path, flags: OpenFlags.directory) {
                return probe(HostDisk(root: root), root)
            }
            // A store that is not there yet: where it would go.
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return false }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func probe(_ disk: HostDisk, _ root: File) -> Bool {
        let name = ".draftfs-reflink-\(UInt64.random(in: 0...UInt64.max))"
        defer {
            try? disk.remove(name)
            try? disk.remove(name + ".copy")
        }
        do throws(Errno) {
            let file = try File.open(name, in: root, flags: OpenFlags.createNew)
            try file.writeBytes([UInt8](repeating: 1, count: 8192), at: 0)
            try disk.clone(file, to: name + ".copy")
            return true
        } catch {
            return false
        }
    }
}
