// HistoryWalk: goes back through a workspace's changes, youngest first, and says for each which path
// it was done to. Names are taken back on the way, so that each path is that of its moment. It reads
// the journal and the headers of edit logs for the numbers asked for, and replays nothing.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

/// A change with its path.
struct Change: Sendable {
    var event: ChangeEvent
    /// The path after it; nil where no name was found.
    var path: [UInt8]?
    var oldPath: [UInt8]?
    /// A path was too long to be said: it is that of a directory above.
    var isCut = false
    /// Whether it was done in the scope of the walk.
    var isInScope = true
}

struct HistoryWalk: Sendable {
    private var finder: PathFinder
    /// The last change that was not walked over yet.
    private(set) var upper: UInt64
    /// The last range that was walked over had no record of any file.
    private(set) var metNothing = false
    /// For inodes that changed in the journal since: the last edit that they had then.
    private var edited: [InodeNumber: UInt64] = [:]
    /// Changes of files that had no name: the names they had before are looked for.
    private var nameless: [InodeNumber: [Int]] = [:]
    var scope: ChangeScope?
    private let wantsPaths: Bool

    /// - Parameter wantsPaths: false where nobody looks at them, and there is no scope.
    init(
        _ tree: Tree, from upper: UInt64, scope: ChangeScope? = nil, wantsPaths: Bool = true
    ) throws(Errno) {
        self.wantsPaths = wantsPaths || scope != nil
        let delta = try TreeDelta(after: upper, in: tree)
        // Long enough to tell what lies below the paths of the scope.
        finder = PathFinder(tree, delta, longest: scope?.paths.map(\.count).max() ?? 0)
        self.upper = upper
        self.scope = scope
        for case (let number, let record?) in delta.inodes { edited[number] = record.contentSequence }
    }

    var isAtStart: Bool { upper == 0 }
}

extension ChangeHistory {
    /// Walks to before change `lower`. Hidden changes are left out.
    /// - Parameter mustBeWhole: a log that cannot be read is an error; otherwise the changes in it
    ///   are left out, with an event.
    /// - Returns: the changes, youngest first.
    func walk(
        _ walk: inout HistoryWalk, to lower: UInt64, mustBeWhole: Bool = false
    ) throws(Errno) -> [Change] {
        let range = max(1, lower)...max(walk.upper, max(1, lower))
        let (last, candidates, ends) = try workspace.withTree {
            (tree) throws(Errno) -> (UInt64, Set<InodeNumber>, [InodeNumber: UInt64]) in
            var ends: [InodeNumber: UInt64] = [:]
            for log in tree.openLogs.all { ends[log.id] = log.end }
            let found = try tree.editedInodes(after: range.lowerBound - 1)
            return (tree.sequence.last, found, ends)
        }
        readProcesses(upTo: last)
        var (events, logs) = try transactions(range)
        logs.formUnion(candidates)
        logs.formUnion(walk.loggedLater(range.lowerBound))
        var starts: [InodeNumber: Set<Int64>] = [:]
        for event in events where event.isFirstEdit {
            if let inode = event.inode { starts[inode, default: []].insert(event.time) }
        }
        for number in logs {
            do throws(StorageError) {
                try EditLog.records(
                    of: number, in: workspace.logs, end: ends[number] ?? .max, range: range
                ) { record in
                    guard let event = ChangeEvent(record.header, of: number) else { return }
                    // What a log begins with is no change of anybody's.
                    let isStart = ["share", "edit"].contains(event.operation)
                        && starts[number]?.contains(event.time) == true
                    if !isStart { events.append(event) }
                }
            } catch {
                post(error)
                if mustBeWhole { throw error.errno }
            }
        }
        events.sort { $0.sequence > $1.sequence }
        return try workspace.withTree { (tree) throws(Errno) in
            try walk.resolve(events, tree, lower: range.lowerBound)
        }
    }

    /// A log that cannot be read hides its own changes, not those of all others.
    private func post(_ error: StorageError) {
        workspace.events.post(.warning, "history lacks changes of a file: \(error)")
    }

    private func transactions(
        _ range: ClosedRange<UInt64>
    ) throws(Errno) -> ([ChangeEvent], Set<InodeNumber>) {
        var events: [ChangeEvent] = []
        var files: Set<InodeNumber> = []
        do throws(StorageError) {
            try workspace.journal.changes(after: range.lowerBound - 1, upTo: range.upperBound) {
                header, operation, changes in
                var event = ChangeEvent(header, operation, changes)
                event.isFirstEdit = operation == .edit
                for case .inode(let number, let before, let after) in changes
                where (after ?? before)?.type == .regular {
                    files.insert(number)
                    event.edited.append((number, before?.contentSequence ?? 0))
                }
                events.append(event)
            }
        } catch {
            post(error)
            throw error.errno
        }
        return (events, files)
    }

    /// Takes note of the journal's process records; `last` is a number that is in it.
    func readProcesses(upTo last: UInt64) {
        workspace.pastMemory.processHistory.withLock { $0.read(workspace.journal, upTo: last) }
    }

