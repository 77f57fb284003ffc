// WorkingName: names of unfinished files and directories, which are renamed to their final name or
// removed. Stages and fresh files are of use only to the call that made them: an undo or a rollback
// does not restore them. Parts of a file that arrives in several calls are restored.

package enum WorkingName {
    /// The prefix of a directory in which a change is prepared.
    package static let stage = ".draftfs-stage-"
    /// The prefix of the stage of a merge into a workspace, in its root.
    package static let mergeStage = stage + "merge-"
    /// The prefix of a file that gets its final name once it is written.
    package static let fresh = ".draftfs-new-"
    /// The prefix of a file that arrives in parts, over several calls. It is useful by itself.
    package static let part = ".draftfs-part-"

    private static let all = [stage, fresh, part].map { Array($0.utf8) }
    private static let passing = [stage, fresh].map { Array($0.utf8) }
    private static let stageBytes = Array(stage.utf8)

    /// Returns a new unique name.
    package static func make(_ prefix: String) -> FileName {
        let word = String(UInt64.random(in: .min ... .max), radix: 36)
        return FileName(trusted: Array((prefix + word).utf8))
    }

    /// Returns whether a name is that of something unfinished.
    package static func isOne(_ name: FileName) -> Bool {
        all.contains { name.bytes.starts(with: $0) }
    }

    /// Returns whether a name is of use to one call only.
    package static func isPassing(_ name: FileName) -> Bool {
        passing.contains { name.bytes.starts(with: $0) }
    }

    package static func isStage(_ name: FileName) -> Bool { name.bytes.starts(with: stageBytes) }

    /// Returns the stage that a path lies in, or is.
    package static func stage(in path: [UInt8]) -> [UInt8]? {
        path.split(separator: 0x2f).first { $0.starts(with: stageBytes) }.map(Array.init)
    }

    /// Returns whether the last component of a path is such a name.
    package static func ends(_ path: [UInt8]) -> Bool {
        let last = path.split(separator: 0x2f).last ?? []
        return all.contains { last.starts(with: $0) }
    }
}
