// PathFinder: finds the names of an inode, now or at an earlier moment. It starts at one moment and can be
// taken further back, change by change. All its queries go to one tree under its lock.
// Invariant: `entries` gives the meaning of each name at its moment where that differs from the tree.
//
// A tree may be deeper than any path that a system call takes. So the paths have a bound, and the paths of
// directories are cached, so that each costs only its last step.

internal import Overlay
internal import Platform
internal import Storage

struct PathFinder: Sendable {
    private var entries: [NamePlace: Entry?] = [:]
    /// Names that lead, or led at a later moment, to an inode; all of them are in `entries`.
    private var holders: [InodeNumber: Set<NamePlace>] = [:]
    /// The names of an inode in the database; queried once.
    private var stored: [InodeNumber: [NamePlace]] = [:]
    private var baseDirectories: [[UInt8]: InodeNumber] = [:]
    /// Inodes with a row by their path in the base; made when an inode without a row is met.
    private var held: [[UInt8]: (number: InodeNumber, type: FileType)]?
    /// Base paths of inodes for which this tree has no origin.
    private var hints: [InodeNumber: [UInt8]] = [:]
    /// Base paths at the moment, of inodes that have others now.
    private var earlier: [InodeNumber: [UInt8]] = [:]
    /// The last change of the tree that is taken into account.
    private var end: UInt64
    /// Cached results for directories at this moment: paths, directories without one, and the name of each.
    private var known: [InodeNumber: FoundPath] = [:]
    private var lost: Set<InodeNumber> = []
    private var firstPlaces: [InodeNumber: NamePlace] = [:]
    /// The approximate number of bytes of the paths in `known`.
    private var knownBytes = 0
    private static let mostKnownBytes = 32 << 20
    /// The number of bytes up to which a path is given whole.
    private let longest: Int

    /// The longest path that a system call takes, in bytes.
    static let longestPath = 4_095

    /// - Parameters:
    ///   - delta: the differences at the moment; empty for the present.
    ///   - longest: the number of bytes up to which paths are whole, if more are needed.
    init(_ tree: Tree, _ delta: TreeDelta = TreeDelta(), longest: Int = 0) {
        self.longest = max(longest, Self.longestPath)
        end = tree.sequence.last
        for batch in tree.pending.batches {
            for (parent, names) in batch.entries {
                for (name, entry) in names { set(NamePlace(parent: parent, name: name), entry) }
            }
        }
        set(delta)
        earlier = delta.origins.mapValues(\.path)
        // Without a row it shows the base that the workspace began with.
        if case .some(nil) = delta.inodes[tree.rootNumber] { earlier[tree.rootNumber] = [] }
    }

    private mutating func set(_ delta: TreeDelta) {
        for (parent, names) in delta.entries {
            for (name, entry) in names { set(NamePlace(parent: parent, name: name), entry) }
        }
    }

    /// Sets the meaning of a name at the moment.
    private mutating func set(_ place: NamePlace, _ entry: Entry?) {
        entries[place] = .some(entry)
        if let entry, !entry.isWhiteout { holders[entry.inode, default: []].insert(place) }
    }

    /// Goes back over a change: names become what they were before it.
    mutating func takeBack(_ event: ChangeEvent) {
        for name in event.names.reversed() { set(name.place, name.before) }
        // The number of a base file that shows through where a rollback removed a name is not known.
        if event.isMany { return forgetPaths() }
        let entries = event.names.flatMap { [$0.before, $0.after] }.compactMap { $0 }
            .filter { $0.type == .directory }
        if entries.isEmpty { return }
        // A directory that was just made, or is about to be removed, is empty: no other path depends on it.
        guard event.operation == "mkdir" || event.operation == "rmdir" else { return forgetPaths() }
        for entry in entries {
            known[entry.inode] = nil
            lost.remove(entry.inode)
            firstPlaces[entry.inode] = nil
        }
    }

    private mutating func forgetPaths() {
        known = [:]
        knownBytes = 0
        lost = []
        firstPlaces = [:]
    }

    /// Records the path of a file in the base, if the tree does not know it.
    mutating func hint(_ number: InodeNumber, _ path: [UInt8]) {
        guard hints[number] == nil else { return }
        hints[number] = path
        // This path may be what was missing.
        if !lost.isEmpty { lost = [] }
    }

    /// Takes in changes of the tree since the last query; the moment stays the same.
    mutating func catchUp(_ tree: Tree) throws(Errno) {
        let last = tree.sequence.last
        guard last > end else { return }
        forgetPaths()
        held = nil
        let newer = try TreeDelta(after: end, in: tree)
        for (parent, names) in newer.entries {
            for (name, entry) in names {
                let place = NamePlace(parent: parent, name: name)
                if entries[place] == nil { set(place, entry) }
            }
        }
        end = last
    }

    /// Returns the workspace's entry for a name at the moment.
    func entry(_ place: NamePlace, _ tree: Tree) throws(Errno) -> Entry? {
        if let known = entries[place] { return known }
        return try tree.entry(place.name, in: place.parent)
    }

