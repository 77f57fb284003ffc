// UndoSteps: the last steps of a workspace, found from the youngest change back. A stage that was removed
// may be that of a call, whose step began when it made the stage, or one that a dead call had left, which
// somebody cleaned up. Only the making tells: until it is met both are followed.

internal import Overlay
internal import Platform
internal import Storage

/// Steps, found from the youngest change back.
struct UndoSteps {
    private(set) var found: Found
    private let wanted: Int
    /// Removed stages whose making was not met yet: the outermost first.
    private var undecided: [Undecided] = []

    /// What would be found if a stage was that of a call.
    private struct Undecided {
        /// As it was when the stage was removed.
        var found: Found
        /// The stage, and the process that removed it; nil once it is known that a call made it.
        var stage: (inode: InodeNumber, remover: UInt32)?
        /// Stages that were removed while this one was there: if calls made them, they are of one step with
        /// it, however long before it they began.
        var others: [InodeNumber: UInt32] = [:]
        /// Stages that were removed before it was made, and so while one of the others may have been there.
        var earlier: [InodeNumber: UInt32] = [:]

        var isOver: Bool { stage == nil && others.isEmpty }

        mutating func addRemoved(_ inode: InodeNumber, by process: UInt32, atMost most: Int) {
            guard others.count + earlier.count < most else { return }
            if stage == nil { earlier[inode] = process } else { others[inode] = process }
        }
    }

    /// More of them are not followed: their removal is a step like others.
    private static let mostUndecided = 64
    private static let mostOthers = 4_096

    init(wanted: Int, paths: [[UInt8]]) {
        self.wanted = wanted
        found = Found(paths: paths)
    }

    var count: Int { found.count }
    /// The first change of the last of the steps found.
    var first: UInt64? { found.first }
    /// Names outside of the paths that renames inside led from or to.
    var otherNames: [[UInt8]] { found.otherNames }
    /// A name that such a rename led from or to is too long to be said.
    var metCutName: Bool { found.metCutName }
    var isComplete: Bool { found.isComplete && undecided.isEmpty }

    /// Takes a change that came before all that were taken so far.
    mutating func add(_ change: Change) {
        let event = change.event
        let removed = Self.removedStage(event)
        if let removed {
            for index in undecided.indices {
                undecided[index].addRemoved(removed, by: event.pid, atMost: Self.mostOthers)
            }
        } else if event.operation == "mkdir", let made = event.inode, decide(made, event) {
            return
        }
        found.add(change, atMost: wanted)
        if let removed, !found.isComplete, undecided.count < Self.mostUndecided {
            undecided.append(Undecided(found: found, stage: (removed, event.pid)))
        }
    }

    /// A directory was made, which may be a stage.
    /// - Returns: whether that was the beginning of a step.
    private mutating func decide(_ made: InodeNumber, _ event: ChangeEvent) -> Bool {
        defer { undecided.removeAll(where: \.isOver) }
        for index in undecided.indices {
            if let stage = undecided[index].stage {
                guard stage.inode == made else {
                    // A call within: it belongs to the step if this one is a call.
                    undecided[index].others[made] = nil
                    continue
                }
                undecided[index].stage = nil
                if stage.remover != event.pid {
                    undecided[index].others = [:]
                    continue
                }
            } else if undecided[index].others.removeValue(forKey: made) == event.pid {
                // What was removed since the step's beginning of before is in it now.
                undecided[index].others.merge(undecided[index].earlier) { $1 }
                undecided[index].earlier = [:]
            } else {
                undecided[index].earlier[made] = nil
                continue
            }
            // One step from here to the removal. What was followed since, as if it were none, is in it.
            undecided[index].found.extend(to: event)
            found = undecided[index].found
            undecided.removeSubrange((index + 1)...)
            return true
        }
        return false
    }

