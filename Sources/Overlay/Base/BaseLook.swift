// BaseLook: one look at the base through the tables of the commits that a workspace does not know. A path is
// followed from the state that the workspace knows to the state of now, commit by commit: each may have moved
// it, or have kept in the store what was there.

internal import Platform
internal import Synchronization

struct BaseLook {
    let host: HostBase
    /// The commits to look through, the oldest first.
    let hidden: [EpochTable]

    /// Where a path leads to.
    private enum Target {
        case nothing
        /// In the base of now.
        case base(BasePlace)
        /// In the store, below what an epoch has kept.
        case kept(EpochTable, id: UInt64, rest: [UInt8])
        /// A directory whose names all have rows.
        case rows
    }

    private struct Found {
        var target: Target
        /// For each commit up to the one that decides: the row of the path in it, if there is one.
        var rows: [EpochRow?] = []
    }

    /// A file as it was, and where its content is.
    private struct Then {
        var target: Target
        var status: FileStatus
        /// Nil if the file still has them.
        var xattrs: [[UInt8]: [UInt8]]?
    }

    // MARK: Following a path

    private func find(_ path: [UInt8]) throws(Errno) -> Found {
        var found = Found(target: .nothing)
        var path = path
        for table in hidden {
            let row = try table.row(path)
            found.rows.append(row)
            switch try target(of: path, row, table) {
            case nil: continue
            case .base(let place)?: path = place.path
            case let target?:
                found.target = target
                return found
            }
        }
        found.target = .base(BasePlace(path: path))
        return found
    }

    /// Returns where a commit has put what was at a path; nil if it is where it was.
    private func target(
        of path: [UInt8], _ row: EpochRow?, _ table: EpochTable
    ) throws(Errno) -> Target? {
        if let row, row.place != .above { return try next(table, row, from: path, rest: []) }
        guard let (above, top, rest) = table.relocation(above: path) else { return nil }
        return try next(table, top, from: above, rest: rest)
    }

    /// Returns where a row leads to, or a path below it.
    private func next(
        _ table: EpochTable, _ first: EpochRow, from start: [UInt8], rest below: [UInt8]
    ) throws(Errno) -> Target {
        var (row, path, rest) = (first, start, below)
        while true {
            switch row.place {
            case .nothing, .above: return .nothing
            // Every name below it has a row of its own.
            case .rows: return rest.isEmpty ? .rows : .nothing
            case .kept:
                let kept = Target.kept(table, id: row.id, rest: rest)
                if !table.isApplying { return kept }
                // It is kept before it is replaced, and whole then.
                if KeptFiles(table).has(row.id) { return kept }
                return .base(BasePlace(path: Self.join(path, rest)))
            case .base(let now):
                if !table.isApplying || now == path && rest.isEmpty && !table.isBelowRelocated(path) {
                    return .base(BasePlace(path: Self.join(now, rest)))
                }
                // It is on its way: at its old path, in the commit's stage, or at its new one.
                for place in [now, path, table.stagePath("m\(row.id)")] {
                    if let there = try status(ifPresent: place), row.status?.isSameFile(there) == true {
                        return .base(BasePlace(path: Self.join(place, rest)))
                    }
                }
                // It goes with a directory above it.
                guard let (above, top, inner) = table.relocation(above: path) else { return .nothing }
                (row, path, rest) = (top, above, Self.join(inner, rest))
            }
        }
    }

    private func status(ifPresent path: [UInt8]) throws(Errno) -> FileStatus? {
        do throws(Errno) {
            return try host.status(BasePlace(path: path))
        } catch {
            if [.noEntry, .notDirectory, .loop].contains(error) { return nil }
            throw error
        }
    }

    private static func join(_ path: [UInt8], _ rest: [UInt8]) -> [UInt8] {
        rest.isEmpty ? path : BasePlace.join(path, rest)
    }

    // MARK: The file as it was

    func status(_ place: BasePlace) throws(Errno) -> FileStatus {
        hidden.isEmpty ? try host.status(place) : try then(place.path).status
    }

    /// Returns the status of a file that was opened by `file`.
    func status(of file: File, at place: BasePlace) throws(Errno) -> FileStatus {
        let now = try host.status(of: file)
        if hidden.isEmpty { return now }
        let then = try then(place.path)
        let there: FileStatus
        switch then.target {
        case .base(let place): there = try host.status(place)
        case .kept(let table, let id, let rest): there = try KeptFiles(table).status(id, rest)
        case .nothing, .rows: return now
        }
        // Another file may have taken its place since it was opened.
        return there.isUnchanged(now) ? then.status : now
    }