    /// Returns all names of an inode that the workspace has entries for, in a stable order.
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
                ? $0.parent < $1.parent : $0.name < $1.name
        }
    }

    /// Returns the place where a base file without an entry shows through.
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
        guard let path = try basePath(of: number, tree) else { return nil }
        let place = BasePlace(path: path)
        // Another state of the base shows through nowhere.
        guard !place.isRoot, try place.top == basePath(of: tree.rootNumber, tree) ?? [],
            let parent = try directory(place.directory, tree) else { return nil }
        let name = NamePlace(parent: parent, name: FileName(trusted: place.name))
        guard try entry(name, tree) == nil else { return nil }
        // A copy has the origin of its source, but not a name of it.
        if let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            try self.number(of: status, at: place, tree, areFilesHeld: true) != number { return nil }
        return name
    }

    func basePath(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        if let known = earlier[number] { return known }
        if number == tree.rootNumber { return tree.base.top }
        if let known = hints[number] { return known }
        if let origin = try tree.knownOrigin(number) { return origin.path }
        return tree.inodes[number]?.place?.path
    }

    /// Returns the number of a directory of the base.
    private mutating func directory(
        _ path: [UInt8], _ tree: Tree
    ) throws(Errno) -> InodeNumber? {
        let place = BasePlace(path: path)
        if place.isRoot { return tree.rootNumber }
        if let known = baseDirectories[path] { return known }
        guard let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .directory
        else { return nil }
        let number = try number(of: status, at: place, tree, areFilesHeld: false)
        baseDirectories[path] = number
        hint(number, path)
        return number
    }

    /// Returns the workspace's number for what is at a place of the base. A directory that has a row is the
    /// same, whichever inode it has now: a base that was recreated has other inodes.
    /// - Parameter areFilesHeld: the same holds for files, for callers that follow what became of them.
    mutating func number(
        of status: FileStatus, at place: BasePlace, _ tree: Tree, areFilesHeld: Bool
    ) throws(Errno) -> InodeNumber {
        let number = try tree.number(of: status, at: place, isPast: true)
        let isHeld = status.type == .directory || areFilesHeld && status.type == .regular
        guard isHeld, !tree.identity.touched.contains(number) else { return number }
        if held == nil {
            var found: [[UInt8]: (number: InodeNumber, type: FileType)] = [:]
            for number in tree.identity.touched.all {
                guard let origin = try tree.knownOrigin(number) else { continue }
                // Of several copies, which have the same place, it is the first.
                if let other = found[origin.path], other.number < number { continue }
                found[origin.path] = (number, FileType(mode: origin.mode))
            }
            held = found
        }
        guard let known = held?[place.path], known.type == status.type else { return number }
        return known.number
    }

    // MARK: Paths

    /// Returns the path of an inode, one of them if it has several names; nil if no name leads to it.
    mutating func path(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        try find(number, tree)?.bytes
    }

    mutating func find(_ number: InodeNumber, _ tree: Tree) throws(Errno) -> FoundPath? {
        var chain: [(number: InodeNumber, name: FileName)] = []
        var at = number
        var loop = LoopGuard()
        var found: FoundPath?
        while found == nil {
            if at == tree.rootNumber {
                found = FoundPath()
            } else if let known = known[at] {
                found = known
            } else if !lost.contains(at), !loop.closes(with: at),
                let place = try firstPlace(of: at, keeps: !chain.isEmpty, tree) {
                chain.append((at, place.name))
                at = place.parent
            } else {
                // All but the first are directories.
                lost.formUnion(chain.dropFirst().map(\.number))
                if !chain.isEmpty { lost.insert(at) }
                return nil
            }
        }
        guard var path = found else { return nil }
        for (index, item) in chain.enumerated().reversed() {
            path.append(item.name, atMost: longest)
            if index > 0 { keep(path, of: item.number) }
        }
        return path
    }

    private mutating func keep(_ path: FoundPath, of number: InodeNumber) {
        // All paths that are cut share one array.
        if !path.isCut { knownBytes += path.bytes.count }
        if knownBytes > Self.mostKnownBytes {
            known = [:]
            knownBytes = 0
        }
        known[number] = path
    }

    private mutating func firstPlace(
        of number: InodeNumber, keeps: Bool, _ tree: Tree
    ) throws(Errno) -> NamePlace? {
        if let known = firstPlaces[number] { return known }
        let place = try places(of: number, tree).first
        if keeps, let place { firstPlaces[number] = place }
        return place
    }

    /// Returns the path of a name, whether or not it leads anywhere.
    mutating func find(_ place: NamePlace, _ tree: Tree) throws(Errno) -> FoundPath? {
        var path = try find(place.parent, tree)
        path?.append(place.name, atMost: longest)
        return path
    }

    /// Returns every path of an inode that the workspace has entries for.
    mutating func paths(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [FoundPath] {
        if number == tree.rootNumber { return [FoundPath()] }
        var found: [FoundPath] = []
        for place in try places(of: number, tree) {
            if let path = try find(place, tree) { found.append(path) }
        }
        return found
    }
}

/// A path; in place of one that is too long, the nearest directory above it whose path is short enough.
struct FoundPath: Sendable {
    var bytes: [UInt8] = []
    var isCut = false

    init() {}

    /// Makes a path from the whole one.
    init(cutting path: [UInt8]) {
        bytes = path
        guard path.count > PathFinder.longestPath else { return }
        let end = path[...PathFinder.longestPath].lastIndex(of: 0x2f) ?? 0
        bytes = Array(path[..<end])
        isCut = true
    }

    mutating func append(_ name: FileName, atMost longest: Int) {
        if isCut { return }
        guard bytes.count + 1 + name.bytes.count <= longest else {
            isCut = true
            return
        }
        if !bytes.isEmpty { bytes.append(0x2f) }
        bytes += name.bytes
    }
}

/// Detects a loop in a walk from directory to directory, which only a damaged store has. It compares with
/// the numbers 1, 2, 4, 8… steps back (Brent).
struct LoopGuard {
    private var mark: InodeNumber?
    private var steps = 0
    private var limit = 1

    mutating func closes(with number: InodeNumber) -> Bool {
        if mark == number { return true }
        steps += 1
        if steps == limit {
            mark = number
            steps = 0
            limit = limit.multiplied(clamping: 2)
        }
        return false
    }
}