    /// One of the base was not made here: its beginning would be looked for in vain.
    private static func removedStage(_ event: ChangeEvent) -> InodeNumber? {
        guard event.operation == "rmdir", let name = event.place?.name, WorkingName.isStage(name),
            event.names.last?.after == nil else { return nil }
        return event.inode
    }

    /// Steps, where it is known which stages are those of calls.
    struct Found {
        let paths: [[UInt8]]
        private(set) var count = 0
        private(set) var first: UInt64?
        private(set) var isComplete = false
        private(set) var otherNames: [[UInt8]] = []
        private(set) var metCutName = false
        /// The earliest change of the step under way.
        private var current: ChangeEvent?
        /// What the step under way goes on with, further back.
        private var rest = Rest.none

        private enum Rest {
            case none
            /// What was done in that stage, as far as the scope shows it.
            case stage([UInt8])
            /// The making of a file that got its name at last.
            case file(InodeNumber)
        }

        init(paths: [[UInt8]]) { self.paths = paths }

        /// The step under way begins with this change.
        mutating func extend(to event: ChangeEvent) {
            current = event
            first = event.sequence
            rest = .none
        }

        mutating func add(_ change: Change, atMost wanted: Int) {
            let event = change.event
            if isComplete || event.operation.hasPrefix("backup") { return }
            if takesRest(change) || current?.continues(event) == true {
                current = event
                first = event.sequence
                return
            }
            guard count < wanted else {
                isComplete = true
                return
            }
            count += 1
            current = event
            first = event.sequence
            rest = Self.rest(behind: change)
            guard !paths.isEmpty, event.operation == "rename" else { return }
            let scope = ChangeScope(paths: paths, numbers: [])
            if change.isCut { metCutName = true }
            for case let name? in [change.path, change.oldPath]
            where !scope.contains(name) && !Self.isWorking(name) {
                otherNames.append(name)
            }
        }

        /// Whether a name is one that nobody wants back.
        private static func isWorking(_ path: [UInt8]) -> Bool {
            WorkingName.stage(in: path) != nil || WorkingName.ends(path)
        }

        /// What belongs to a step whose last change this is.
        private static func rest(behind change: Change) -> Rest {
            let event = change.event
            if UndoSteps.removedStage(event) == nil {
                for case let path? in [change.path, change.oldPath] {
                    if let stage = WorkingName.stage(in: path) { return .stage(stage) }
                }
            }
            if event.operation == "rename", let inode = event.inode, let old = event.oldPlace?.name,
                WorkingName.isOne(old) {
                return .file(inode)
            }
            return .none
        }

        /// Whether an earlier change belongs to the step under way.
        private mutating func takesRest(_ change: Change) -> Bool {
            switch rest {
            case .none: return false
            case .stage(let stage):
                let isInStage = [change.path, change.oldPath].contains {
                    $0.flatMap(WorkingName.stage) == stage
                }
                // Directories that were made for what comes out of it.
                let follows = change.event.pid == current?.pid
                    && change.event.sequence.adding(clamping: 1) == current?.sequence
                // The making of the stage itself is where the step begins.
                if isInStage, change.event.operation == "mkdir",
                    change.event.place.map({ $0.name.bytes == stage }) == true {
                    rest = .none
                }
                return isInStage || follows
            case .file(let inode): return change.event.inode == inode
            }
        }
    }
}

extension ChangeEvent {
    private var isWrite: Bool { operation == "write" || operation == "share" }
    private var empties: Bool { operation == "truncate" && range?.lowerBound == 0 }

    /// Whether this change goes on with what `earlier`, the one right before it, began.
    func continues(_ earlier: ChangeEvent) -> Bool {
        guard let inode, inode == earlier.inode, pid == earlier.pid else { return false }
        if earlier.operation == "create" { return isWrite || empties }
        if earlier.empties { return isWrite }
        return isWrite && earlier.isWrite && earlier.range?.upperBound == range?.lowerBound
    }
}
