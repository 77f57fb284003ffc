// SeenState: which state of the base a workspace sees: the one to which the origin of its root leads. A
// refresh records another origin, and a rollback the former one.

package import Platform
package import Storage

package struct SeenState {
    let tree: Tree

    /// Takes over the origin of a file in memory that leads to another state of the base than before.
    func note(_ origin: Origin?, of number: InodeNumber) {
        guard let origin, let inode = tree.inodes[number], let place = inode.place,
            inode.isPersistent || number == tree.rootNumber, place.top != EpochPath.top(origin.path)
        else { return }
        if number == tree.rootNumber { return show(EpochPath.top(origin.path)) }
        inode.move(to: BasePlace(path: origin.path))
        tree.caches.dropListing(of: number)
    }

    /// Lets the root show another state of the base.
    func show(_ top: [UInt8]) {
        tree.base.show(top)
        tree.inodes[tree.rootNumber]?.move(to: BasePlace(path: top))
        tree.caches.dropListings()
    }

    /// Gives the inodes in memory their places in the state of the base that the workspace sees now. Files
    /// that are not there any more lose their names; what is open can still be read.
    package func placeAgain() {
        for inode in tree.inodes.values where inode.number != tree.rootNumber {
            if inode.isPersistent { movePersistent(inode) } else { moveUntouched(inode) }
        }
    }

    private func movePersistent(_ inode: Inode) {
        var place: BasePlace?
        if inode.record.flags.contains(.hasOrigin) {
            guard let path = (try? tree.knownOrigin(inode.number)).flatMap({ $0 })?.path else { return }
            place = BasePlace(path: path)
        }
        if inode.place == place { return }
        inode.move(to: place)
        tree.caches.dropListing(of: inode.number)
    }

    private func moveUntouched(_ inode: Inode) {
        guard let old = inode.place, old.top != tree.base.top else { return }
        tree.caches.dropNames(of: inode.number)
        // What cannot be found is found by its next look-up.
        guard let path = (try? tree.base.pathSeen(old.path)).flatMap({ $0 }) else {
            inode.record.links = 0
            return
        }
        let place = BasePlace(path: path)
        guard let status = try? tree.base.status(place), status.type == inode.type,
            (try? tree.number(of: status, at: place, isPast: true)) == inode.number,
            (try? tree.isShown(place)) == true
        else {
            inode.record.links = 0
            return
        }
        tree.base.forget(place)
        tree.revive(inode, InodeRecord(number: inode.number, status: status), at: place)
    }

    /// Returns whether a name leads to an inode.
    package func leads(_ name: FileName, in parent: InodeNumber, to number: InodeNumber) -> Bool {
        guard let directory = try? tree.directory(parent),
            let child = (try? tree.child(name, of: directory)).flatMap({ $0 }) else { return false }
        return child.number == number
    }

    /// Returns the numbers that a base inode has in the records: its alias and its own. It may have got the
    /// alias after the moment in question.
    /// - Parameter origin: what is known of the base file of a number at the moment.
    package func recordedNumbers(
        of status: FileStatus, at place: BasePlace, origin: (InodeNumber) throws(Errno) -> Origin?
    ) throws(Errno) -> [InodeNumber] {
        if place.isRoot { return [tree.rootNumber] }
        let device = tree.deviceIndex(status, at: place)
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        let natural = tree.numbers.natural(device: device, inode: status.inode)
        var found: [InodeNumber] = []
        for case let number? in [tree.identity.alias(key), natural] {
            if let origin = try origin(number), origin.isSameFile(status, at: place) { found.append(number) }
        }
        return found
    }
}
