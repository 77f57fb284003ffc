// DriftMerge: merges the changes in a file with those that another program made in the base. The file's base
// is then the version that was merged; if the base changed meanwhile, the edit is taken back.

struct DriftMerge {
    private let merge: FileMerge

    init(_ place: Place, _ path: String) throws(Failure) {
        merge = try FileMerge(
            place, path, then: FileMerge.State(place: place, directory: "base-then"),
            now: FileMerge.State(place: place, directory: "base-now"))
    }

    func run(marksConflicts: Bool) throws(Failure) {
        let (place, path, name) = (merge.place, merge.path, merge.name)
        let listed = try place.objects("drift").first { "/" + ($0.value["path"]?.plain ?? "") == path }
        guard let listed else { throw Failure("\(name) has not drifted") }
        guard let version = listed.value["base"]?.text else {
            throw Failure("the base has no \(name) any more: --ours keeps it, --theirs removes it")
        }
        let merged = try merge.merge()
        if merged.overlaps > 0, !marksConflicts {
            throw Failure(
                "\(name): \(merged.overlaps) changes overlap with those of the base: --merge marks them in "
                    + "the file, --ours keeps the file, --theirs takes the base's content")
        }
        if merged.isSame {
            try place.command("drift", ["ours", path, version])
        } else {
            let done = try merge.write(merged)
            do throws(Failure) {
                try place.command("drift", ["ours", path, version])
            } catch {
                throw merge.takeBack(done, after: error)
            }
        }
        if merged.overlaps > 0 {
            let lines = merged.lines.prefix(10).map(String.init)
            throw Failure(
                "\(name) is merged, and \(merged.overlaps) overlapping changes are marked in it, at line "
                    + "\(lines.joined(separator: ", ")): edit them")
        }
    }
}
