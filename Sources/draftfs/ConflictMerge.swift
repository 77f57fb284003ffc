// ConflictMerge: a refresh or a merge of workspaces in which texts that both sides changed are merged. All
// of them must merge without overlaps; if not, nothing is done. The merged texts are edits of the workspace
// that is refreshed or merged into, which the command leaves as they are.

import Platform

struct ConflictMerge {
    /// What is asked: the control file and its workspace.
    private let place: Place
    private let file: String
    /// The first word of the command, if it needs one.
    private let target: String?
    /// The workspace that gets the merged texts.
    private let edited: Place
    private let json: Bool

    /// A refresh of a workspace.
    init(refreshing place: Place, json: Bool) {
        (self.place, file, target, edited) = (place, "refresh", nil, place)
        self.json = json
    }

    /// A merge of one workspace into another.
    /// - Parameter name: the other one's name, as a word of the control file.
    init(_ place: Place, into target: Place, named name: String, json: Bool) {
        (self.place, file, self.target, edited) = (place, "merge", name, target)
        self.json = json
    }

    private func command(_ words: [String]) throws(Failure) {
        try place.command(file, (target.map { [$0] } ?? []) + words)
    }

    /// - Parameter showsReport: whether the merged paths are printed.
    /// - Returns: the number of merged texts.
    @discardableResult
    func run(showsReport: Bool = true) throws(Failure) -> Int {
        try command(target == nil ? ["--dry-run", "."] : ["--dry-run"])
        let lines = try place.objects(file).map(\.value)
        guard let first = lines.first else { throw Failure("\(file) gave no report") }
        let conflicts = lines.filter { $0["conflict"] != nil }
        guard !conflicts.isEmpty else {
            try finish([], first, showsReport)
            return 0
        }
        try refuseOthers(conflicts)
        var merges: [(merge: FileMerge, merged: FileMerge.Merged)] = []
        var overlapping: [String] = []
        for conflict in conflicts {
            let merge = try fileMerge(conflict, first)
            // Of two workspaces each part conflicts by itself.
            let merged = try merge.merge(withAttributes: target == nil)
            if merged.overlaps > 0 { overlapping.append(merge.name) }
            merges.append((merge, merged))
        }
        if let name = overlapping.first {
            let more = overlapping.count > 1 ? ", and in \(overlapping.count - 1) more" : ""
            throw Failure(
                "both changed the same lines in \(name)\(more): nothing was done; edit them, or decide by "
                    + "--ours or --theirs", errno: .busy)
        }
        try finish(merges, first, showsReport)
        return merges.count
    }

    private func fileMerge(_ conflict: JSONValue, _ first: JSONValue) throws(Failure) -> FileMerge {
        let path = "/" + (conflict["path"]?.text ?? "")
        if target == nil {
            // What the workspace has committed itself is the common state.
            let seen = conflict["seen"]?.unsigned.map { "at/base-after-\($0)" } ?? "at/base"
            return try FileMerge(
                place, path, then: FileMerge.State(place: place, directory: seen),
                now: FileMerge.State(
                    place: place, directory: "at/base-after-\(first["to"]?.unsigned ?? 0)"))
        }
        let ancestor = first["ancestor"]?.unsigned.map { "at/@\($0)" } ?? "at/base"
        return try FileMerge(
            edited, path,
            then: FileMerge.State(
                place: first["ancestor_of"]?.text == "target" ? edited : place, directory: ancestor),
            now: FileMerge.State(place: place, directory: "at/@\(first["sequence"]?.unsigned ?? 0)"))
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

    /// Runs the command for the state with which the texts were merged. If other files change meanwhile, it
    /// is refused.
    private func finish(
        _ merges: [(merge: FileMerge, merged: FileMerge.Merged)], _ first: JSONValue, _ showsReport: Bool
    ) throws(Failure) {
        var done: [(merge: FileMerge, done: FileMerge.Done)] = []
        do throws(Failure) {
            for (merge, merged) in merges where !merged.isSame {
                done.append((merge, try merge.write(merged)))
            }
            let paths = merges.map(\.merge.path)
            let isMerge = target != nil
            let state = first[isMerge ? "sequence" : "to"]?.unsigned ?? 0
            try command(
                [isMerge ? "--at" : "--commit", "\(state)"]
                    + (paths.isEmpty ? ["."] : [isMerge ? "--theirs" : "--ours"] + paths))
        } catch {
            var error = error
            for (merge, edit) in done.reversed() { error = merge.takeBack(edit, after: error) }
            throw error
        }
        guard showsReport, !json else { return }
        for (merge, _) in merges { print("merged\t\(Text.printable(String(merge.path.dropFirst())))") }
    }
}
