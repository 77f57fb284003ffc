// InodeNumbering: how inode numbers are made, so that they are stable across edits, remounts and
// rollbacks, and unique across the workspaces of a store.
//
// bits 63..48 workspace id | bit 47: 0 a base inode, 1 a number given out by the overlay
// base inode: bits 46..40 device index, bits 39..0 its own number
// A base inode that does not fit, or whose number was used again, gets an alias: a given-out number
// that is recorded for it.

internal import Platform
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

    /// For a root whose own number does not fit.
    package var fixedRoot: InodeNumber { givenOut(0) }

    package static func workspace(of number: InodeNumber) -> UInt16 { UInt16(number >> 48) }
}

extension Tree {
    /// The number of a base inode.
    func number(of status: FileStatus, at place: BasePlace) throws(Errno) -> InodeNumber {
        let device = try deviceIndex(status, at: place)
        let key = AliasKey(device: device, inode: status.inode, birthTime: status.birthTime)
        if !aliases.isEmpty, let known = aliases[key] { return known }
        if let natural = numbers.natural(device: device, inode: status.inode) {
            if !touched.contains(natural) { return natural }
            // A touched inode of that number: the same file, unless the base's file system has
            // given the number out again.
            if let origin = try knownOrigin(natural), origin.birthTime == status.birthTime,
                (origin.mode ^ status.mode) >> 12 == 0, try isAlive(natural) { return natural }
        } else if place.name.isEmpty {
            return numbers.fixedRoot
        }
        let number = try nextNumber()
        var transaction = begin(.touch, Stamp(time: clock.realtime(), pid: 0, uid: 0))
        transaction.changes.append(
            .alias(number, device: device, inode: status.inode, birthTime: status.birthTime))
        try commit(&transaction)
        return number
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
    func nextNumber() throws(Errno) -> InodeNumber {
        guard lastNumber < InodeNumbering.lastGivenOut else { throw .noSpace }
        lastNumber += 1
        return numbers.givenOut(lastNumber)
    }

    /// 0 for the root's device, else a small number recorded when the device is first met.
    private func deviceIndex(_ status: FileStatus, at place: BasePlace) throws(Errno) -> UInt32 {
        if status.device == base.rootStatus.device { return 0 }
        if let known = deviceIndexes[status.device] { return known }
        // The first free one: the last that is taken may be the last that there is.
        var index: UInt32 = 1
        while devices[index] != nil { index += 1 }
        var transaction = begin(.touch, Stamp(time: clock.realtime(), pid: 0, uid: 0))
        transaction.changes.append(.device(index, path: place.path))
        try commit(&transaction)
        deviceIndexes[status.device] = index
        return index
    }

    /// Finds the devices again that were met before: their numbers change with each boot.
    func findDevices() {
        for (index, path) in devices {
            if let status = try? base.status(BasePlace(path: path)),
                status.device != base.rootStatus.device {
                deviceIndexes[status.device] = index
            }
        }
    }
}
