// ControlFile: the fixed files and directories of `.draft`, and their node ids: workspace id | bits
// 47 and 46 | number. A node found below them by lookup has bit 45 set and is in ControlNodeTable. No
// inode has both bits: the numbers that the overlay assigns have bit 47, and never count up to bit
// 46.

internal import Control
internal import Platform

/// A fixed name of the control directory. Raw values are part of node ids.
enum ControlFile: UInt64, Sendable, CaseIterable {
    /// The control directory itself.
    case root = 1
    case status, backup, backups, at, rollback, undo, clone, edit, verify, progress, history, blame
    case diff, limits, drift, refresh, events, lastError, metrics
    /// The base version of each file: as it was when the file was edited, and as it is now.
    case baseThen, baseNow
    /// One byte, for MountSynchronizer; not listed.
    case barrier
    /// The workspaces, and the commands that concern whole workspaces.
    case list, discard, restore
    /// The result of the last command that was run in the workspace.
    case run
    case fork
    case commit
    case merge
    /// Releases history, of a workspace or of all.
    case gc

    var text: String {
        switch self {
        case .root: ".draft"
        case .lastError: "last-error"
        case .baseThen: "base-then"
        case .baseNow: "base-now"
        default: "\(self)"
        }
    }

    var name: FileName { FileName(trusted: Array(text.utf8)) }

    var isDirectory: Bool {
        switch self {
        case .root, .backups, .at, .blame, .baseThen, .baseNow: true
        default: false
        }
    }

    /// Whether it has the directories of the live tree, and a text for each regular file.
    var isMirror: Bool { self == .blame || self == .baseThen || self == .baseNow }

    /// The command file, if the file takes commands.
    var command: CommandFile? { CommandFile(rawValue: text) }

    /// Whether the list of workspaces has it.
    var isInList: Bool {
        switch self {
        case .root, .status, .events, .progress, .metrics, .limits, .lastError, .barrier, .gc: true
        default: !isInWorkspace
        }
    }

    /// Whether a workspace has it.
    var isInWorkspace: Bool {
        switch self {
        case .list, .discard, .restore: false
        default: true
        }
    }

    /// Whether its text may take so long that it must not be made on a worker.
    var isSlow: Bool {
        switch self {
        case .history, .diff, .blame, .drift, .baseThen, .baseNow, .list, .discard: true
        default: false
        }
    }

    /// Whether its commands need the dirty pages of shared mappings written back first.
    var readsContent: Bool {
        switch self {
        case .backup, .rollback, .undo, .clone, .edit, .discard, .fork, .commit, .refresh, .merge:
            true
        default: false
        }
    }

    /// Returns the files that a control directory has.
    /// - Parameter isList: whether it is the control directory of the list of workspaces.
    static func found(isList: Bool) -> [ControlFile] {
        allCases.filter { $0 != .root && (isList ? $0.isInList : $0.isInWorkspace) }
    }

    /// Returns the files that a control directory lists.
    static func listed(isList: Bool) -> [ControlFile] {
        found(isList: isList).filter { $0 != .barrier }
    }
}

/// Node ids of control nodes.
enum ControlID {
    private static let mark: UInt64 = 3 << 46
    private static let looked: UInt64 = 1 << 45

    static func fixed(_ file: ControlFile, in workspace: UInt16) -> UInt64 {
        UInt64(workspace) << 48 | mark | file.rawValue
    }

    /// - Parameter count: a number that was never used before, below 2^45.
    static func dynamic(_ count: UInt64, in workspace: UInt16) -> UInt64 {
        UInt64(workspace) << 48 | mark | looked | count & (looked - 1)
    }

    static func isControl(_ id: UInt64) -> Bool { id & mark == mark }

    static func workspace(of id: UInt64) -> UInt16 { UInt16(id >> 48) }

    /// Returns nil for a dynamic id.
    static func file(_ id: UInt64) -> ControlFile? { ControlFile(rawValue: id & (1 << 46 - 1)) }
}
