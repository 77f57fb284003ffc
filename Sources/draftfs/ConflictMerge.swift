// ConflictMerge: a refresh in which texts that both sides changed are merged. All of them must merge without
// overlaps; if not, nothing is done. The merged texts are edits of the workspace, and the refresh keeps them.

import Platform

struct ConflictMerge {
    let place: Place
    let json: Bool

    /// - Parameter showsReport: whether the merged paths are printed.
    func run(showsReport: Bool = true) throws(Failure) {
        try place.command("refresh", ["--dry-run", "."])
        let lines = try place.objects("refresh").map(\.value)
        let conflicts = lines.filter { $0["conflict"] != nil }
        let target = lines.first?["to"]?.unsigned ?? 0
        guard !conflicts.isEmpty else { return try refresh([], to: target, showsReport) }
        try refuseOthers(conflicts)
        var merges: [(merge: FileMerge, merged: FileMerge.Merged)] = []
        var overlapping: [String] = []
        for conflict in conflicts {
            // What the workspace has committed itself is the common state.
            let seen = conflict["seen"]?.unsigned.map { "at/base-after-\($0)" } ?? "at/base"
            let merge = try FileMerge(
                place, "/" + (conflict["path"]?.text ?? ""), then: seen, now: "at/base-after-\(target)")
            let merged = try merge.merge()
            if merged.overlaps > 0 { overlapping.append(merge.name) }
            merges.append((merge, merged))
        }
        if let first = overlapping.first {
            let more = overlapping.count > 1 ? ", and in \(overlapping.count - 1) more" : ""
            throw Failure(
                "both changed the same lines in \(first)\(more): nothing was done; edit them, or decide by "
                    + "--ours or --theirs", errno: .busy)
        }
        try refresh(merges, to: target, showsReport)
    }

    /// Shows the conflicts that are not of texts.
    private func refuseOthers(_ conflicts: [JSONValue]) throws(Failure) {
        let others = conflicts.filter { $0["content"]?.boolean != true }
        guard let first = others.first else { return }
        for conflict in others where !json {
            let path = Text.printable(conflict["path"]?.plain ?? "")
            print("C\t\(path)\t\(conflict["conflict"]?.plain ?? "")")
        }
        let more = others.count > 1 ? ", and \(others.count - 1) more," : ""
        throw Failure(
            "\(Text.printable(first["path"]?.plain ?? ""))\(more) cannot be merged: nothing was done; --ours "
                + "or --theirs decides", errno: .busy)
    }

    /// Refreshes to the commit with which the texts were merged. If the base or other files of the workspace
    /// change meanwhile, it is refused.
    private func refresh(
        _ merges: [(merge: FileMerge, merged: FileMerge.Merged)], to commit: UInt64, _ showsReport: Bool
    ) throws(Failure) {
        var done: [(merge: FileMerge, done: FileMerge.Done)] = []
        do throws(Failure) {
            for (merge, merged) in merges where !merged.isSame {
                done.append((merge, try merge.write(merged)))
            }
            let paths = merges.map(\.merge.path)
            try place.command(
                "refresh",
                ["--commit", "\(commit)"] + (paths.isEmpty ? ["."] : ["--ours"] + paths))
        } catch {
            var error = error
            for (merge, edit) in done.reversed() { error = merge.takeBack(edit, after: error) }
            throw error
        }
        guard showsReport, !json else { return }
        for (merge, _) in merges { print("merged\t\(Text.printable(String(merge.path.dropFirst())))") }
    }
}
