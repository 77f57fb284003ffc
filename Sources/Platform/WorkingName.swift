// WorkingName: names of what is made ready beside files and then takes its name, or goes. Stages and fresh
// files mean nothing to anybody but the call that made them: an undo or a rollback does not bring them back.
// Parts of a file that comes in several calls do come back.

package enum WorkingName {
    /// Of a directory in which a change is made ready.
    package static let stage = ".draftfs-stage-"
    /// Of a file that takes its name when it is written.
    package static let fresh = ".draftfs-new-"
    /// Of a file that comes in parts, over several calls: it is worth something by itself.
    package static let part = ".draftfs-part-"

    private static let all = [stage, fresh, part].map { Array($0.utf8) }
    private static let passing = [stage, fresh].map { Array($0.utf8) }
    private static let stageBytes = Array(stage.utf8)

    /// A name that nobody else has.
    package static func make(_ prefix: String) -> FileName {
        let word = String(UInt64.random(in: .min ... .max), radix: 36)
        return FileName(trusted: Array((prefix + word).utf8))
    }

    /// Whether a name is that of something unfinished.
    package static func isOne(_ name: FileName) -> Bool {
        all.contains { name.bytes.starts(with: $0) }
    }

    /// Whether it is of use to one call only.
    package static func isPassing(_ name: FileName) -> Bool {
        passing.contains { name.bytes.starts(with: $0) }
    }

    package static func isStage(_ name: FileName) -> Bool { name.bytes.starts(with: stageBytes) }

    /// The stage that a path lies in, or is.
    package static func stage(in path: [UInt8]) -> [UInt8]? {
        path.split(separator: 0x2f).first { $0.starts(with: stageBytes) }.map(Array.init)
    }

    /// Whether the last name of a path is one.
    package static func ends(_ path: [UInt8]) -> Bool {
        let last = path.split(separator: 0x2f).last ?? []
        return all.contains { last.starts(with: $0) }
    }
}