    /// Returns a file as it was.
    /// - Throws: ENOENT if there was nothing.
    private func then(_ path: [UInt8]) throws(Errno) -> Then {
        let found = try find(path)
        var then: Then
        switch found.target {
        case .nothing: throw .noEntry
        case .rows:
            guard let row = found.rows.last ?? nil, let status = row.status else { throw .noEntry }
            then = Then(target: .rows, status: status)
        case .base(let place): then = Then(target: found.target, status: try host.status(place))
        case .kept(let table, let id, let rest):
            then = Then(target: found.target, status: try KeptFiles(table).status(id, rest))
        }
        // From the state of now back to the one that the workspace knows.
        for (table, row) in zip(hidden, found.rows).reversed() { goBack(over: table, row, &then) }
        return then
    }

    private func goBack(over table: EpochTable, _ row: EpochRow?, _ then: inout Then) {
        let now = then.status
        let links = table.row(ofInode: now)
        if let row, let status = row.status {
            let isIt: Bool
            switch row.place {
            case .nothing: isIt = false
            case .rows: isIt = true
            // A process that had it open may have written to it after the commit.
            // Of a copy, also of a copied store, the times may be others.
            case .kept, .above:
                isIt = status.type != .regular || status.size == now.size
                    && (status.inode != now.inode || status.modificationTime == now.modificationTime)
            case .base: isIt = status.isSameFile(now)
            }
            if !isIt { return }
            then.status = status
            if let after = row.after, case .base = row.place, !after.isUnchanged(now) {
                then.status = Self.mixed(status, after, now)
            }
            then.xattrs = row.xattrs ?? then.xattrs
            // Its content may have been replaced under another name.
            if case .base = row.place, let links, isKept(links, table) {
                then.target = .kept(table, id: links.id, rest: [])
            }
        } else if let links, let status = links.status {
            if isKept(links, table) {
                then.target = .kept(table, id: links.id, rest: [])
            } else if links.place == .kept || !status.hasContent(of: now) {
                return
            }
            then.status = status
            then.xattrs = links.xattrs ?? then.xattrs
        }
    }

    /// Returns a status with what another program changed after the commit, and the rest as it was before.
    private static func mixed(
        _ before: FileStatus, _ after: FileStatus, _ now: FileStatus
    ) -> FileStatus {
        var mixed = now
        if now.mode == after.mode { mixed.mode = before.mode }
        if now.user == after.user { mixed.user = before.user }
        if now.group == after.group { mixed.group = before.group }
        if now.links == after.links { mixed.links = before.links }
        return mixed
    }

    /// Whether the content of a file with several names is in the store. It is kept before it is replaced.
    private func isKept(_ row: EpochRow, _ table: EpochTable) -> Bool {
        row.place == .kept && (!table.isApplying || KeptFiles(table).has(row.id))
    }

    // MARK: Names, content and attributes

    func list(_ path: [UInt8]) throws(Errno) -> [HostEntry] {
        if hidden.isEmpty { return try host.list(path) }
        // The path of the directory before each commit, until it is found.
        var paths: [(table: EpochTable, path: [UInt8])] = []
        var path = path
        var names: [FileName: HostEntry] = [:]
        search: do {
            for table in hidden {
                paths.append((table, path))
                switch try target(of: path, table.row(path), table) {
                case nil: continue
                case .base(let place)?: path = place.path
                case .nothing?: return []
                case .rows?: break search
                case .kept(let table, let id, let rest)?:
                    for entry in try KeptFiles(table).list(id, rest) { names[entry.name] = entry }
                    break search
                }
            }
            for entry in try host.list(path) { names[entry.name] = entry }
        }
        for (table, path) in paths.reversed() {
            for (bytes, row) in try table.children(of: path) {
                let name = FileName(trusted: bytes)
                names[name] = row.status.map { HostEntry(name: name, inode: $0.inode, type: $0.type) }
            }
        }
        return Array(names.values)
    }

