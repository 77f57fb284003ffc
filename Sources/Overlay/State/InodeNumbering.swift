// InodeNumbering: how inode numbers are made, so that they are stable across edits, remounts and
// rollbacks, and unique across the workspaces of a store.
//
// bits 63..48 workspace id | bit 47: 0 a base inode, 1 a number given out by the overlay
// base inode: bits 46..40 device index, bits 39..0 its own number
// A base inode that does not fit, or whose number was used again, gets an alias: a given-out number. It
// is in memory while the kernel knows the inode, and recorded with the first change: looking stores
// nothing. The root has one number whatever its inode is, so that a base that was made anew shows all
// that the workspace holds.

package import Platform
package import Storage

package struct InodeNumbering: Sendable {
    package let workspace: UInt16
    private var high: UInt64 { UInt64(workspace) << 48 }
    private static let givenOut: UInt64 = 1 << 47
    private static let deviceShift: UInt64 = 40
    package static let maximumDevice: UInt32 = 127
    /// Of the numbers that the overlay gives out.
    static let lastGivenOut: UInt64 = givenOut - 1

    package init(workspace: UInt16) { self.workspace = workspace }

    package func natural(device: UInt32, inode: UInt64) -> InodeNumber? {
        guard device <= Self.maximumDevice, inode < 1 << Self.deviceShift else { return nil }
        return high | UInt64(device) << Self.deviceShift | inode
    }

    package func givenOut(_ count: UInt64) -> InodeNumber { high | Self.givenOut | count }

    /// Of the root of the workspace.
    package var fixedRoot: InodeNumber { givenOut(0) }

    static func isGivenOut(_ number: InodeNumber) -> Bool { number & Self.givenOut != 0 }

    package static func workspace(of number: InodeNumber) -> UInt16 { UInt16(number >> 48) }
}

extension Tree {
    /// The number of a base inode.
    /// - Parameter isPast: the file may have been touched and be gone by now.
    package func number(
        of status: FileStatus, at place: BasePlace, isPast: Bool = false
    ) throws(Errno) -> InodeNumber {
        if place.name.isEmpty { return rootNumber }
        let device = deviceIndex(status, at: place)
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        if let known = identity.aliases[key], try !isTaken(known, by: status) { return known }
        let natural = try numbers.natural(device: device, inode: status.inode)
            .flatMap { (number) throws(Errno) in try isTaken(number, by: status) ? nil : number }
        if isPast, let natural,
            try knownOrigin(natural).map({ $0.isSameFile(status, at: place) }) ?? true {
            // Live or not: what a name led to then had the inode's own number.
            return natural
        }
        if let known = identity.passingAliases[key] { return known }
        if let natural {
            if !identity.touched.contains(natural) { return natural }
            // A touched inode of that number: the same file, unless the base's file system has
            // given the number out again, or the base was made anew.
            if let origin = try knownOrigin(natural), origin.isSameFile(status, at: place),
                try isAlive(natural) { return natural }
        }
        let number = try nextNumber()
        identity.notePassing(key, number, atLeast: limits.passingAliases) { inodes[$0] != nil }
        return number
    }

    /// Whether a number that no row has stands for another content: copies of a file that was edited read
    /// the base by its number, as it was then. With this file's identity in its place they would read this
    /// one.
    func isTaken(_ number: InodeNumber, by status: FileStatus) throws(Errno) -> Bool {
        guard identity.formerOrigins.contains(number), let origin = try knownOrigin(number) else {
            return false
        }
        return FileType(mode: origin.mode) == .regular && !origin.fits(status)
    }

    /// Has the number of a base inode recorded, if the inode alone does not say it.
    func recordNumber(
        _ number: InodeNumber, _ status: FileStatus, at place: BasePlace,
        in changes: inout [TreeChange]
    ) {
        let device = deviceIndex(status, at: place)
        if let path = identity.passingDevices[device] {
            let isThere = changes.contains {
                if case .device(device, _) = $0 { return true }
                return false
            }
            if !isThere { changes.append(.device(device, path: path)) }
        }
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        // Only a number that was given to this base inode: a copy has a given one too, and the place of
        // the file that it was made from.
        guard number != rootNumber, identity.passingAliases[key] == number,
            identity.aliases[key] != number
        else { return }
        changes.append(
            .alias(number, device: device, inode: status.inode, birthTime: status.birthTime))
    }

    /// Whether a touched inode still has a name somewhere.
    private func isAlive(_ number: InodeNumber) throws(Errno) -> Bool {
        do throws(Errno) {
            return try inode(number).record.links > 0
        } catch {
            if error == .stale { return false }
            throw error
        }
    }

    /// - Throws: ENOSPC once all are given out.
    package func nextNumber() throws(Errno) -> InodeNumber {
        numbers.givenOut(try inodes.nextNumber())
    }

    /// 0 for the root's device, else a small number, which is recorded when a file on the device is
    /// first touched.
    func deviceIndex(_ status: FileStatus, at place: BasePlace) -> UInt32 {
        status.device == base.rootStatus.device
            ? 0 : identity.index(ofDevice: status.device, at: place.path)
    }

    /// Finds the devices again that were met before: their numbers change with each boot.
    func findDevices() {
        identity.findDevices { path in
            // A path that is gone leads to no device.
            guard let status = try? base.status(BasePlace(path: path)) else { return nil }
            return status.device == base.rootStatus.device ? nil : status.device
        }
    }
}

extension Origin {
    /// Whether a base file with this inode's number is the file that it was, as it is now or changed.
    fileprivate func isSameFile(_ status: FileStatus, at place: BasePlace) -> Bool {
        guard (mode ^ status.mode) >> 12 == 0, birthTime == status.birthTime else { return false }
        // Without birth times a file of another name may have got the number of one that is gone.
        return birthTime != 0 || place.path == path || status.links > 1 && fits(status)
    }
}