    /// The name of the process that made a change.
    func command(_ event: ChangeEvent) -> [UInt8] {
        workspace.pastMemory.processHistory.withLock { $0.name(of: event.pid, at: event.sequence) }
    }
}

// MARK: Paths

extension HistoryWalk {
    /// Inodes that may have been edited at or after `lower` and are gone since, or were rolled back.
    fileprivate func loggedLater(_ lower: UInt64) -> [InodeNumber] {
        edited.compactMap { $0.value >= lower ? $0.key : nil }
    }

    fileprivate mutating func resolve(
        _ events: [ChangeEvent], _ tree: Tree, lower: UInt64
    ) throws(Errno) -> [Change] {
        try finder.catchUp(tree)
        metNothing = events.isEmpty
        if !wantsPaths {
            upper = lower - 1
            for event in events {
                for (number, sequence) in event.edited { edited[number] = sequence }
            }
            return events.filter { !$0.operation.isEmpty }.map { Change(event: $0) }
        }
        var found: [Change] = []
        nameless = [:]
        for event in events {
            if !event.operation.isEmpty { try add(event, to: &found, tree) }
            try takeBack(event, &found, tree)
        }
        for (number, indexes) in nameless {
            let path = try lastPath(of: number, tree)
            for index in indexes { found[index].path = path }
        }
        nameless = [:]
        upper = lower - 1
        guard scope != nil else { return found }
        return found.filter { isInScope($0) }
    }

    private mutating func add(
        _ event: ChangeEvent, to found: inout [Change], _ tree: Tree
    ) throws(Errno) {
        var change = Change(event: event)
        if let place = event.place {
            let path = try finder.find(place, tree)
            change.path = path?.bytes
            change.isCut = path?.isCut == true
            if let old = event.oldPlace {
                let path = try finder.find(old, tree)
                change.oldPath = path?.bytes
                if path?.isCut == true { change.isCut = true }
            }
        } else if let path = event.fixedPath {
            change.path = path
            change.oldPath = event.fixedOldPath
        } else if let number = event.inode {
            change.path = try finder.path(of: number, tree)
            if change.path == nil { nameless[number, default: []].append(found.count) }
        }
        if event.isMany, scope != nil {
            change.isInScope = try reaches(event, tree)
        }
        found.append(change)
    }

    /// Names become what they were before a change.
    private mutating func takeBack(
        _ event: ChangeEvent, _ found: inout [Change], _ tree: Tree
    ) throws(Errno) {
        finder.takeBack(event)
        for (number, sequence) in event.edited { edited[number] = sequence }
        if !nameless.isEmpty {
            for name in event.names {
                guard let before = name.before, let indexes = nameless[before.inode],
                    let path = try finder.path(of: before.inode, tree)
                else { continue }
                for index in indexes { found[index].path = path }
                nameless[before.inode] = nil
            }
        }
        if event.isMany, scope != nil, let last = found.indices.last, !found[last].isInScope {
            found[last].isInScope = try reaches(event, tree)
        }
    }

    /// The last path of a file that lost its name before the changes that were walked over.
    private func lastPath(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        if let inode = tree.inodes[number], let name = inode.name {
            var finder = PathFinder(tree)
            if let path = try finder.find(NamePlace(parent: inode.parent, name: name), tree) {
                return path.bytes
            }
        }
        return try finder.basePath(of: number, tree)
    }

    // MARK: Scope

    /// Whether a change of many files changed one in the scope.
    private mutating func reaches(_ event: ChangeEvent, _ tree: Tree) throws(Errno) -> Bool {
        guard let scope else { return true }
        for number in event.inodes {
            if scope.numbers.contains(number) { return true }
            if let path = try finder.path(of: number, tree), scope.contains(path) { return true }
        }
        for name in event.names {
            if let path = try finder.find(name.place, tree), scope.contains(path.bytes) {
                return true
            }
        }
        return false
    }

    private mutating func isInScope(_ change: Change) -> Bool {
        guard var scope else { return true }
        if change.event.isMany { return change.isInScope }
        let number = change.event.inode ?? 0
        if change.path.map(scope.contains) == true {
            // The older names of what came to a path by a rename belong to it.
            if change.event.operation == "rename", let path = change.path,
                scope.paths.contains(path) {
                scope.numbers.insert(number)
                self.scope = scope
            }
            return true
        }
        return scope.numbers.contains(number) || change.oldPath.map(scope.contains) == true
    }
}

/// Paths and inodes that changes are looked for.
struct ChangeScope: Sendable {
    var paths: [[UInt8]]
    var numbers: Set<InodeNumber>

    /// Whether a path is one of the scope's or lies below one.
    func contains(_ path: [UInt8]) -> Bool {
        paths.contains { top in
            top.isEmpty || path == top
                || (path.count > top.count && path[top.count] == 0x2f && path.starts(with: top))
        }
    }
}
