// Stage: a directory beside the destination in which a change is made ready, and PlacingJournal: names
// given one after the other, which can be taken back. Nothing stands in the stage alone that was there
// before the call: what is replaced changes places with what comes.

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
    private struct Mark: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: UInt64
        var modificationTime: Int64
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

    /// - Parameter replaces: what is there takes the place that what comes has left.
    mutating func place(
        _ source: ToolPath, at path: ToolPath, replaces: Bool
    ) throws(ToolError) {
        if replaces {
            try ground.exchange(source, path)
            steps.append(.exchanged(path, with: source, mark(path)))
        } else {
            try ground.move(source, to: path)
            steps.append(.placed(path, from: source, mark(path)))
        }
    }

    private func mark(_ path: ToolPath) -> Mark? {
        (try? ground.status(path)).map {
            Mark(
                device: $0.device, inode: $0.inode, size: $0.size,
                modificationTime: $0.modificationTime)
        }
    }

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
                let isStaged = Stage.holds(path)
                if mark(path) == then, (try? ground.move(path, to: source)) != nil { continue }
                left.append(Left(path: isStaged ? source : path, before: isStaged ? path : nil))
            case .exchanged(let path, let other, let then):
                if mark(path) == then, (try? ground.exchange(path, other)) != nil { continue }
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
