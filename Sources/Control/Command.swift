// Command: one command in a line written to a control file. CommandReader has the syntax. The page for
// users is Control.docc/ControlFiles.md.

package import Overlay
package import Past
package import Platform

/// The control files that take commands.
package enum CommandFile: String, Sendable, CaseIterable {
    case backup, rollback, undo, clone, edit, verify, limits, drift, refresh, discard, restore, run, fork,
        commit, merge, gc

    /// The syntax of a command, without the file's name.
    package var syntax: String {
        switch self {
        case .backup: "NAME [comment…] | --delete NAME | --rename OLD NEW"
        case .rollback: "MOMENT [--times] [path…]"
        case .undo: "[N] [path…]"
        case .clone: "SRC DST"
        case .edit:
            #"{"path":P,"edits":[{"at":N|"end","delete":N,"insert":TEXT|"insert_base64":B64}]}"#
        case .verify: "[path…]"
        case .limits: "KEY VALUE | KEY none"
        case .drift: "accept PATH | ours PATH [BASE] | theirs PATH"
        case .refresh: "[--dry-run] [--ours | --theirs] [--commit N] [path…]"
        case .discard: "NAME… | --now [NAME…] | --all-clean"
        case .restore: "NAME [--id ID] [--as NEW]"
        case .run: "STATUS MILLISECONDS COMMAND [OUTPUT]"
        case .fork: "NEW [MOMENT]"
        case .commit: "[--dry-run] [--ours | --theirs] path…"
        case .merge: "INTO [--dry-run] [--ours | --theirs] [--at N] [path…]"
        case .gc: "[--dry-run] [--older-than AGE] ."
        }
    }

    /// One line that says what the file does and how to write to it.
    package var usage: String {
        let purpose =
            switch self {
            case .backup: "makes a backup"
            case .rollback:
                "returns the whole workspace or single paths to a moment; "
                    + "MOMENT is the NAME of a backup, @SEQ, @TIME or -AGE"
            case .undo: "undoes the last N changes, or the last one"
            case .clone: "copies a file or a directory by sharing its data"
            case .edit: "removes and inserts bytes in a file"
            case .verify: "checks the data against its checksums, in the background"
            case .limits: "sets a limit"
            case .drift: "settles files whose base was changed"
            case .refresh: "makes commits and other changes of the base visible"
            case .discard:
                "discards workspaces, which can be restored; --now removes them for good, "
                    + "--all-clean discards those without changes"
            case .restore: "brings a discarded workspace back"
            case .run: "keeps the result of a command for the list of workspaces"
            case .fork: "makes a workspace that begins as this one is now, or as it was at a moment"
            case .commit: "puts changes into the base; . stands for all"
            case .merge: "puts the changes of this workspace into another one"
            case .gc: "gives back the space of history that is older than its retention"
            }
        return "write \(syntax): \(purpose)"
    }
}

package enum Command: Equatable, Sendable {
    case backup(FileName, comment: [UInt8])
    case deleteBackup(FileName)
    case renameBackup(FileName, to: FileName)
    /// Without paths, the whole workspace.
    case rollback(Moment, keepsTimes: Bool, paths: [[UInt8]])
    /// Without paths, changes in the whole workspace.
    case undo(Int, paths: [[UInt8]])
    case clone([UInt8], to: [UInt8])
    /// The splices are in the order of the file. See `EditSyntax`.
    case edit([UInt8], [Splice])
    /// Without paths, the whole workspace.
    case verify(paths: [[UInt8]])
    case limit(LimitKey, LimitValue)
    case acceptDrift([UInt8])
    /// `over` is the base file that was compared, as `drift` names it.
    case keepOurs([UInt8], over: [UInt8]?)
    case dropDrift([UInt8])
    case refresh(RefreshRequest)
    case run(status: Int32, milliseconds: Int64, command: [UInt8], output: [UInt8])
    /// Makes a workspace of that name. Without a moment, it begins as this one is now.
    case fork(FileName, Moment?)
    /// Puts changes into the base.
    case commit(CommitRequest)
    /// Puts the changes of this workspace into another one.
    case merge(MergeRequest)
    /// Releases history that is older than an age in nanoseconds; nil for the retention.
    case release(isDryRun: Bool, age: UInt64?)
    // In the list of workspaces:
    /// Discards these workspaces.
    case discard([FileName])
    /// Removes these workspaces for good, discarded or not. Without names, all that are discarded.
    case remove([FileName])
    /// Discards the workspaces without changes.
    case discardClean
    /// The id tells discarded workspaces of the same name apart.
    case restore(FileName, id: UInt16?, newName: FileName?)
}

/// The keys of `limits`.
package enum LimitKey: String, Sendable, CaseIterable {
    case bytes, files
    case fileSize = "file-size"
    case memory
    case largeFile = "large-file"
    case retention
    case pin

    package enum Unit: Sendable {
        /// In bytes.
        case size
        case count
        /// In nanoseconds.
        case age
    }

    package var unit: Unit {
        switch self {
        case .bytes, .fileSize, .memory, .largeFile, .pin: .size
        case .files: .count
        case .retention: .age
        }
    }
}

package enum LimitValue: Equatable, Sendable {
    case none
    /// In the unit of the key, at most 2^63 - 1.
    case value(UInt64)
}
