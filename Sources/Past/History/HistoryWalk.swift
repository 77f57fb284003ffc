// HistoryWalk: goes back through a workspace's changes, youngest first, and finds the path of each. It
// reverts names on the way, so that each path is that of its moment. It reads the tree log and the headers
// of edit logs for the requested numbers, and replays nothing.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

/// A change with its path.
struct Change: Sendable {
    var event: ChangeEvent
    /// The path after the change; nil if no name was found.
    var path: [UInt8]?
    var oldPath: [UInt8]?
    /// Whether a path was too long: then it is that of a directory above.
    var isCut = false
    /// Whether the change is in the scope of the walk.
    var isInScope = true
}

struct HistoryWalk: Sendable {
    private var finder: PathFinder
    /// The last change that was not walked over yet.
    private(set) var upper: UInt64
    /// Whether the last range that was walked over had no record of any file.
    private(set) var metNothing = false
    /// The last edit, before the tree log's later changes, of each inode that they changed.
    private var edited: [InodeNumber: UInt64] = [:]
    /// Changes of files without a name: the names that the files had earlier are searched for.
    private var nameless: [InodeNumber: [Int]] = [:]
    var scope: ChangeScope?
    private let wantsPaths: Bool

    /// - Parameter wantsPaths: false if the paths are not used, and there is no scope.
    init(
        _ tree: Tree, from upper: UInt64, scope: ChangeScope? = nil, wantsPaths: Bool = true
    ) throws(Errno) {
        self.wantsPaths = wantsPaths || scope != nil
        do throws(StorageError) {
            first = try tree.treeLog.firstThere()
        } catch {
            throw tree.failing(error)
        }
        let delta = try TreeDelta(after: upper, in: tree)
        // Long enough to recognize what is below the paths of the scope.
        finder = PathFinder(tree, delta, longest: scope?.paths.map(\.count).max() ?? 0)
        self.upper = upper
        self.scope = scope
        for case (let number, let record?) in delta.inodes { edited[number] = record.contentSequence }
    }

    /// The earliest change after which the tree log has all.
    private let first: UInt64
    var isAtStart: Bool { upper <= first }
}

extension ChangeHistory {
    /// Walks back to before change `lower`. Hidden changes are left out.
    /// - Parameter mustBeWhole: a log that cannot be read is an error; otherwise its changes are left out,
    ///   with an event.
    /// - Returns: the changes, youngest first.
    func walk(
        _ walk: inout HistoryWalk, to lower: UInt64, mustBeWhole: Bool = false
    ) throws(Errno) -> [Change] {
        let lower = max(lower, try firstThere().adding(clamping: 1))
        guard walk.upper >= lower else { return walk.end() }
        let range = lower...walk.upper
        let (last, candidates, ends) = try workspace.withTree {
            (tree) throws(Errno) -> (UInt64, Set<InodeNumber>, [InodeNumber: UInt64]) in
            var ends: [InodeNumber: UInt64] = [:]
            for log in tree.openLogs.all { ends[log.id] = log.end }
            let found = try tree.editedInodes(after: range.lowerBound - 1)
            return (tree.sequence.last, found, ends)
        }
        readProcesses(upTo: last)
        var events: [ChangeEvent]
        var logs: Set<InodeNumber>
        do throws(Errno) {
            (events, logs) = try transactions(range)
        } catch {
            // A release may have taken the first of them meanwhile: the others are read again.
            let first = try firstThere()
            guard first >= range.lowerBound else { throw error }
            return try self.walk(&walk, to: first.adding(clamping: 1), mustBeWhole: mustBeWhole)
        }
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
                    // The first records of a log are not a change by any process.
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

    /// Returns the earliest change after which all records are there.
    func firstThere() throws(Errno) -> UInt64 {
        do throws(StorageError) {
            return try workspace.treeLog.firstThere()
        } catch {
            post(error)
            throw error.errno
        }
    }

    /// Reports a log that cannot be read: it hides its own changes, not those of other logs.
    private func post(_ error: StorageError) {
        workspace.events.post(.warning, "history lacks changes of a file: \(error)")
    }

    private func transactions(
        _ range: ClosedRange<UInt64>
    ) throws(Errno) -> ([ChangeEvent], Set<InodeNumber>) {
        var events: [ChangeEvent] = []
        var files: Set<InodeNumber> = []
        do throws(StorageError) {
            try workspace.treeLog.changes(after: range.lowerBound - 1, upTo: range.upperBound) {
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

    /// Reads the process records of the tree log; `last` is a sequence number it contains.
    func readProcesses(upTo last: UInt64) {
        workspace.pastMemory.processHistory.withLock { $0.read(workspace.treeLog, upTo: last) }
    }

    /// Returns the name of the process that made a change.
    func command(_ event: ChangeEvent) -> [UInt8] {
        workspace.pastMemory.processHistory.withLock { $0.name(of: event.pid, at: event.sequence) }
    }
}

// MARK: Paths

extension HistoryWalk {
    /// Returns inodes that may have been edited at or after `lower` and were removed or rolled back since.
    fileprivate func loggedLater(_ lower: UInt64) -> [InodeNumber] {
        edited.compactMap { $0.value >= lower ? $0.key : nil }
    }

    /// Ends the walk: what comes before was released.
    fileprivate mutating func end() -> [Change] {
        upper = 0
        return []
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

    /// Reverts names to what they were before a change.
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

    /// Returns the last path of a file that lost its name before the changes that were walked over.
    private func lastPath(of number: InodeNumber, _ tree: Tree) throws(Errno) -> [UInt8]? {
        if let inode = tree.inodes[number], let name = inode.name {
            var finder = PathFinder(tree)
            if let path = try finder.find(NamePlace(parent: inode.parent, name: name), tree) {
                return path.bytes
            }
        }
        return try finder.basePath(of: number, tree).map(EpochPath.plain)
    }

    // MARK: Scope

    /// Returns whether a change of many files changed one in the scope.
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
            // The earlier names of a file that was renamed to a path in the scope belong to it.
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

/// The paths and inodes whose changes are searched for.
struct ChangeScope: Sendable {
    var paths: [[UInt8]]
    var numbers: Set<InodeNumber>

    /// Returns whether a path is one of the scope's or below one.
    func contains(_ path: [UInt8]) -> Bool {
        paths.contains { top in
            top.isEmpty || path == top
                || (path.count > top.count && path[top.count] == 0x2f && path.starts(with: top))
        }
    }
}
