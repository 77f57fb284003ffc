// CopyMerge: decides what a copy does with a file that exists at its destination, if both come from a third
// one. A change of only one side is taken; texts that both sides have changed are merged.

internal import Platform

struct CopyMerge {
    enum Verdict: Equatable {
        /// The destination stays; the reason is listed with what was left out.
        case stays(String)
        /// The source replaces the destination.
        case taken
        /// Both sides have changed a text; the overlaps are marked.
        case merged(overlaps: Int)
        case conflict(String)
    }

    private let ground: any Ground
    private let base: ToolPath
    private let overlap: TextMerge.Overlap
    private let texts = TextMerge(ours: "destination", base: "before", theirs: "source")

    init(_ ground: any Ground, _ options: CopyOptions) throws(ToolError) {
        guard let base = options.mergeBase else {
            throw ToolError(
                .usage, "a merge needs merge_base: the common origin of both sides, a file or directory")
        }
        // A renamed or filled-in file has no counterpart in the base.
        guard options.names == nil, options.nameExpression == nil, !options.flattens,
            options.variables == nil
        else {
            throw ToolError(
                .usage, "a merge takes no rename, flatten or variables: copy first, then merge the copy")
        }
        _ = try ground.status(base)
        self.ground = ground
        self.base = base
        overlap = options.overlap
    }

    /// - Parameters:
    ///   - names: the names of the file below the destination, and so below the base.
    ///   - target: nil if the destination does not exist.
    func verdict(
        _ source: ToolPath, _ names: [[UInt8]], target: ToolPath?
    ) throws(ToolError) -> Verdict {
        let before = try baseFile(names)
        guard let target else {
            // A symlink in the base is no base file, but was removed here anyway.
            guard let before else { return try isInBase(names) ? removedHere : .taken }
            if try areSame(source, before) {
                return .stays("removed at the destination, unchanged in the source")
            }
            return removedHere
        }
        if try areSame(source, target) { return .stays("both are the same") }
        if let before {
            if try areSame(source, before) { return .stays("unchanged in the source") }
            if try areSame(target, before) { return .taken }
        }
        guard let merged = try merge(source, target, before) else {
            switch overlap {
            case .ours: return .stays("both have changed it, and it is not text")
            case .theirs: return .taken
            case .fail, .mark:
                return .conflict(
                    "both have changed it, and it is not text of at most \(TextMerge.largest >> 20) MiB")
            }
        }
        if overlap == .fail, merged.overlaps > 0 {
            return .conflict("overlapping changes: \(merged.overlaps)")
        }
        return .merged(overlaps: merged.overlaps)
    }

    /// Decides about a symlink, also if only one side is a symlink.
    func verdict(
        ofLink source: ToolPath, _ names: [[UInt8]], target: ToolPath?
    ) throws(ToolError) -> Verdict {
        let theirs = try link(source)
        let before = try baseType(names) == .symlink ? ground.symlinkTarget(basePath(names)) : nil
        guard let target else {
            guard theirs != nil, theirs == before else {
                return try isInBase(names) ? removedHere : .taken
            }
            return .stays("removed at the destination, unchanged in the source")
        }
        let ours = try link(target)
        if theirs != nil, theirs == ours { return .stays("both are the same") }
        if theirs != nil, theirs == before { return .stays("unchanged in the source") }
        if ours != nil, ours == before { return .taken }
        switch overlap {
        case .ours: return .stays("the destination has another link or file")
        case .theirs: return .taken
        case .fail, .mark: return .conflict("one of them is a symlink, and they are not the same")
        }
    }

    /// Returns the target of a symlink, or nil if the path is no symlink.
    private func link(_ path: ToolPath) throws(ToolError) -> [UInt8]? {
        try ground.status(path).type == .symlink ? ground.symlinkTarget(path) : nil
    }

    private var removedHere: Verdict {
        switch overlap {
        case .ours: .stays("removed at the destination")
        case .fail: .conflict("removed at the destination, changed in the source")
        case .mark, .theirs: .taken
        }
    }

    /// Returns the merged text of two files, after `verdict` returned `merged`.
    /// - Throws: `stale` if one of them has changed since.
    func text(
        _ source: ToolPath, _ names: [[UInt8]], target: ToolPath
    ) throws(ToolError) -> [UInt8] {
        guard let merged = try merge(source, target, try baseFile(names)),
            overlap != .fail || merged.overlaps == 0
        else {
            throw ToolError(.stale, "\(target) has changed while it was merged: nothing was copied")
        }
        return merged.text
    }

    private func areSame(_ one: ToolPath, _ other: ToolPath) throws(ToolError) -> Bool {
        try FileComparison.areSame(try ground.open(one), try ground.open(other))
    }

    func isInBase(_ names: [[UInt8]]) throws(ToolError) -> Bool { try baseType(names) != nil }

    private func basePath(_ names: [[UInt8]]) -> ToolPath {
        ToolPath(names: base.names + names.map { FileName(trusted: $0) })
    }

    private func baseType(_ names: [[UInt8]]) throws(ToolError) -> FileType? {
        do throws(ToolError) {
            return try ground.status(basePath(names)).type
        } catch {
            guard error.kind == .missing else { throw error }
            return nil
        }
    }

    private func baseFile(_ names: [[UInt8]]) throws(ToolError) -> ToolPath? {
        try baseType(names) == .regular ? basePath(names) : nil
    }

    /// - Returns: nil if a file is not text, or too large.
    private func merge(
        _ source: ToolPath, _ target: ToolPath, _ before: ToolPath?
    ) throws(ToolError) -> (text: [UInt8], overlaps: Int)? {
        guard let theirs = try whole(source), let ours = try whole(target) else { return nil }
        var then: [UInt8] = []
        if let before {
            guard let bytes = try whole(before) else { return nil }
            then = bytes
        }
        do throws(TextMerge.Failure) {
            switch try texts.run(ours: ours, base: then, theirs: theirs, overlap: overlap) {
            case .text(let text, let overlaps): return (text, overlaps)
            case .noText: return nil
            }
        } catch {
            switch error {
            case .noGit: throw ToolError(.unsupported, "a merge needs git, which was not found")
            case .git(let status):
                throw ToolError(.system, "git merge-file failed with exit status \(status) on \(target)")
            case .system(let errno): throw ToolError(errno, "write", "the texts to merge")
            }
        }
    }

    private func whole(_ path: ToolPath) throws(ToolError) -> [UInt8]? {
        let file = try ground.open(path)
        guard try file.status().size <= TextMerge.largest else { return nil }
        let bytes = try file.read(Int(TextMerge.largest) + 1, at: 0)
        return UInt64(bytes.count) <= TextMerge.largest ? bytes : nil
    }
}
