// ControlFile: the files and directories of `.draft` that are always there, and their node ids:
// workspace id | bits 47 and 46 | number. What is looked up in them has bit 45 set, and lives in
// ControlNodeTable. No inode has such a number: the overlay never counts that far.

internal import Control
internal import Platform

/// A fixed name of the control directory. Raw values are part of node ids.
enum ControlFile: UInt64, Sendable, CaseIterable {
    /// The control directory itself.
    case root = 1
    case status, backup, backups, at, rollback, undo, clone, edit, verify, progress, history, blame
    case diff, limits, drift, refresh, events, lastError, metrics
    /// The base file under each file: as it was when it was edited, and now.
    case baseThen, baseNow
    /// One byte, for MountSynchronizer; not listed.
    case barrier

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

    /// Has the directories of the live tree, and a text for each regular file.
    var isMirror: Bool { self == .blame || self == .baseThen || self == .baseNow }

    /// For a file that takes commands.
    var command: CommandFile? { CommandFile(rawValue: text) }

    /// Whether the list of workspaces has it too.
    var isInList: Bool {
        switch self {
        case .root, .status, .events, .progress, .metrics, .limits, .lastError, .barrier: true
        default: false
        }
    }

    /// Whether its text may take so long that no worker should make it.
    var isSlow: Bool {
        switch self {
        case .history, .diff, .blame, .drift, .baseThen, .baseNow: true
        default: false
        }
    }

    /// Whether its commands need the dirty pages of shared mappings in the workspace first.
    var readsContent: Bool {
        switch self {
        case .backup, .rollback, .undo, .clone, .edit: true
        default: false
        }
    }

    /// What a control directory has.
    /// - Parameter isList: for the list of workspaces.
    static func found(isList: Bool) -> [ControlFile] {
        allCases.filter { $0 != .root && (!isList || $0.isInList) }
    }

    /// What it shows.
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

    /// - Parameter count: never used before, below 2^45.
    static func dynamic(_ count: UInt64, in workspace: UInt16) -> UInt64 {
        UInt64(workspace) << 48 | mark | looked | count & (looked - 1)
    }

    static func isControl(_ id: UInt64) -> Bool { id & mark == mark }

    static func workspace(of id: UInt64) -> UInt16 { UInt16(id >> 48) }

    /// Nil for a dynamic id.
    static func file(_ id: UInt64) -> ControlFile? { ControlFile(rawValue: id & (1 << 46 - 1)) }
}
