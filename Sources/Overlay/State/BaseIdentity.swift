// BaseIdentity: by what files of the base are known again: which have a row, what numbers stand for those
// whose own do not serve, and by what small number each device goes. What is recorded is in the database
// too; what is passing is known while the kernel knows the files. Guarded by the tree's lock.

package import Storage

package struct BaseIdentity: Sendable {
    /// Base files that have a row; a set, so that looking at an untouched file asks no database.
    package private(set) var touched: Set<InodeNumber> = []
    /// Inodes that have an origin and no row: the base file is the base's again here, or gone, while
    /// copies may read it by that number as it was.
    private(set) var formerOrigins: Set<InodeNumber> = []
    /// Numbers that were given to base files.
    package private(set) var aliases: [AliasKey: InodeNumber] = [:]
    /// Those of base inodes that nobody has touched, and how many are to be looked through.
    package private(set) var passingAliases: [AliasKey: InodeNumber] = [:]
    private var passingBound = 0
    /// A path on each device of which a file was touched, by its index.
    private var devices: [UInt32: [UInt8]] = [:]
    /// The same for those of which no file was touched.
    package private(set) var passingDevices: [UInt32: [UInt8]] = [:]
    /// By the number that the system gives a device, which changes with each boot.
    private var indexes: [UInt64: UInt32] = [:]

    init() {}

    /// As the database has it.
    init(
        touched: Set<InodeNumber>, origins: Set<InodeNumber>, devices: [UInt32: [UInt8]],
        aliases: [AliasKey: InodeNumber]
    ) {
        self.touched = touched
        formerOrigins = origins.subtracting(touched)
        self.devices = devices
        self.aliases = aliases
    }

    /// Keys that are held in memory.
    var count: Int { touched.count + formerOrigins.count + aliases.count + passingAliases.count }
}

// MARK: Rows and origins

extension BaseIdentity {
    mutating func noteRow(_ number: InodeNumber) {
        touched.insert(number)
        formerOrigins.remove(number)
    }

    /// The row of an inode goes; its origin stays.
    mutating func noteNoRow(_ number: InodeNumber) {
        if touched.remove(number) != nil { formerOrigins.insert(number) }
    }

    /// False if an inode has no origin.
    func hasOrigin(_ number: InodeNumber) -> Bool {
        touched.contains(number) || formerOrigins.contains(number)
    }

    /// Touched is what has a row; a file whose content others took has an origin only.
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

    /// Aliases that nothing is recorded for are let go when their inodes have left memory.
    mutating func notePassing(
        _ key: AliasKey, _ number: InodeNumber, atLeast most: Int, isKnown: (InodeNumber) -> Bool
    ) {
        if passingAliases.count >= passingBound { dropPassing(atLeast: most, isKnown: isKnown) }
        passingAliases[key] = number
    }

    /// Lets go of the numbers of files that nobody knows any more.
    /// - Parameter most: that may come before the next look.
    mutating func dropPassing(atLeast most: Int, isKnown: (InodeNumber) -> Bool) {
        passingAliases = passingAliases.filter { isKnown($0.value) }
        passingBound = 2 * passingAliases.count + most
    }
}

// MARK: Devices

extension BaseIdentity {
    /// A path on a device; empty for one that is not known.
    func path(ofDevice index: UInt32) -> [UInt8] { devices[index] ?? passingDevices[index] ?? [] }

    mutating func record(device index: UInt32, _ path: [UInt8]) {
        devices[index] = path
        passingDevices[index] = nil
    }

    /// The index of a device, a new one where it is met for the first time.
    mutating func index(ofDevice device: UInt64, at path: [UInt8]) -> UInt32 {
        if let known = indexes[device] { return known }
        // The first free one: the last that is taken may be the last that there is.
        var index: UInt32 = 1
        while devices[index] != nil || passingDevices[index] != nil { index += 1 }
        passingDevices[index] = path
        indexes[device] = index
        return index
    }

    /// Finds the devices again that were met before.
    /// - Parameter device: of a path; nil where there is none, or it is the root's.
    mutating func findDevices(_ device: ([UInt8]) -> UInt64?) {
        for (index, path) in devices {
            if let device = device(path) { indexes[device] = index }
        }
    }
}
