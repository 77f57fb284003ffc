// PatchChange: applies the changes of a patch to all its files, or to none. In a workspace each edit is one
// record, and all of them are undone by one rollback. Elsewhere all files are written beside the old ones
// first; then they are exchanged, which takes no space and can be undone. A crash between two exchanges
// leaves the first files changed.

internal import Platform

struct PatchChange {
    private enum Step {
        case edited(ToolPath, back: [ByteSplice], FileVersion)
        /// A file with several names, which was written in place; its old content is kept.
        case rewritten(ToolPath, kept: ToolPath, FileVersion?)
    }

    private let ground: any Ground
    private let isCancelled: @Sendable () -> Bool
    private var steps: [Step] = []
    private var placed: PlacedFiles
    /// The stages by the directories of the files.
    private var stages: [ToolPath: Stage] = [:]
    private var count = 0
    /// The change in the workspace; nil outside of workspaces.
    private var own: OwnChange?

    init(_ ground: any Ground, isCancelled: @escaping @Sendable () -> Bool) {
        self.ground = ground
        self.isCancelled = isCancelled
        placed = PlacedFiles(ground)
    }

    /// What is prepared for one file.
    private struct Ready {
        var target: PatchRun.Target
        /// The path, without symlinks for an edit.
        var path: ToolPath
        /// The new file, or the place to which a removed file is moved.
        var place: ToolPath?
        /// The old content of a file with several names.
        var kept: ToolPath?
    }

    /// - Returns: the versions of the files that are edited or made.
    mutating func run(_ targets: [PatchRun.Target]) throws(ToolError) -> [ToolPath: FileVersion] {
        own = try? OwnChange(ground, targets.map(\.path))
        var isKept = false
        defer { if !isKept { for stage in stages.values { stage.discard() } } }
        do throws(ToolError) {
            var ready: [Ready] = []
            for target in targets { ready.append(try prepare(target, isAlone: targets.count == 1)) }
            try checkCancelled()
            var versions: [ToolPath: FileVersion] = [:]
            for file in ready { versions[file.target.path] = try make(file) }
            placed.keepContents(tells: true)
            return versions
        } catch {
            let left = undo()
            // A stage holds the old contents that could not be put back.
            isKept = left.contains { $0.before != nil }
            throw PlacedFiles.explain(error, left)
        }
    }

    private func checkCancelled() throws(ToolError) {
        if isCancelled() { throw ToolError(.cancelled, "the call was cancelled: nothing was changed") }
    }

    // MARK: Making ready

    /// Returns a place for a path in a stage.
    private mutating func place(for path: ToolPath) throws(ToolError) -> ToolPath {
        // A workspace is one file system and needs one stage, and its change is one step.
        let key = own == nil ? path.parent : ToolPath(names: [])
        count += 1
        let name = "file-\(count)"
        if let stage = stages[key] { return stage.place(name) }
        let stage = try Stage(ground, for: path)
        stages[key] = stage
        return stage.place(name)
    }

    private mutating func prepare(
        _ target: PatchRun.Target, isAlone: Bool
    ) throws(ToolError) -> Ready {
        try checkCancelled()
        switch target.kind {
        case .make:
            var ready = Ready(target: target, path: target.path)
            if isAlone { return ready }
            let place = try place(for: target.path)
            try ground.create(place, target.content)
            ready.place = place
            return ready
        case .remove:
            return Ready(
                target: target, path: target.path, place: try place(for: target.path))
        case .edit:
            var ready = Ready(target: target, path: try ground.resolved(target.path))
            // A single edit is applied as a whole or not at all, without a stage.
            if isAlone { return ready }
            let place = try place(for: ready.path)
            if own != nil { return ready }
            let isLinked = try ground.status(ready.path).links > 1
            _ = try ground.copyFile(
                ready.path, to: place, keeping: isLinked ? .all : [.mode, .xattrs, .owner])
            if isLinked {
                ready.kept = place
            } else {
                _ = try ground.splice(place, target.planned.map(\.splice), expecting: nil)
                ready.place = place
            }
            return ready
        }
    }

