// Stage: a directory in which a change is prepared, beside the destination, or in it if it is an existing
// directory. PlacedFiles: gives prepared files their names one after the other, and can undo that. A
// replaced file is exchanged with the new one, and a removed file is moved into the stage; both are removed
// at the end of the call.

internal import Platform

package struct Stage {
    private let ground: any Ground
    /// The directory itself, in the file system of the destination.
    let directory: ToolPath
    /// The place where new files are made.
    package var fresh: ToolPath { place("new") }

    package init(_ ground: any Ground, for destination: ToolPath) throws(ToolError) {
        self.ground = ground
        // A path outside of the roots is refused by its own name, not by that of the stage.
        _ = try ground.resolved(destination)
        // The lowest existing directory above the destination.
        var parent = Self.missing(above: destination, ground).first?.parent ?? destination.parent
        // If the destination is an existing directory the stage is in it: the one above may be outside of
        // the roots.
        if let status = try? ground.status(destination), status.type == .directory {
            parent = destination
        }
        directory = parent.appending(WorkingName.make(WorkingName.stage))
        try ground.makeDirectory(directory, withParents: false)
    }

    /// Returns the missing directories above a path, the uppermost first.
    static func missing(above path: ToolPath, _ ground: any Ground) -> [ToolPath] {
        var missing: [ToolPath] = []
        var above = path.parent
        while !above.names.isEmpty, (try? ground.status(above)) == nil {
            missing.append(above)
            above = above.parent
        }
        return missing.reversed()
    }

    /// Returns whether a path lies in a stage.
    static func holds(_ path: ToolPath) -> Bool { path.names.contains(where: WorkingName.isStage) }

    /// Returns a place for one of several files.
    func place(_ name: String) -> ToolPath {
        directory.appending(FileName(trusted: Array(name.utf8)))
    }

    /// Removes everything that did not get a name elsewhere. The result of the call is known by then, so
    /// errors are ignored: what cannot be removed stays in a hidden directory.
    package func discard() { try? ground.removeTree(directory) }
}

struct PlacedFiles {
    /// The state of a placed file. It leaves out the time of the last status change, which a rename of
    /// another name of the same file changes too.
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

    /// A path that could not be restored, because another process has changed it meanwhile.
    struct Left {
        var path: ToolPath
        /// The place in a stage that holds its old content.
        var before: ToolPath?
    }

    private let ground: any Ground
    private var steps: [Step] = []

    init(_ ground: any Ground) { self.ground = ground }

    /// Makes the missing directories above a path.
    mutating func makeDirectories(above path: ToolPath) throws(ToolError) {
        for directory in Stage.missing(above: path, ground) {
            try ground.makeDirectory(directory, withParents: false)
            steps.append(.made(directory))
        }
    }

    /// - Parameters:
    ///   - replaces: whether an existing file or link is exchanged with the new one.
    ///   - seen: the state of the existing file when its replacement was decided; nil accepts any.
    /// - Throws: `stale` if it has changed by now. The caller must then call `undo`.
    mutating func place(
        _ source: ToolPath, at path: ToolPath, replaces: Bool, seen: Mark? = nil
    ) throws(ToolError) {
        // The mark is taken before the file has its name, when no other process can write to it.
        let placed = mark(source)
        guard replaces else {
            try ground.move(source, to: path)
            steps.append(.placed(path, from: source, placed))
            return
        }
        try ground.exchange(source, path)
        steps.append(.exchanged(path, with: source, placed))
        // Only after the exchange is it certain which file lost the name.
        let gone = try ground.status(source)
        guard gone.type != .directory, seen.map({ $0 == Mark(gone) }) ?? true else {
            throw Self.changed(path)
        }
    }

    private static func changed(_ path: ToolPath) -> ToolError {
        ToolError(.stale, "\(path) was changed by another process in the meantime: nothing was changed")
    }

    /// Moves a file to a place in a stage.
    /// - Throws: `stale` if it has changed since `seen`; the caller must then call `undo`.
    mutating func takeAway(_ path: ToolPath, to place: ToolPath, seen: Mark) throws(ToolError) {
        try self.place(path, at: place, replaces: false)
        guard mark(place) == seen else { throw Self.changed(path) }
    }

    private func mark(_ path: ToolPath) -> Mark? { (try? ground.status(path)).map(Mark.init) }

    /// Keeps the contents of replaced and removed files, if the ground does so. Must be called when all is
    /// done.
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

    /// Undoes the steps in the opposite order. Files that other processes have changed since stay as they
    /// are.
    func undo() -> [Left] {
        var left: [Left] = []
        for step in steps.reversed() {
            switch step {
            case .made(let path):
                // The directory is not empty if another process has made something in it.
                if (try? ground.remove(path)) == nil { left.append(Left(path: path)) }
            case .placed(let path, let source, let then):
                // A removed file goes back as it is, even if another process wrote to it.
                let isStaged = Stage.holds(path)
                if isStaged || mark(path) == then, (try? ground.move(path, to: source)) != nil { continue }
                left.append(Left(path: isStaged ? source : path, before: isStaged ? path : nil))
            case .exchanged(let path, let other, let then):
                if mark(path) == then, (try? ground.exchange(path, other)) != nil {
                    if mark(other) == then { continue }
                    // Another process wrote between the check and the exchange: its file gets its name
                    // back. If even that fails, its file is in the stage, which stays.
                    _ = try? ground.exchange(path, other)
                }
                left.append(Left(path: path, before: other))
            }
        }
        return left
    }

    /// Returns the error of an undone call, with the files that could not be restored.
    static func explain(_ error: ToolError, _ left: [Left]) -> ToolError {
        if left.isEmpty { return error }
        let names = left.prefix(8).map { item in
            "\(item.path)" + (item.before.map { " (its earlier content is now in \($0))" } ?? "")
        }
        let more = left.count > 8 ? " and \(left.count - 8) more" : ""
        return ToolError(
            error.kind,
            "\(error.description); and \(names.joined(separator: ", "))\(more) could not be restored, "
                + "because they were changed in the meantime")
    }
}
