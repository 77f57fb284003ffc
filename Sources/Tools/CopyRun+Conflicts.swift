// CopyRun+Conflicts: finds what exists at the destination of a copy before anything is made, and applies
// the rule for conflicts.

internal import Platform

extension CopyRun {
    func placements() throws(ToolError) -> Placements {
        var found = Placements()
        found.isNew = (try? ground.status(destination)) == nil
        if found.isNew {
            found.all = plan.items.indices.map { Placement(item: $0, names: plan.items[$0].names) }
            return found
        }
        let merge = options.conflict == .merge ? try CopyMerge(ground, options) : nil
        found.merge = merge
        var conflicts: [(path: ToolPath, reason: String)] = []
        for (index, item) in plan.items.enumerated() {
            try checkCancelled()
            var placement = Placement(item: index, names: item.names)
            let target = path(item.names, below: destination)
            let status = try? ground.status(target)
            if item.kind == .directory || status?.type == .directory {
                if let status {
                    guard item.kind == .directory, status.type == .directory else {
                        throw ToolError(
                            .exists,
                            "\(target) is \(status.type == .directory ? "a" : "not a") directory, but "
                                + "\(item.source) is \(item.kind == .directory ? "a directory" : "not")")
                    }
                    placement.isThere = true
                }
                found.all.append(placement)
                continue
            }
            if let merge {
                let verdict = try judge(merge, item, target, status, &placement)
                switch verdict {
                case .stays(let reason): found.skipped.append(.init(path: item.source, reason: reason))
                case .conflict(let reason): conflicts.append((target, reason))
                case .taken, .merged: found.all.append(placement)
                }
                continue
            }
            guard let status else {
                found.all.append(placement)
                continue
            }
            if !apply(item, status, &placement, &found) { conflicts.append((target, "")) }
        }
        if !conflicts.isEmpty { throw refusal(of: conflicts) }
        if let merge { try leaveRemoved(merge, &found) }
        return found
    }

    /// Applies the rule to a file that exists at the destination.
    /// - Returns: false if it is a conflict.
    private func apply(
        _ item: CopyPlan.Item, _ status: FileStatus, _ placement: inout Placement,
        _ found: inout Placements
    ) -> Bool {
        switch options.conflict {
        case .fail, .merge: return false
        case .skip:
            found.skipped.append(.init(path: item.source, reason: "destination exists"))
        case .newer where status.modificationTime >= item.status.modificationTime:
            found.skipped.append(.init(path: item.source, reason: "destination is not older"))
        case .overwrite, .newer:
            placement.replaces = true
            // `newer` replaces the file only if it is still the older one that was seen here.
            if options.conflict == .newer { placement.seen = PlacedFiles.Mark(status) }
            found.all.append(placement)
        case .rename:
            let names = item.names.isEmpty
                ? [destination.names.last?.bytes ?? []] : item.names
            let top = item.names.isEmpty ? destination.parent : destination
            placement.names = CopyPlan.free(names) { tried in
                (try? ground.status(path(tried, below: top))) != nil
            }
            found.all.append(placement)
        }
        return true
    }

    /// Decides what a merge does with one file or symlink.
    private func judge(
        _ merge: CopyMerge, _ item: CopyPlan.Item, _ target: ToolPath, _ status: FileStatus?,
        _ placement: inout Placement
    ) throws(ToolError) -> CopyMerge.Verdict {
        let there = status == nil ? nil : target
        let areFiles = item.status.type == .regular && status?.type ?? .regular == .regular
        let verdict = areFiles
            ? try merge.verdict(item.source, item.names, target: there)
            : try merge.verdict(ofLink: item.source, item.names, target: there)
        placement.replaces = status != nil
        placement.seen = status.map(PlacedFiles.Mark.init)
        if case .merged(let overlaps) = verdict, let status {
            placement.merges = FileVersion(status)
            placement.overlaps = overlaps
        }
        return verdict
    }

    /// Leaves out directories that were removed at the destination, unless something in them is copied.
    private func leaveRemoved(
        _ merge: CopyMerge, _ found: inout Placements
    ) throws(ToolError) {
        var needed: Set<[[UInt8]]> = []
        for placement in found.all {
            if plan.items[placement.item].kind == .directory, !placement.isThere,
                try merge.isInBase(placement.names) { continue }
            var names = placement.names[...]
            while !names.isEmpty, needed.insert(Array(names)).inserted { names = names.dropLast() }
        }
        var kept: [Placement] = []
        for placement in found.all {
            let isDirectory = plan.items[placement.item].kind == .directory
            if isDirectory, !placement.isThere, !needed.contains(placement.names),
                !placement.names.isEmpty { continue }
            kept.append(placement)
        }
        found.all = kept
    }

    private func refusal(of conflicts: [(path: ToolPath, reason: String)]) -> ToolError {
        guard options.conflict == .merge else {
            let more = conflicts.count > 1 ? ", and \(conflicts.count - 1) more" : ""
            return ToolError(
                .exists,
                "\(conflicts.first?.path ?? destination) exists already\(more): nothing was copied; "
                    + "choose a rule for existing files (overwrite, skip, rename, newer, merge)")
        }
        let named = conflicts.prefix(10).map { "\($0.path) (\($0.reason))" }
        let more = conflicts.count > 10 ? ", and \(conflicts.count - 10) more" : ""
        return ToolError(
            .exists,
            "cannot merge \(named.joined(separator: ", "))\(more); nothing was copied; "
                + "choose another rule for overlaps (mark, ours, theirs)")
    }

    /// Makes the merged file. All but its content is taken from the destination.
    func makeMerged(
        _ merge: CopyMerge, _ item: CopyPlan.Item, _ seen: FileVersion, _ target: ToolPath
    ) throws(ToolError) {
        let there = path(item.names, below: destination)
        try ground.create(target, try merge.text(item.source, item.names, target: there))
        guard FileVersion(try ground.status(there)) == seen else {
            throw ToolError(.stale, "\(there) has changed while it was merged: nothing was copied")
        }
        try ground.keepAttributes(of: there, on: target, KeptAttributes.all.subtracting(.times))
    }
}
