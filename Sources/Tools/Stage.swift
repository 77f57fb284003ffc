// Stage: a directory beside the destination, or in it if that is a directory which is there, in which a
// change is made ready; and PlacingJournal: names given one after the other, which can be taken back. What is
// replaced changes places with what comes, and what is removed is moved here: both go at the call's end.

internal import Platform

package struct Stage {
    private let ground: any Ground
    /// The directory itself, in the file system of the destination.
    let directory: ToolPath
    /// Where what is new is made.
    package var fresh: ToolPath { place("new") }

    package init(_ ground: any Ground, for destination: ToolPath) throws(ToolError) {
        self.ground = ground
        // What is outside is refused by its own name, not by that of the stage.
        _ = try ground.resolved(destination)
        // The lowest directory that is there.
        var parent = Self.missing(above: destination, ground).first?.parent ?? destination.parent
        // What is to go into a directory that is there is made in it: the one above may be no root.
        if let status = try? ground.status(destination), status.type == .directory {
            parent = destination
        }
        directory = parent.appending(WorkingName.make(WorkingName.stage))
        try ground.makeDirectory(directory, withParents: false)
    }

    /// Directories above a path that are not there, the uppermost first.
    static func missing(above path: ToolPath, _ ground: any Ground) -> [ToolPath] {
        var missing: [ToolPath] = []
        var above = path.parent
        while !above.names.isEmpty, (try? ground.status(above)) == nil {
            missing.append(above)
            above = above.parent
        }
        return missing.reversed()
    }

    /// Whether a path lies in a stage.
    static func holds(_ path: ToolPath) -> Bool { path.names.contains(where: WorkingName.isStage) }

    /// A place for one of several.
    func place(_ name: String) -> ToolPath {
        directory.appending(FileName(trusted: Array(name.utf8)))
    }

    /// Takes away all that did not get a name elsewhere. The call's own result is known by then: what
    /// cannot be removed stays behind in a hidden directory.
    package func discard() { try? ground.removeTree(directory) }
}

struct PlacingJournal {
    /// What came to a place. Without the time of its last change of status: a rename of another name of
    /// one file changes that.
    struct Mark: Equatable {
        private let device: UInt64
        private let inode: UInt64
        private let size: UInt64
        private let modificationTime: Int64

        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
            size = status.size
            modificationTime = status.modificationTime
        }
    }

    private enum Step {
        case made(ToolPath)
        case placed(ToolPath, from: ToolPath, Mark?)
        case exchanged(ToolPath, with: ToolPath, Mark?)
    }

    /// What could not be put back, because somebody else has changed it meanwhile.
    struct Left {
        var path: ToolPath
        /// Where in a stage its content of before is.
        var before: ToolPath?
    }

    private let ground: any Ground
    private var steps: [Step] = []

    init(_ ground: any Ground) { self.ground = ground }

    /// Those above a path that are not there.
    mutating func makeDirectories(above path: ToolPath) throws(ToolError) {
        for directory in Stage.missing(above: path, ground) {
            try ground.makeDirectory(directory, withParents: false)
            steps.append(.made(directory))
        }
    }

    /// - Parameters:
    ///   - replaces: what is there, a file or link, takes the place that what comes has left.
    ///   - seen: what that was when it was decided that it goes; nil if any may go.
    /// - Throws: `stale` if another is there by now. It is to be put back, as all else: `undo`.
    mutating func place(
        _ source: ToolPath, at path: ToolPath, replaces: Bool, seen: Mark? = nil
    ) throws(ToolError) {
        // Before it has its name, when nobody else can write to it.
        let placed = mark(source)
        guard replaces else {
            try ground.move(source, to: path)
            steps.append(.placed(path, from: source, placed))
            return
        }
        try ground.exchange(source, path)
        steps.append(.exchanged(path, with: source, placed))
        // Only now it is known for sure what has gone.
        let gone = try ground.status(source)
        guard gone.type != .directory, seen.map({ $0 == Mark(gone) }) ?? true else {
            throw Self.changed(path)
        }
    }

    private static func changed(_ path: ToolPath) -> ToolError {
        ToolError(.stale, "\(path) was changed by somebody else meanwhile: nothing was changed")
    }

    /// Takes what is at a path away.
    /// - Throws: `stale` as above.
    mutating func takeAway(_ path: ToolPath, to place: ToolPath, seen: Mark) throws(ToolError) {
        try self.place(path, at: place, replaces: false)
        guard mark(place) == seen else { throw Self.changed(path) }
    }

    private func mark(_ path: ToolPath) -> Mark? { (try? ground.status(path)).map(Mark.init) }

    /// Keeps the contents of what was replaced or removed, where the ground does so; once all is done.
    func keepContents(tells: Bool) {
        for step in steps {
            switch step {
            case .exchanged(let path, let other, _):
                ground.keepContent(of: path, at: other, tells: tells)
            case .placed(let path, let source, _) where Stage.holds(path):
                ground.keepContent(of: source, at: path, tells: tells)
            case .placed, .made: break
            }
        }
    }

    /// In the opposite order. What somebody else has changed since stays as they left it.
    func undo() -> [Left] {
        var left: [Left] = []
        for step in steps.reversed() {
            switch step {
            case .made(let path):
                // It is not empty where somebody else has made something in it.
                if (try? ground.remove(path)) == nil { left.append(Left(path: path)) }
            case .placed(let path, let source, let then):
                // What was taken away goes back as it is, whoever wrote it last.
                let isStaged = Stage.holds(path)
                if isStaged || mark(path) == then, (try? ground.move(path, to: source)) != nil { continue }
                left.append(Left(path: isStaged ? source : path, before: isStaged ? path : nil))
            case .exchanged(let path, let other, let then):
                if mark(path) == then, (try? ground.exchange(path, other)) != nil {
                    if mark(other) == then { continue }
                    // Somebody was faster: what they wrote has its name again.
                    // Where even that fails it is in the stage, which stays.
                    _ = try? ground.exchange(path, other)
                }
                left.append(Left(path: path, before: other))
            }
        }
        return left
    }

    /// The error of a call that was taken back, with what was not.
    static func explain(_ error: ToolError, _ left: [Left]) -> ToolError {
        if left.isEmpty { return error }
        let names = left.prefix(8).map { item in
            "\(item.path)" + (item.before.map { " (what it held before is now \($0))" } ?? "")
        }
        let more = left.count > 8 ? " and \(left.count - 8) more" : ""
        return ToolError(
            error.kind,
            "\(error.description); and \(names.joined(separator: ", "))\(more) could not be put back, being "
                + "changed meanwhile")
    }
}
