// BaseIdentity: identifies files of the base. It knows which base files have a row, the aliases of base
// inodes whose natural number cannot be used, and a small index for each device. Recorded values are in the
// database too; passing values stay in memory while the kernel knows the files. Guarded by the tree's lock.

package import Storage

package struct BaseIdentity: Sendable {
    /// The base files that have a row. It is a complete set, so the check of an untouched file needs no
    /// database query.
    package private(set) var touched: LayeredNumbers
    /// The inodes that have an origin and no row. The workspace shows the base's file again, or none, while
    /// copies may still read the former content by that number.
    private(set) var formerOrigins: LayeredNumbers
    private let workspace: UInt16
    /// The last number that the workspace's ancestors gave out. 0 if it is no fork.
    var lastInheritedNumber: UInt64 = 0
    /// The recorded aliases of base inodes, as local numbers, so that a fork can share them.
    private var localAliases: [AliasKey: UInt64] = [:]
    /// The aliases of untouched base inodes, and the count at which they are next filtered.
    package private(set) var passingAliases: [AliasKey: InodeNumber] = [:]
    private var passingBound = 0
    /// A path on each device on which a file was touched, by device index.
    private var devices: [UInt32: [UInt8]] = [:]
    /// A path on each device on which no file was touched yet, by device index.
    package private(set) var passingDevices: [UInt32: [UInt8]] = [:]
    /// The device index by `st_dev`, which may change with each boot.
    private var indexes: [UInt64: UInt32] = [:]

    /// Makes the identities of a workspace.
    /// - Parameter layer: the identities as the layer below froze them; nil over the base.
    init(of workspace: UInt16, over layer: BaseIdentity? = nil) {
        self.workspace = workspace
        touched = LayeredNumbers(of: workspace, over: layer?.touched)
        formerOrigins = LayeredNumbers(of: workspace, over: layer?.formerOrigins)
        localAliases = layer?.localAliases ?? [:]
        devices = layer?.devices ?? [:]
    }

    /// Takes the identities that a database has.
    mutating func load(_ database: TreeDatabase) throws(StorageError) {
        for number in try database.touchedInodes() { noteRow(number) }
        for case .inode(let number) in try database.removals() { noteNoRow(number) }
        for number in try database.inodesWithOrigins() { noteOrigin(number, isThere: true) }
        for (index, path) in try database.devices() { devices[index] = path }
        for (key, number) in try database.aliases() { localAliases[key] = number.local }
    }

    /// Freezes the identities, so that layers above share them.
    mutating func freeze() {
        touched.freeze()
        formerOrigins.freeze()
    }

    /// The number of keys held in memory, without those of layers.
    var count: Int {
        touched.ownCount + formerOrigins.ownCount + localAliases.count + passingAliases.count
    }
}

// MARK: Rows and origins

extension BaseIdentity {
    mutating func noteRow(_ number: InodeNumber) {
        touched.insert(number)
        formerOrigins.remove(number)
    }

    /// Notes that an inode's row is removed. Its origin stays.
    mutating func noteNoRow(_ number: InodeNumber) {
        if touched.remove(number) { formerOrigins.insert(number) }
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
    /// Returns whether a file that was not in the base was made before the workspace was forked.
    func isInherited(_ number: InodeNumber) -> Bool {
        InodeNumbering.isGivenOut(number) && number & InodeNumbering.lastGivenOut <= lastInheritedNumber
    }

    /// The recorded aliases of base inodes.
    package var aliases: [AliasKey: InodeNumber] { localAliases.mapValues { $0.moved(to: workspace) } }

    /// Returns the recorded alias of a base inode.
    func alias(_ key: AliasKey) -> InodeNumber? { localAliases[key]?.moved(to: workspace) }

    mutating func record(_ key: AliasKey, _ number: InodeNumber) {
        localAliases[key] = number.local
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
    var recordedDevices: [UInt32: [UInt8]] { devices }

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
