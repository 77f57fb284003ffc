// EditCopy: copies of files that are edited before they get their names. A copy shares the bytes of its
// source, and each edit adds what it changes. All copies of one call are made together, or none.

internal import Platform

package struct EditCopy {
    package struct Item: Sendable {
        package var source: ToolPath
        package var destination: ToolPath
        /// The edits of the copy; their offsets and lines are those of the source.
        package var edits: @Sendable (TextFile) throws(ToolError) -> [TextEdit]

        package init(
            source: ToolPath, destination: ToolPath,
            edits: @escaping @Sendable (TextFile) throws(ToolError) -> [TextEdit]
        ) {
            self.source = source
            self.destination = destination
            self.edits = edits
        }
    }

    package struct Done: Sendable {
        package var destination: ToolPath
        /// The size of the copy in bytes.
        package var size: UInt64
        /// The number of places that were edited.
        package var edits: Int
        package var preview: String
        package var replaced: Bool
        package var sharedBytes: UInt64
    }

    private let ground: any Ground
    private let replaces: Bool
    private let keeps: KeptAttributes
    /// The maximum number of bytes of each preview.
    private let previewBytes: Int
    package var isCancelled: @Sendable () -> Bool = { false }

    package init(
        _ ground: any Ground, replaces: Bool, keeps: KeptAttributes = .usual, previewBytes: Int
    ) {
        self.ground = ground
        self.replaces = replaces
        self.keeps = keeps
        self.previewBytes = previewBytes
    }

    /// Makes all copies, or none.
    package func run(_ items: [Item], dryRun: Bool = false) throws(ToolError) -> [Done] {
        var stages: [Stage] = []
        defer { for stage in stages.reversed() { stage.discard() } }
        var done: [Done] = []
        var targets: Set<ToolPath> = []
        for (index, item) in items.enumerated() {
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled: nothing was copied") }
            do throws(ToolError) {
                guard targets.insert(try ground.resolved(item.destination)).inserted else {
                    throw ToolError(.exists, "\(item.destination) is the destination of two items")
                }
                let stage = try Stage(ground, for: item.destination)
                stages.append(stage)
                done.append(try make(item, stage))
            } catch {
                throw items.count == 1
                    ? error : ToolError(error.kind, "item \(index + 1): \(error.description)")
            }
        }
        if dryRun { return done }
        var placed = PlacedFiles(ground)
        do throws(ToolError) {
            for (index, item) in items.enumerated() {
                try placed.makeDirectories(above: item.destination)
                try placed.place(
                    stages[index].fresh, at: item.destination, replaces: done[index].replaced)
            }
        } catch {
            let left = placed.undo()
            // The stages hold the replaced files that could not be put back.
            if left.contains(where: { $0.before != nil }) { stages = [] }
            throw PlacedFiles.explain(error, left)
        }
        placed.keepContents(tells: false)
        return done
    }

    private func make(_ item: Item, _ stage: Stage) throws(ToolError) -> Done {
        let existing = try? ground.status(item.destination)
        if let existing {
            guard existing.type != .directory else {
                throw ToolError(.wrongType, "\(item.destination) is a directory: name the copy itself")
            }
            guard replaces else {
                throw ToolError(
                    .exists,
                    "\(item.destination) exists already: nothing was copied; give "
                        + "on_conflict overwrite, or another path")
            }
        }
        let source = try ground.resolved(item.source)
        let file = try ground.open(source)
        var shared: UInt64 = 0
        if try ground.clone([(source, stage.fresh)]) {
            shared = try file.status().size
        } else {
            shared = try ground.copyFile(source, to: stage.fresh, keeping: keeps)
        }
        let text = try TextFile(try ground.open(stage.fresh))
        text.isCancelled = isCancelled
        let planned = try EditPlanner(text).plan(try item.edits(text))
        let preview = try EditPreview(text, mostBytes: previewBytes)
            .diff(planned, name: "\(item.destination)")
        let splices = planned.map(\.splice)
        if !splices.isEmpty {
            _ = try ground.splice(stage.fresh, splices, expecting: nil)
        }
        let status = try ground.status(stage.fresh)
        let deleted = splices.reduce(UInt64(0)) { $0 + $1.delete }
        return Done(
            destination: item.destination, size: status.size, edits: planned.count,
            preview: preview, replaced: existing != nil, sharedBytes: shared - min(shared, deleted))
    }
}