    // MARK: Making

    private mutating func make(_ file: Ready) throws(ToolError) -> FileVersion? {
        try checkCancelled()
        switch file.target.kind {
        case .make:
            try placed.makeDirectories(above: file.path)
            if let place = file.place {
                try placed.place(place, at: file.path, replaces: false)
            } else {
                try ground.create(file.path, file.target.content)
            }
        case .remove:
            let seen = PlacedFiles.Mark(try ground.status(file.path))
            try checkVersion(file)
            if let place = file.place { try placed.takeAway(file.path, to: place, seen: seen) }
            return nil
        case .edit: return try edit(file)
        }
        return FileVersion(try ground.status(file.path))
    }

    private func checkVersion(_ file: Ready) throws(ToolError) {
        guard let text = file.target.text,
            text.version == (try? FileVersion(ground.open(file.path).status()))
        else {
            throw ToolError(.stale, "\(file.target.path) has changed since it was read: read it again")
        }
    }

    private mutating func edit(_ file: Ready) throws(ToolError) -> FileVersion? {
        if let place = file.place {
            let seen = PlacedFiles.Mark(try ground.status(file.path))
            try checkVersion(file)
            try placed.place(place, at: file.path, replaces: true, seen: seen)
            return FileVersion(try ground.status(file.path))
        }
        guard let text = file.target.text else { return nil }
        let splices = file.target.planned.map(\.splice)
        let back = try Self.inverse(splices, text)
        do throws(ToolError) {
            let version = try ground.splice(file.path, splices, expecting: text.version)
            if let kept = file.kept {
                steps.append(.rewritten(file.path, kept: kept, version))
            } else {
                steps.append(.edited(file.path, back: back, version))
            }
            return version
        } catch {
            // A write in place may be half done. A `stale` file was not touched.
            if let kept = file.kept, error.kind != .stale {
                let version = (try? ground.status(file.path)).map { FileVersion($0) }
                steps.append(.rewritten(file.path, kept: kept, version))
            }
            throw error
        }
    }

    /// Returns the splices that undo others.
    private static func inverse(
        _ splices: [ByteSplice], _ text: TextFile
    ) throws(ToolError) -> [ByteSplice] {
        var back: [ByteSplice] = []
        var shift: Int64 = 0
        for splice in splices {
            let old = try text.read(splice.offset..<splice.offset + splice.delete)
            back.append(
                ByteSplice(
                    offset: UInt64(Int64(splice.offset) + shift), delete: UInt64(splice.insert.count),
                    insert: old))
            shift += Int64(splice.insert.count) - Int64(old.count)
        }
        return back
    }

    // MARK: Back

    /// Undoes all steps.
    /// - Returns: the files that other processes have changed meanwhile, and which stay as they are.
    private mutating func undo() -> [PlacedFiles.Left] {
        var left = placed.undo()
        var edited: [OwnChange.Left] = []
        for case .edited(let path, _, let version) in steps { edited.append((path, version)) }
        // A rollback restores the times too, and works on a full disk.
        if !edited.isEmpty, let others = try? own?.takeBack(edited, keepsTimes: true), others.isEmpty {
            return left
        }
        for step in steps.reversed() {
            do throws(ToolError) {
                switch step {
                case .edited(let path, let back, let version):
                    _ = try ground.splice(path, back, expecting: version)
                case .rewritten(let path, let kept, let version):
                    guard version == FileVersion(try ground.status(path)) else {
                        left.append(.init(path: path, before: kept))
                        continue
                    }
                    let times = try place(for: path)
                    try ground.makeLink(kept, as: times)
                    try ground.install(kept, as: path, replaces: true)
                    try ground.keepAttributes(of: times, on: path, .all)
                }
            } catch {
                switch step {
                case .edited(let path, _, _): left.append(.init(path: path))
                case .rewritten(let path, let kept, _): left.append(.init(path: path, before: kept))
                }
            }
        }
        return left
    }
}
