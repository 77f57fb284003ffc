// Mends the tree after a recovery that met a filler in the tree log. Edit logs without a row get one. Names
// that lead to inodes whose making was lost are removed. Inodes whose names were lost get a name in the
// root. Links are counted again. Each of these is an event.
//
// The values after later changes are complete, so a replay of them gives the right rows whatever the lost
// changes did. Only keys that no later change mentions are missing.

internal import Platform
internal import Storage

extension Recovery {
    /// Mends what lost changes left.
    /// - Parameter looksForLogs: the filler comes after the database's position. Otherwise the database
    ///   knows all files, and a log without a row belongs to a file that was removed.
    package func closeGaps(looksForLogs: Bool) {
        let stamp = Stamp(time: workspace.clock.realtime(), pid: 0, uid: 0)
        if looksForLogs {
            closeOrphanLogs(stamp)
            // The queries below go to the database, so it must know all names and inodes.
            workspace.maintenance.checkpoint()
        }
        workspace.withTreeSafely { tree in
            do throws(StorageError) {
                try tree.recovery.dropDanglingEntries(stamp)
                try tree.recovery.nameOrphans(stamp)
            } catch {
                workspace.events.post(.error, "\(error)")
            }
        }
        // The links are counted in the database, so it must know the new names.
        workspace.maintenance.checkpoint()
        workspace.withTreeSafely { tree in
            do throws(StorageError) {
                try tree.recovery.countLinks(stamp)
            } catch {
                workspace.events.post(.error, "\(error)")
            }
        }
        workspace.maintenance.checkpoint()
    }
}

/// The part of recovery that mends the tree.
package struct TreeRecovery: Sendable {
    let tree: Tree
}

extension TreeRecovery {
    /// The number of faults handled at once; a tree log with more lost names is not expected.
    private static var mostAtOnce: Int { 10_000 }

    fileprivate func dropDanglingEntries(_ stamp: Stamp) throws(StorageError) {
        var found: [(parent: InodeNumber, name: [UInt8], inode: InodeNumber)] = []
        try tree.rows.top.visitDanglingEntries { (parent, name, inode) throws(StorageError) in
            // A layer may have the inode.
            if tree.rows.lower != nil, try tree.rows.inode(inode).map({ $0.links > 0 }) == true { return }
            if found.count < Self.mostAtOnce { found.append((parent, name, inode)) }
        }
        for (parent, bytes, number) in found {
            guard let name = try? FileName(bytes) else { continue }
            var transaction = tree.begin(.unlink, stamp)
            do throws(Errno) {
                let directory = try tree.directory(parent)
                try tree.setEntry(
                    name, of: directory, to: tree.emptyEntry(name, of: directory), in: &transaction)
                try tree.commit(&transaction)
                tree.events.post(
                    .error, "the name \(name) in directory \(parent) led to inode \(number), whose "
                        + "creation was lost; the name was removed")
            } catch {
                tree.events.post(.error, "cannot remove the name \(name) in directory \(parent): \(error)")
            }
        }
    }

    fileprivate func nameOrphans(_ stamp: Stamp) throws(StorageError) {
        var found: [(inode: InodeNumber, type: FileType)] = []
        try tree.rows.top.visitOrphans { (number, type) throws(StorageError) in
            guard found.count < Self.mostAtOnce, number != tree.rootNumber,
                let type = FileType(rawValue: type) else { return }
            if tree.rows.lower != nil, try !tree.rows.names(of: number).isEmpty { return }
            found.append((number, type))
        }
        for (number, type) in found {
            let text = "recovered-" + String(number & 0xffff_ffff_ffff, radix: 16)
            guard let name = try? FileName(text) else { continue }
            var transaction = tree.begin(.link, stamp)
            do throws(Errno) {
                let root = try tree.directory(tree.rootNumber)
                guard try tree.child(name, of: root) == nil else { continue }
                try tree.update(root, in: &transaction) { $0.changeTime = stamp.time }
                try tree.setEntry(name, of: root, to: Entry(inode: number, type: type), in: &transaction)
                try tree.commit(&transaction)
                tree.events.post(
                    .error, "the name of inode \(number) was lost; its name is now \(text) in the root")
            } catch {
                tree.events.post(.error, "cannot give inode \(number) a name: \(error)")
            }
        }
    }

    fileprivate func countLinks(_ stamp: Stamp) throws(StorageError) {
        var found: [TreeDatabase.LinkFault] = []
        // The names of a layer count too, and the query does not know them.
        if tree.rows.lower != nil { return }
        try tree.rows.top.visitLinkFaults { (fault) throws(StorageError) in
            if found.count < Self.mostAtOnce { found.append(fault) }
        }
        for fault in found {
            guard let links = fault.right, links > 0 else { continue }
            var transaction = tree.begin(.setAttributes, stamp)
            do throws(Errno) {
                let inode = try tree.inode(fault.inode)
                transaction.update(inode) { $0.links = links }
                try tree.commit(&transaction)
                tree.events.post(
                    .error, "the link count of inode \(fault.inode) was \(fault.links) and is now \(links)")
            } catch {
                tree.events.post(
                    .error, "cannot correct the link count \(fault.links) of inode \(fault.inode): \(error)")
            }
        }
    }
}
