// InodeNumbering: makes inode numbers that are stable across edits, remounts and rollbacks, and unique
// across the workspaces of a store.
//
// bits 63..48 workspace id | bit 47: 0 a base inode, 1 a number given out by the overlay
// base inode: bits 46..40 device index, bits 39..0 its own number
// A base inode that does not fit, or whose number was used again, gets an alias: a given-out number. The
// alias is in memory while the kernel knows the inode, and is recorded with the first change, so a look-up
// stores nothing. The root has a fixed number that does not depend on its inode, so a base that was
// recreated shows everything that the workspace holds.

package import Platform
package import Storage

package struct InodeNumbering: Sendable {
    package let workspace: UInt16
    private var high: UInt64 { UInt64(workspace) << 48 }
    private static let givenOut: UInt64 = 1 << 47
    private static let deviceShift: UInt64 = 40
    package static let maximumDevice: UInt32 = 127
    /// The greatest counter value for numbers that the overlay gives out.
    static let lastGivenOut: UInt64 = givenOut - 1

    package init(workspace: UInt16) { self.workspace = workspace }

    package func natural(device: UInt32, inode: UInt64) -> InodeNumber? {
        guard device <= Self.maximumDevice, inode < 1 << Self.deviceShift else { return nil }
        return high | UInt64(device) << Self.deviceShift | inode
    }

    package func givenOut(_ count: UInt64) -> InodeNumber { high | Self.givenOut | count }

    /// The number of the workspace's root.
    package var fixedRoot: InodeNumber { givenOut(0) }

    static func isGivenOut(_ number: InodeNumber) -> Bool { number & Self.givenOut != 0 }

    package static func workspace(of number: InodeNumber) -> UInt16 { UInt16(number >> 48) }
}

extension Tree {
    /// Returns the number of a base inode.
    /// - Parameter isPast: Whether a file that was touched and is gone by now keeps its natural number.
    package func number(
        of status: FileStatus, at place: BasePlace, isPast: Bool = false
    ) throws(Errno) -> InodeNumber {
        if place.isRoot { return rootNumber }
        let device = deviceIndex(status, at: place)
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        let own = numbers.natural(device: device, inode: status.inode)
        let alias = identity.alias(key)
        var hasRow = false
        if let alias, identity.touched.contains(alias) { hasRow = try isAlive(alias) }
        // The file of the record: in another state of the base it may have an alias, with or without a row.
        if let own, identity.hasOrigin(own), let origin = try knownOrigin(own),
            origin.isSameFile(status, at: place),
            try identity.touched.contains(own) ? isAlive(own)
                : origin.fits(status) && !hasRow { return own }
        if let alias, try !isTaken(alias, by: status) { return alias }
        let natural = try own.flatMap { (own) throws(Errno) in try isTaken(own, by: status) ? nil : own }
        if isPast, let natural,
            try knownOrigin(natural).map({ $0.isSameFile(status, at: place) }) ?? true {
            // Whether the inode is alive does not matter: the name led to the natural number then.
            return natural
        }
        if let known = identity.passingAliases[key] { return known }
        if let natural {
            if !identity.touched.contains(natural) { return natural }
            // The number has a row. It is the same file, unless the base's file system has reused the
            // number, or the base was recreated.
            if let origin = try knownOrigin(natural), origin.isSameFile(status, at: place),
                try isAlive(natural) { return natural }
        }
        let number = try nextNumber()
        identity.notePassing(key, number, atLeast: limits.passingAliases) { inodes[$0] != nil }
        return number
    }

    /// Returns whether a number without a row stands for another content: copies of an edited file read its
    /// former base content by its number.
    func isTaken(_ number: InodeNumber, by status: FileStatus) throws(Errno) -> Bool {
        guard identity.formerOrigins.contains(number), let origin = try knownOrigin(number) else {
            return false
        }
        return FileType(mode: origin.mode) == .regular && !origin.fits(status)
    }

    /// Adds a change that records the number of a base inode, if it is an alias.
    func recordNumber(
        _ number: InodeNumber, _ status: FileStatus, at place: BasePlace,
        in changes: inout [TreeChange]
    ) {
        let device = deviceIndex(status, at: place)
        if let path = identity.passingDevices[device] {
            let isThere = changes.contains { if case .device(device, _) = $0 { true } else { false } }
            if !isThere { changes.append(.device(device, path: path)) }
        }
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        // Records only an alias that was given to this base inode. A copy has a given-out number too, and
        // the place of the file that it was copied from.
        guard number != rootNumber, identity.passingAliases[key] == number, identity.alias(key) != number
        else { return }
        changes.append(
            .alias(number, device: device, inode: status.inode, birthTime: status.birthTime))
    }

    /// Returns whether a touched inode still has a name.
    private func isAlive(_ number: InodeNumber) throws(Errno) -> Bool {
        do throws(Errno) {
            return try inode(number).record.links > 0
        } catch {
            if error == .stale { return false }
            throw error
        }
    }

    /// Returns a new given-out number.
    /// - Throws: ENOSPC if all numbers were given out.
    package func nextNumber() throws(Errno) -> InodeNumber {
        numbers.givenOut(try inodes.nextNumber())
    }

    /// Returns 0 for the root's device, else a small index, which is recorded when a file on the device is
    /// first touched.
    func deviceIndex(_ status: FileStatus, at place: BasePlace) -> UInt32 {
        status.device == base.rootDevice
            ? 0 : identity.index(ofDevice: status.device, at: place.path)
    }
}

extension Origin {
    /// Returns whether the base file with this inode number is the recorded file, changed or not.
    func isSameFile(_ status: FileStatus, at place: BasePlace) -> Bool {
        guard (mode ^ status.mode) >> 12 == 0, birthTime == status.birthTime else { return false }
        // Without birth times, the number of a removed file may have been reused for a file with another
        // name.
        return birthTime != 0 || place.path == path || status.links > 1 && fits(status)
    }
}
