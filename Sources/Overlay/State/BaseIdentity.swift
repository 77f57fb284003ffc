// BaseIdentity: identifies files of the base. It knows which base files have a row, the aliases of base
// inodes whose natural number cannot be used, and a small index for each device. Recorded values are in the
// database too; passing values stay in memory while the kernel knows the files. Guarded by the tree's lock.

package import Storage

package struct BaseIdentity: Sendable {
    /// The base files that have a row. It is a complete set, so the check of an untouched file needs no
    /// database query.
    package private(set) var touched: Set<InodeNumber> = []
    /// The inodes that have an origin and no row. The workspace shows the base's file again, or none, while
    /// copies may still read the former content by that number.
    private(set) var formerOrigins: Set<InodeNumber> = []
    /// The recorded aliases of base inodes.
    package private(set) var aliases: [AliasKey: InodeNumber] = [:]
    /// The aliases of untouched base inodes, and the count at which they are next filtered.
    package private(set) var passingAliases: [AliasKey: InodeNumber] = [:]
    private var passingBound = 0
    /// A path on each device on which a file was touched, by device index.
    private var devices: [UInt32: [UInt8]] = [:]
    /// A path on each device on which no file was touched yet, by device index.
    package private(set) var passingDevices: [UInt32: [UInt8]] = [:]
    /// The device index by `st_dev`, which may change with each boot.
    private var indexes: [UInt64: UInt32] = [:]

    init() {}

    /// Makes the identities that the database has.
    init(
        touched: Set<InodeNumber>, origins: Set<InodeNumber>, devices: [UInt32: [UInt8]],
        aliases: [AliasKey: InodeNumber]
    ) {
        self.touched = touched
        formerOrigins = origins.subtracting(touched)
        self.devices = devices
        self.aliases = aliases
    }

    /// The number of keys held in memory.
    var count: Int { touched.count + formerOrigins.count + aliases.count + passingAliases.count }
}

// MARK: Rows and origins

extension BaseIdentity {
    mutating func noteRow(_ number: InodeNumber) {
        touched.insert(number)
        formerOrigins.remove(number)
    }

    /// Notes that an inode's row is removed. Its origin stays.
    mutating func noteNoRow(_ number: InodeNumber) {
        if touched.remove(number) != nil { formerOrigins.insert(number) }
    }

    /// Returns whether an inode has an origin.
    func hasOrigin(_ number: InodeNumber) -> Bool {
        touched.contains(number) || formerOrigins.contains(number)
    }

    /// Notes that an origin was recorded or removed. Only an inode with a row is touched; a file whose
    /// content other files took has an origin only.
    mutating func noteOrigin(_ number: InodeNumber, isThere: Bool) {
        if !isThere {
            formerOrigins.remove(number)
        } else if !touched.contains(number) {
            formerOrigins.insert(number)
        }
    }
}

// MARK: Numbers

extension BaseIdentity {
    mutating func record(_ key: AliasKey, _ number: InodeNumber) {
        aliases[key] = number
        passingAliases[key] = nil
    }

    /// Notes an alias that is not recorded. It is dropped after its inode has left memory.
    mutating func notePassing(
        _ key: AliasKey, _ number: InodeNumber, atLeast most: Int, isKnown: (InodeNumber) -> Bool
    ) {
        if passingAliases.count >= passingBound { dropPassing(atLeast: most, isKnown: isKnown) }
        passingAliases[key] = number
    }

    /// Drops the unrecorded aliases whose inodes are not in memory.
    /// - Parameter most: The least number of further aliases before the next filtering.
    mutating func dropPassing(atLeast most: Int, isKnown: (InodeNumber) -> Bool) {
        passingAliases = passingAliases.filter { isKnown($0.value) }
        passingBound = 2 * passingAliases.count + most
    }
}

// MARK: Devices

extension BaseIdentity {
    /// Returns a path on a device, or an empty path if the device is not known.
    func path(ofDevice index: UInt32) -> [UInt8] { devices[index] ?? passingDevices[index] ?? [] }

    mutating func record(device index: UInt32, _ path: [UInt8]) {
        devices[index] = path
        passingDevices[index] = nil
    }

    /// Returns the index of a device. A device that is met for the first time gets a new index.
    mutating func index(ofDevice device: UInt64, at path: [UInt8]) -> UInt32 {
        if let known = indexes[device] { return known }
        // Uses the first free index, not the last plus one: a device at the greatest index must not exhaust
        // them.
        var index: UInt32 = 1
        while devices[index] != nil || passingDevices[index] != nil { index += 1 }
        passingDevices[index] = path
        indexes[device] = index
        return index
    }

    /// Finds the current `st_dev` of the recorded devices.
    /// - Parameter device: Returns the device of a path, or nil if the path does not exist or is on the
    ///   root's device.
    mutating func findDevices(_ device: ([UInt8]) -> UInt64?) {
        for (index, path) in devices {
            if let device = device(path) { indexes[device] = index }
        }
    }
}
