// Stage: a directory beside the destination in which a change is made ready, and PlacingJournal: names
// given one after the other, which can be taken back. Nothing stands in the stage alone that was there
// before the call: what is replaced changes places with what comes.

internal import Platform

package struct Stage {
    private let ground: any Ground
    /// The directory itself, in the file system of the destination.
    let directory: ToolPath
    /// Directories above the destination that are not there yet, the uppermost first.
    let missing: [ToolPath]
    /// Where what is new is made.
    package var fresh: ToolPath { place("new") }

    package init(_ ground: any Ground, for destination: ToolPath) throws(ToolError) {
        self.ground = ground
        // What is outside is refused by its own name, not by that of the stage.
        _ = try ground.resolved(destination)
        missing = Self.missing(above: destination, ground)
        var parent = missing.first?.parent ?? destination.parent
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

    /// A place for one of several.
    func place(_ name: String) -> ToolPath {
        directory.appending(FileName(trusted: Array(name.utf8)))
    }

    /// Takes away all that did not get a name elsewhere. The call's own result is known by then: what
    /// cannot be removed stays behind in a hidden directory.
    package func discard() { try? ground.removeTree(directory) }
}

struct PlacingJournal {
    private enum Step {
        case made(ToolPath)
        case placed(ToolPath, from: ToolPath)
        case exchanged(ToolPath, with: ToolPath)
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
            steps.append(.exchanged(path, with: source))
        } else {
            try ground.move(source, to: path)
            steps.append(.placed(path, from: source))
        }
    }

    /// In the opposite order.
    /// - Returns: what could not be put back, because somebody else has changed it meanwhile.
    @discardableResult
    func undo() -> [ToolPath] {
        var left: [ToolPath] = []
        for step in steps.reversed() {
            do throws(ToolError) {
                switch step {
                case .made(let path): try ground.remove(path)
                case .placed(let path, let source): try ground.move(path, to: source)
                case .exchanged(let path, let other): try ground.exchange(path, other)
                }
            } catch {
                switch step {
                case .made(let path), .placed(let path, _), .exchanged(let path, _): left.append(path)
                }
            }
        }
        return left
    }
}
