// UndoSteps: finds the last steps of a workspace, from the youngest change back. A stage that was removed
// may belong to a call, whose step began with the making of the stage. Or a dead call left it, and another
// process cleaned it up. Only the record of its making decides: until that is met both cases are followed.

internal import Overlay
internal import Platform
internal import Storage

/// Steps, found from the youngest change back.
struct UndoSteps {
    private(set) var found: Found
    private let wanted: Int
    /// Removed stages whose making was not met yet, the outermost first.
    private var undecided: [Undecided] = []

    /// The result for the case that a stage belonged to a call.
    private struct Undecided {
        /// The steps found up to the removal of the stage.
        var found: Found
        /// The stage, and the process that removed it; nil once it is known that a call made it.
        var stage: (inode: InodeNumber, remover: UInt32)?
        /// Stages that were removed while this one existed: if calls made them, they belong to the same
        /// step, however long before it they began.
        var others: [InodeNumber: UInt32] = [:]
        /// Stages that were removed before this one was made, and so possibly while one of `others`
        /// existed.
        var earlier: [InodeNumber: UInt32] = [:]

        var isOver: Bool { stage == nil && others.isEmpty }

        mutating func addRemoved(_ inode: InodeNumber, by process: UInt32, atMost most: Int) {
            guard others.count + earlier.count < most else { return }
            if stage == nil { earlier[inode] = process } else { others[inode] = process }
        }
    }

    /// Limits of what is followed: the removal of any further stage is an ordinary step.
    private static let mostUndecided = 64
    private static let mostOthers = 4_096

    init(wanted: Int, paths: [[UInt8]]) {
        self.wanted = wanted
        found = Found(paths: paths)
    }

    var count: Int { found.count }
    /// The first change of the last step found.
    var first: UInt64? { found.first }
    /// Names outside the paths that renames inside led from or to.
    var otherNames: [[UInt8]] { found.otherNames }
    /// Whether a name that such a rename led from or to was too long to be recorded.
    var metCutName: Bool { found.metCutName }
    var isComplete: Bool { found.isComplete && undecided.isEmpty }

    /// Takes a change that comes before all changes taken so far.
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

    /// Handles the making of a directory, which may be a stage.
    /// - Returns: whether it was the beginning of a step.
    private mutating func decide(_ made: InodeNumber, _ event: ChangeEvent) -> Bool {
        defer { undecided.removeAll(where: \.isOver) }
        for index in undecided.indices {
            if let stage = undecided[index].stage {
                guard stage.inode == made else {
                    // A call within this one: it belongs to the step if this stage is a call's.
                    undecided[index].others[made] = nil
                    continue
                }
                undecided[index].stage = nil
                if stage.remover != event.pid {
                    undecided[index].others = [:]
                    continue
                }
            } else if undecided[index].others.removeValue(forKey: made) == event.pid {
                // All that was removed after the former beginning of the step belongs to it now.
                undecided[index].others.merge(undecided[index].earlier) { $1 }
                undecided[index].earlier = [:]
            } else {
                undecided[index].earlier[made] = nil
                continue
            }
            // One step reaches from here to the removal. It includes all that was followed since as other
            // steps.
            undecided[index].found.extend(to: event)
            found = undecided[index].found
            undecided.removeSubrange((index + 1)...)
            return true
        }
        return false
    }

    /// Returns the stage that a change removed. A directory of the base is excluded: its making would be
    /// searched for in vain.
    private static func removedStage(_ event: ChangeEvent) -> InodeNumber? {
        if event.operation == "merge" {
            return event.names.first { WorkingName.isStage($0.place.name) && $0.after == nil }?.before?.inode
        }
        guard event.operation == "rmdir", let name = event.place?.name, WorkingName.isStage(name),
            event.names.last?.after == nil else { return nil }
        return event.inode
    }

    /// The steps found, given which stages belong to calls.
    struct Found {
        let paths: [[UInt8]]
        private(set) var count = 0
        private(set) var first: UInt64?
        private(set) var isComplete = false
        private(set) var otherNames: [[UInt8]] = []
        private(set) var metCutName = false
        /// The earliest change of the current step.
        private var current: ChangeEvent?
        /// How the current step continues further back.
        private var rest = Rest.none

        private enum Rest {
            case none
            /// The changes in that stage, as far as the scope shows them.
            case stage([UInt8])
            /// The making of a file that was renamed to its own name at the end.
            case file(InodeNumber)
        }

        init(paths: [[UInt8]]) { self.paths = paths }

        /// Makes this change the beginning of the current step.
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

        /// Returns whether a name is a working name, which need not be restored.
        private static func isWorking(_ path: [UInt8]) -> Bool {
            WorkingName.stage(in: path) != nil || WorkingName.ends(path)
        }

        /// Returns what belongs to a step whose last change is this one.
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

        /// Returns whether an earlier change belongs to the current step.
        private mutating func takesRest(_ change: Change) -> Bool {
            switch rest {
            case .none: return false
            case .stage(let stage):
                let isInStage = [change.path, change.oldPath].contains {
                    $0.flatMap(WorkingName.stage) == stage
                }
                // Directories that were made for the files that leave the stage.
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

    /// Returns whether this change continues what `earlier`, the change right before it, began.
    func continues(_ earlier: ChangeEvent) -> Bool {
        guard let inode, inode == earlier.inode, pid == earlier.pid else { return false }
        if earlier.operation == "create" { return isWrite || empties }
        if earlier.empties { return isWrite }
        return isWrite && earlier.isWrite && earlier.range?.upperBound == range?.lowerBound
    }
}
