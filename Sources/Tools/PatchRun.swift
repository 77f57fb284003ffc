// PatchRun: applies a patch to the files below a directory, or to one file. Everything is planned before
// PatchChange makes the changes.

internal import Platform

package struct PatchRun {
    /// The change of one file.
    package struct Target {
        package var path: ToolPath
        package var kind: FilePatch.Kind
        package var planned: [PlannedEdit] = []
        package var hunks: Int
        /// The number of hunks that were at other lines than stated.
        package var shifted = 0
        /// The file before the change; nil for a file that is made.
        package var text: TextFile?
        /// The content of a file that is made.
        package var content: [UInt8] = []
    }

    private let ground: any Ground
    package var isCancelled: @Sendable () -> Bool = { false }
    /// Opens a file as text.
    package var open: (ToolPath) throws(ToolError) -> TextFile

    package init(_ ground: any Ground) {
        self.ground = ground
        open = { path throws(ToolError) in try TextFile(try ground.open(path)) }
    }

    // MARK: Planning

    /// Finds the places of all hunks. Nothing is changed.
    /// - Parameter path: the directory that the names in the patch are relative to, or the one file that
    ///   the patch is for, whatever the patch calls it.
    /// - Throws: one error with a sentence for each file that cannot be patched.
    package func plan(_ patch: PatchText, at path: ToolPath) throws(ToolError) -> [Target] {
        let status = try? ground.status(try ground.resolved(path))
        let isDirectory = status?.type == .directory
        guard isDirectory || patch.files.count == 1 else {
            throw ToolError(
                .usage,
                "the patch has \(patch.files.count) files: name the directory that its names are relative to")
        }
        var targets: [Target] = []
        var problems: [ToolError] = []
        var seen: Set<ToolPath> = []
        for file in patch.files {
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled: nothing was changed") }
            do throws(ToolError) {
                let target = isDirectory ? try place(file, below: path) : path
                guard seen.insert(try ground.resolved(target)).inserted else {
                    throw ToolError(.usage, "the patch has two parts for it: use a separate call for each")
                }
                targets.append(try plan(file, target))
            } catch {
                let name = isDirectory ? file.name : "\(path)"
                problems.append(
                    error.description.contains(name)
                        ? error : ToolError(error.kind, "\(name): \(error.description)"))
            }
        }
        guard let first = problems.first else { return targets }
        if problems.count == 1 { throw first }
        let all = problems.map(\.description).joined(separator: "; ")
        throw ToolError(first.kind, "\(problems.count) files cannot be patched: \(all)")
    }

    private func place(_ file: FilePatch, below directory: ToolPath) throws(ToolError) -> ToolPath {
        let name = file.path
        guard !name.isEmpty else {
            throw ToolError(.usage, "a part of the patch has no name: name the file instead of the directory")
        }
        let path = try ToolPath(name.first == 0x2f ? name : directory.bytes + [0x2f] + name)
        // A symlink must not lead out of the given directory.
        let real = try ground.resolved(path)
        guard real.names(below: try ground.resolved(directory)) != nil else {
            throw ToolError(.denied, "\(file.name) is outside of \(directory)")
        }
        return path
    }

    private func plan(_ file: FilePatch, _ path: ToolPath) throws(ToolError) -> Target {
        var target = Target(path: path, kind: file.kind, hunks: file.hunkCount)
        if file.kind == .make {
            guard (try? ground.status(path)) == nil else {
                throw ToolError(.exists, "the patch creates \(path), but \(path) exists already")
            }
            target.content = try file.content()
            return target
        }
        let text = try open(path)
        target.text = text
        (target.planned, target.shifted) = try file.plan(text)
        if file.kind == .remove {
            let goes = target.planned.reduce(UInt64(0)) { $0 + $1.splice.delete }
            guard goes == text.size, target.planned.allSatisfy({ $0.splice.insert.isEmpty }) else {
                throw ToolError(
                    .noMatch, "the patch removes \(path), but does not have all of its content")
            }
        }
        return target
    }

    // MARK: Making

    /// Makes the planned changes, all or nothing.
    /// - Returns: the versions of the files that are edited or made.
    package func make(_ targets: [Target]) throws(ToolError) -> [ToolPath: FileVersion] {
        var making = PatchChange(ground, isCancelled: isCancelled)
        return try making.run(targets)
    }
}
