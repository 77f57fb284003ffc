// Stage: a directory beside the destination in which a change is made ready, and PlacingJournal: names
// given one after the other, which can be taken back.

internal import Platform

package struct Stage {
    private let ground: any Ground
    /// The directory itself, in the file system of the destination.
    let directory: ToolPath
    /// Directories above the destination that were made for it, the deepest last.
    private let made: [ToolPath]
    /// Where what is new is made.
    package var fresh: ToolPath { directory.appending(FileName(trusted: Array("new".utf8))) }

    package init(_ ground: any Ground, for destination: ToolPath) throws(ToolError) {
        self.ground = ground
        var parent = destination.parent
        // What is to go into a directory that is there is made in it: the one above may be no root.
        if let status = try? ground.status(destination), status.type == .directory {
            parent = destination
        }
        var missing: [ToolPath] = []
        var above = parent
        while !above.names.isEmpty, (try? ground.status(above)) == nil {
            missing.append(above)
            above = above.parent
        }
        if !missing.isEmpty { try ground.makeDirectory(parent, withParents: true) }
        made = missing.reversed()
        let name = ".draftfs-stage-" + String(UInt64.random(in: .min ... .max), radix: 36)
        directory = parent.appending(FileName(trusted: Array(name.utf8)))
        do throws(ToolError) {
            try ground.makeDirectory(directory, withParents: false)
        } catch {
            for directory in missing { try? ground.remove(directory) }
            throw error
        }
    }

    /// A place for what is in the way.
    func aside(_ number: Int) -> ToolPath {
        directory.appending(FileName(trusted: Array("old-\(number)".utf8)))
    }

    /// Takes away all that did not get a name elsewhere. The call's own result is known by then: what
    /// cannot be removed stays behind in a hidden directory.
    package func discard() {
        try? ground.removeTree(directory)
        // Those that hold the copy by now are not empty.
        for directory in made.reversed() { try? ground.remove(directory) }
    }
}

struct PlacingJournal {
    private enum Step {
        case made(ToolPath)
        case placed(ToolPath, from: ToolPath)
        case putAside(ToolPath, to: ToolPath)
    }

    private let ground: any Ground
    /// Whose directory takes what is put aside.
    var stage: Stage
    private var steps: [Step] = []

    init(_ ground: any Ground, _ stage: Stage) {
        self.ground = ground
        self.stage = stage
    }

    mutating func makeDirectory(_ path: ToolPath) throws(ToolError) {
        try ground.makeDirectory(path, withParents: false)
        steps.append(.made(path))
    }

    mutating func place(
        _ source: ToolPath, at path: ToolPath, replaces: Bool
    ) throws(ToolError) {
        if replaces {
            let aside = stage.aside(steps.count)
            try ground.move(path, to: aside)
            steps.append(.putAside(path, to: aside))
        }
        try ground.move(source, to: path)
        steps.append(.placed(path, from: source))
    }

    /// In the opposite order. What somebody else has changed meanwhile stays as it is.
    func undo() {
        for step in steps.reversed() {
            switch step {
            case .made(let path): try? ground.remove(path)
            case .placed(let path, let source): try? ground.move(path, to: source)
            case .putAside(let path, let aside): try? ground.move(aside, to: path)
            }
        }
    }
}
