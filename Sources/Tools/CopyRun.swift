// CopyRun: carries out a plan. Everything is made in a hidden directory beside the destination. Then the
// new files get their names, and existing files are exchanged with them until all are placed. So a copy
// that fails or is cancelled leaves the destination as it was. A copy that is one record of a workspace
// needs no such directory.

internal import Platform

package struct CopyResult: Sendable {
    package var files = 0
    package var directories = 0
    package var links = 0
    /// The bytes of the copied files.
    package var bytes: UInt64 = 0
    /// The bytes of these that the copies share with their sources.
    package var sharedBytes: UInt64 = 0
    /// The number of existing files that are replaced.
    package var replaced = 0
    package var filledTemplates = 0
    /// The number of files that merge the changes of both sides, and of places that both have changed.
    package var merged = 0
    package var overlaps = 0
    /// Entries that exist, or that the plan leaves out, with the reason.
    package var skipped: [CopyPlan.Skipped] = []
    /// The places of the first copies.
    package var copies: [(source: ToolPath, destination: ToolPath, size: UInt64)] = []
}

package struct CopyRun {
    let ground: any Ground
    let plan: CopyPlan
    let destination: ToolPath
    let options: CopyOptions
    /// Receives the numbers of finished files and of their bytes.
    package var onProgress: (Int, UInt64) -> Void = { _, _ in }
    package var isCancelled: () -> Bool = { false }

    /// The maximum number of copies that a result lists.
    package static let namedCopies = 50
    /// The maximum number of files that one command clones.
    private static let cloneBatch = 500

    package init(
        _ ground: any Ground, _ plan: CopyPlan, to destination: ToolPath, _ options: CopyOptions
    ) {
        self.ground = ground
        self.plan = plan
        self.destination = destination
        self.options = options
    }

    /// Returns what a copy would do, including conflicts. Nothing is changed.
    /// - Throws: `exists` if there are conflicts and the rule is to fail; `usage` if the copy would lie in
    ///   its own source.
    package func preview() throws(ToolError) -> CopyResult {
        try checkApart()
        return result(of: try placements())
    }

    package func run() throws(ToolError) -> CopyResult {
        try checkApart()
        let placements = try placements()
        var result = result(of: placements)
        if try cloneAtOnce(placements, &result) { return result }
        let stage = try Stage(ground, for: destination)
        do throws(ToolError) {
            try make(placements, stage, &result)
            try checkCancelled()
        } catch {
            stage.discard()
            throw error
        }
        try commit(placements, stage)
        stage.discard()
        return result
    }

    private func checkApart() throws(ToolError) {
        guard let top = plan.items.first, top.kind == .directory else { return }
        // Each may be reached through a symlink.
        let (source, target) = (try ground.resolved(top.source), try ground.resolved(destination))
        guard target.names(below: source) == nil else {
            throw ToolError(.usage, "\(destination) lies in \(top.source): a copy cannot contain itself")
        }
    }

    func checkCancelled() throws(ToolError) {
        if isCancelled() { throw ToolError(.cancelled, "the copy was cancelled: nothing was changed") }
    }

    // MARK: What is in the way

    struct Placement {
        var item: Int
        /// The names below the destination.
        var names: [[UInt8]]
        var replaces = false
        /// Whether the directory exists already and stays.
        var isThere = false
        /// The state of the file that is replaced, if the decision depended on it.
        var seen: PlacedFiles.Mark?
        /// The version of the existing file that is merged with the source.
        var merges: FileVersion?
        var overlaps = 0
    }

    struct Placements {
        var all: [Placement] = []
        var skipped: [CopyPlan.Skipped] = []
        /// Decides about existing files; nil if the copy is no merge.
        var merge: CopyMerge?
        /// Whether the destination itself does not exist.
        var isNew = true
    }

    func path(_ names: [[UInt8]], below top: ToolPath) -> ToolPath {
        ToolPath(names: top.names + names.map { FileName(trusted: $0) })
    }

    private func target(_ placement: Placement) -> ToolPath {
        // A single file that gets another name than the destination is placed beside it.
        let isBeside = plan.items[placement.item].names.isEmpty && !placement.names.isEmpty
        return path(placement.names, below: isBeside ? destination.parent : destination)
    }

    private func result(of placements: Placements) -> CopyResult {
        var result = CopyResult()
        result.skipped = plan.skipped + placements.skipped
        for placement in placements.all {
            let item = plan.items[placement.item]
            switch item.kind {
            case .directory: result.directories += placement.isThere ? 0 : 1
            case .file:
                result.files += 1
                result.bytes = result.bytes.addingReportingOverflow(item.status.size).partialValue
            case .link: result.files += 1
            case .symlink: result.links += 1
            }
            if placement.merges != nil {
                result.merged += 1
                result.overlaps += placement.overlaps
            } else if placement.replaces {
                result.replaced += 1
            }
            if item.kind != .directory, result.copies.count < Self.namedCopies {
                result.copies.append((item.source, target(placement), item.status.size))
            }
        }
        return result
    }

    // MARK: Making

    private func staged(_ placement: Placement, _ stage: Stage) -> ToolPath {
        placement.names.isEmpty
            ? stage.fresh : path(placement.names, below: stage.fresh)
    }

    private func isClone(_ placements: Placements) -> Bool {
        plan.isWhole && placements.isNew && options.keeps.isSuperset(of: .usual)
    }

    /// Clones everything in one record, all or nothing.
    /// - Returns: false if the ground cannot, or if directories above are missing.
    private func cloneAtOnce(
        _ placements: Placements, _ result: inout CopyResult
    ) throws(ToolError) -> Bool {
        guard isClone(placements), let top = plan.items.first,
            Stage.missing(above: destination, ground).isEmpty
        else { return false }
        try checkCancelled()
        guard try ground.clone([(top.source, destination)]) else { return false }
        result.sharedBytes = plan.bytes
        onProgress(result.files, result.bytes)
        return true
    }

    private func make(
        _ placements: Placements, _ stage: Stage, _ result: inout CopyResult
    ) throws(ToolError) {
        if isClone(placements), let top = plan.items.first,
            try ground.clone([(top.source, stage.fresh)]) {
            result.sharedBytes = plan.bytes
            onProgress(result.files, result.bytes)
            return
        }
        // A single file with a name of its own needs a directory around it.
        if let first = placements.all.first, !first.names.isEmpty {
            try ground.makeDirectory(stage.fresh, withParents: false)
        }
        var places: [Int: ToolPath] = [:]
        var batch = CloneBatch()
        for placement in placements.all {
            let item = plan.items[placement.item]
            let target = staged(placement, stage)
            if item.kind != .directory { places[placement.item] = target }
            switch item.kind {
            case .directory:
                if target == stage.fresh, (try? ground.status(target)) != nil { continue }
                try ground.makeDirectory(target, withParents: false)
            case .symlink(let link):
                try ground.makeSymlink(
                    target, to: link, like: options.keeps.contains(.times) ? item.status : nil)
            case .link(let first):
                try clone(&batch, &result)
                if let place = places[first] {
                    try ground.makeLink(place, as: target)
                } else {
                    _ = try ground.copyFile(item.source, to: target, keeping: options.keeps)
                }
            case .file:
                if let seen = placement.merges, let merge = placements.merge {
                    try makeMerged(merge, item, seen, target)
                    continue
                }
                if try fill(item, target, &result) { continue }
                batch.files.append((item.source, target))
                batch.bytes += item.status.size
                if batch.files.count >= Self.cloneBatch || batch.bytes > 256 << 20 {
                    try checkCancelled()
                    try clone(&batch, &result)
                }
            }
        }
        try clone(&batch, &result)
        try finishDirectories(placements, stage)
    }

    /// Files that one command clones.
    private struct CloneBatch {
        var files: [(source: ToolPath, destination: ToolPath)] = []
        var bytes: UInt64 = 0
        /// Files and bytes of the batches before.
        var done: (files: Int, bytes: UInt64) = (0, 0)
    }

    /// Clones what the batch has, or copies it where the ground cannot clone.
    private func clone(_ batch: inout CloneBatch, _ result: inout CopyResult) throws(ToolError) {
        guard !batch.files.isEmpty else { return }
        if try ground.clone(batch.files) {
            result.sharedBytes += batch.bytes
        } else {
            for (source, target) in batch.files {
                try checkCancelled()
                result.sharedBytes += try ground.copyFile(source, to: target, keeping: options.keeps)
            }
        }
        batch.done.files += batch.files.count
        batch.done.bytes += batch.bytes
        onProgress(batch.done.files, batch.done.bytes)
        batch.files = []
        batch.bytes = 0
    }

    /// Sets the attributes of directories last, since making entries changes their times.
    private func finishDirectories(_ placements: Placements, _ stage: Stage) throws(ToolError) {
        for placement in placements.all.reversed() where !placement.isThere {
            let item = plan.items[placement.item]
            if item.kind == .directory {
                try ground.keepAttributes(
                    of: item.source, on: staged(placement, stage), options.keeps)
            }
        }
    }

    /// Fills in a template.
    /// - Returns: false if the file is no template: it is copied as it is.
    private func fill(
        _ item: CopyPlan.Item, _ target: ToolPath, _ result: inout CopyResult
    ) throws(ToolError) -> Bool {
        guard let variables = options.variables else { return false }
        let text = try TextFile(try ground.open(item.source))
        guard text.encoding != .binary, let braces = text.encoding.encode("{{"),
            let search = ByteSearch(braces),
            try !search.places(in: text, 0..<text.size, atMost: 1).isEmpty
        else { return false }
        guard text.size <= Template.largestText else {
            throw ToolError(
                .bounds,
                "\(item.source) is a template of \(text.size) bytes: templates have at most "
                    + "\(Template.largestText)")
        }
        let bytes = try text.read(0..<text.size)
        guard let string = text.encoding.decode(bytes[...]) else {
            throw ToolError(.encoding, "\(item.source) has bytes that are not \(text.encoding.rawValue)")
        }
        let filled = try Template(variables).fill(string, where: "\(item.source)")
        guard let encoded = text.encoding.encode(filled) else {
            throw ToolError(
                .encoding,
                "a variable has characters that \(text.encoding.rawValue) of \(item.source) does not have")
        }
        try ground.create(target, encoded)
        try ground.keepAttributes(of: item.source, on: target, options.keeps.subtracting(.times))
        result.filledTemplates += 1
        return true
    }

    // MARK: Names

    private func commit(_ placements: Placements, _ stage: Stage) throws(ToolError) {
        var placed = PlacedFiles(ground)
        do throws(ToolError) {
            try placed.makeDirectories(above: destination)
            if placements.isNew {
                return try placed.place(stage.fresh, at: destination, replaces: false)
            }
            // A new directory is placed with everything in it.
            var whole: Set<[[UInt8]]> = []
            for placement in placements.all where !placement.isThere {
                let names = placement.names
                if names.indices.contains(where: { whole.contains(Array(names[..<$0])) }) { continue }
                if plan.items[placement.item].kind == .directory { whole.insert(names) }
                let target = target(placement)
                try placed.place(
                    staged(placement, stage), at: target, replaces: placement.replaces,
                    seen: placement.seen)
            }
        } catch {
            let left = placed.undo()
            // The stage is kept if it holds replaced files that could not be put back.
            if !left.contains(where: { $0.before != nil }) { stage.discard() }
            throw PlacedFiles.explain(error, left)
        }
        placed.keepContents(tells: false)
    }
}
