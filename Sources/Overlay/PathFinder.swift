// PathFinder: which names lead to an inode, now or at an earlier moment. It starts at one moment and
// can be taken further back, change by change. All its questions go to one tree under its lock.
// Invariant: `entries` says what each name meant at its moment where that is not what the tree says.

internal import Platform
internal import Storage

/// A name in a directory.
struct NamePlace: Hashable, Sendable {
    var parent: InodeNumber
    var name: FileName
}

struct PathFinder: Sendable {
    private var entries: [NamePlace: Entry?] = [:]
    /// Names that lead, or led at a later moment, to an inode; all of them are in `entries`.
    private var holders: [InodeNumber: Set<NamePlace>] = [:]
    /// What the database says of an inode's names; asked once.
    private var stored: [InodeNumber: [NamePlace]] = [:]
    private var baseDirectories: [[UInt8]: InodeNumber] = [:]
    /// Base paths of inodes for which this tree has no origin.
    var hints: [InodeNumber: [UInt8]] = [:]
    /// The last change of the tree that is taken into account.
    private var end: UInt64

    /// Directories above a file, at most: a damaged store may hold a loop.
    private static let deepest = 100_000

    /// - Parameter past: what was different at the moment; nil for the present.
    init(_ tree: Tree, _ past: PastValues? = nil) {
        end = tree.sequence.last
        for batch in [tree.flushing, tree.dirty] {
            for (parent, names) in batch.entries {
                for (name, entry) in names { set(NamePlace(parent: parent, name: name), entry) }
            }
        }
        if let past { set(past) }
    }

    private mutating func set(_ past: PastValues) {
        for (parent, names) in past.entries {
            for (name, entry) in names { set(NamePlace(parent: parent, name: name), entry) }
        }
    }

    /// Says what a name meant at the moment.
    mutating func set(_ place: NamePlace, _ entry: Entry?) {
        entries[place] = .some(entry)
        if let entry, !entry.isWhiteout { holders[entry.inode, default: []].insert(place) }
    }

    /// Takes note of what the tree has changed since it was asked last: the moment stays the same.
    mutating func catchUp(_ tree: Tree) throws(Errno) {
        let last = tree.sequence.last
        guard last > end else { return }
        let newer = try tree.past(after: end)
        for (parent, names) in newer.entries {
            for (name, entry) in names {
                let place = NamePlace(parent: parent, name: name)
                if entries[place] == nil { set(place, entry) }
            }
        }
        end = last
    }

    /// What the overlay said of a name at the moment.
    func entry(_ place: NamePlace, _ tree: Tree) throws(Errno) -> Entry? {
        if let known = entries[place] { return known }
        return try tree.entry(place.name, in: place.parent)
    }

    /// All names that the overlay knows of an inode, in a stable order.
    mutating func places(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [NamePlace] {
        var found: [NamePlace]
        if let known = stored[number] {
            found = known
        } else {
            found = try tree.read { (reader) throws(StorageError) in
                try reader.names(of: number).map { NamePlace(parent: $0.parent, name: $0.name) }
            }
            stored[number] = found
        }
        found.removeAll { entries[$0] != nil }
        for place in holders[number] ?? [] where entries[place]??.inode == number {
            found.append(place)
        }
        if found.isEmpty, let shown = try basePlace(of: number, tree) { found = [shown] }
        return found.sorted {
            $0.name == $1.name
                ? $0.parent < $1.parent : $0.name.bytes.lexicographicallyPrecedes($1.name.bytes)
        }
    }

    /// Where a base file shows through that no entry leads to.
    private mutating func basePlace(
        of number: InodeNumber, _ tree: Tree
    ) throws(Errno) -> NamePlace? {
        // A base file with several names may have been found by another one than at first.
        if let inode = tree.inodes[number], inode.place != nil, let name = inode.name {
            let place = NamePlace(parent: inode.parent, name: name)
            if try entry(place, tree) == nil, let path = try basePath(of: inode.parent, tree),
                let status = try tree.base.status(ifPresent: name.bytes, in: path),
                try tree.number(
                    of: status, at: BasePlace(directory: path, name: name.bytes), isPast: true)
                    == number { return place }
        }
        guard let path = try basePath(of: number, tree), !path.isEmpty else { return nil }
        let place = BasePlace(path: path)
        guard let parent = try directory(place.directory, tree) else { return nil }
        let name = NamePlace(parent: parent, name: FileName(trusted: place.name))
        return try entry(name, tree) == nil ? name : nil
    }

    func basePath(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        if number == tree.rootNumber { return [] }
        if let known = hints[number] { return known }
        if let origin = try tree.knownOrigin(number) { return origin.path }
        return tree.inodes[number]?.place?.path
    }

    /// The number of a directory of the base.
    private mutating func directory(
        _ path: [UInt8], _ tree: Tree
    ) throws(Errno) -> InodeNumber? {
        if path.isEmpty { return tree.rootNumber }
        if let known = baseDirectories[path] { return known }
        let place = BasePlace(path: path)
        guard let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .directory
        else { return nil }
        let number = try tree.number(of: status, at: place, isPast: true)
        baseDirectories[path] = number
        if hints[number] == nil { hints[number] = path }
        return number
    }

    /// The path of an inode, one of them if it has several names; nil where none leads to it.
    mutating func path(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        var parts: [[UInt8]] = []
        var number = number
        while parts.count < Self.deepest {
            if number == tree.rootNumber { return Array(parts.reversed().joined(separator: [0x2f])) }
            guard let place = try places(of: number, tree).first else { return nil }
            parts.append(place.name.bytes)
            number = place.parent
        }
        return nil
    }

    /// The path of a name, whether or not it leads anywhere.
    mutating func path(of place: NamePlace, _ tree: Tree) throws(Errno) -> [UInt8]? {
        guard let directory = try path(of: place.parent, tree) else { return nil }
        return directory.isEmpty ? place.name.bytes : directory + [0x2f] + place.name.bytes
    }

    /// Every path of an inode that the overlay knows.
    mutating func paths(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [[UInt8]] {
        if number == tree.rootNumber { return [[]] }
        var found: [[UInt8]] = []
        for place in try places(of: number, tree) {
            if let path = try path(of: place, tree) { found.append(path) }
        }
        return found
    }
}