    func file(_ place: BasePlace) throws(Errno) -> File {
        if hidden.isEmpty { return try host.file(place) }
        switch try then(place.path).target {
        case .nothing: throw .noEntry
        case .rows: throw .isDirectory
        case .base(let place): return try host.file(place)
        case .kept(let table, let id, let rest): return try KeptFiles(table).file(id, rest)
        }
    }

    func symlinkTarget(_ place: BasePlace) throws(Errno) -> [UInt8] {
        if hidden.isEmpty { return try host.symlinkTarget(place) }
        switch try find(place.path).target {
        case .nothing: throw .noEntry
        case .rows: throw .invalid
        case .base(let place): return try host.symlinkTarget(place)
        case .kept(let table, let id, let rest): return try KeptFiles(table).symlinkTarget(id, rest)
        }
    }

    func xattr(_ name: [UInt8], of place: BasePlace) throws(Errno) -> [UInt8] {
        if hidden.isEmpty { return try host.xattr(name, of: place) }
        let then = try then(place.path)
        if let known = then.xattrs {
            guard let value = known[name] else { throw .noData }
            return value
        }
        switch then.target {
        case .nothing: throw .noEntry
        case .rows: throw .noData
        case .base(let place): return try host.xattr(name, of: place)
        case .kept(let table, let id, let rest): return try KeptFiles(table).xattr(name, id, rest)
        }
    }

    func xattrNames(of place: BasePlace) throws(Errno) -> [[UInt8]] {
        if hidden.isEmpty { return try host.xattrNames(of: place) }
        let then = try then(place.path)
        if let known = then.xattrs { return Array(known.keys) }
        switch then.target {
        case .nothing: throw .noEntry
        case .rows: return []
        case .base(let place): return try host.xattrNames(of: place)
        case .kept(let table, let id, let rest): return try KeptFiles(table).xattrNames(id, rest)
        }
    }

    // MARK: Differences to the base of now

    func pathNow(_ path: [UInt8]) throws(Errno) -> [UInt8]? {
        if case .base(let place) = try find(path).target { return place.path }
        return nil
    }

    /// Returns where a name is in the base of now, whatever file it leads to.
    func nameNow(_ path: [UInt8]) throws(Errno) -> [UInt8] {
        var path = path
        for table in hidden {
            let row = try table.row(path)
            if case .base(let now)? = row?.place {
                path = now
            } else if let above = table.relocation(above: path), case .base(let now) = above.row.place {
                // A name that was replaced or removed goes with its directory too, unless it came out of it.
                let moved = BasePlace.join(now, above.rest)
                let isOfCommit = try table.committed(at: moved) != nil
                if row == nil || isOfCommit { path = moved }
            }
        }
        return path
    }

    /// - Parameter below: whether changes of names and files below count too.
    func isChanged(_ path: [UInt8], _ own: Set<UInt64>, below: Bool) throws(Errno) -> Bool {
        var isChanged = false
        var path: [UInt8]? = path
        for table in hidden {
            guard let known = path else { break }
            let row = try table.row(known)
            let above = row == nil ? table.relocation(above: known) : nil
            // Only names in the directory changed, and its times with them.
            let isOnlyNames = row.map { $0.place == .base(known) && $0.xattrs == nil } ?? false
            let isHere = above != nil || row != nil && !isOnlyNames
            if own.contains(table.number) {
                // What the workspace committed is what it has seen since.
                if isHere { isChanged = false }
            } else {
                if isHere { isChanged = true }
                if below {
                    if isOnlyNames { return true }
                    if try table.hasRows(below: known) { return true }
                }
            }
            switch (row?.place, above?.row.place) {
            case (.base(let now), _): path = now
            case (_, .base(let now)): path = BasePlace.join(now, above?.rest ?? [])
            case (nil, nil): break
            // The name stays, with something else.
            case (.kept, _), (.rows, _), (.nothing, _), (.above, _): break
            default: path = nil
            }
        }
        guard !isChanged, let path else { return isChanged }
        return areLinksChanged(path, own)
    }

    /// Returns whether a hidden commit changed a file under another one of its names.
    private func areLinksChanged(_ path: [UInt8], _ own: Set<UInt64>) -> Bool {
        guard hidden.contains(where: \.hasInodes), let now = try? host.status(BasePlace(path: path)),
            now.type != .directory else { return false }
        for table in hidden where !own.contains(table.number) {
            // The number of names does not count.
            if let row = table.row(ofInode: now), row.place == .kept || row.xattrs != nil { return true }
        }
        return false
    }
}
