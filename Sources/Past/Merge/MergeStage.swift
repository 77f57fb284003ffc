// MergeStage: brings what a merge needs of one workspace into the other, before anything is planned there:
// the content of files, in a directory of its own, and values that are read under the lock of the first
// one. What the other workspace has already is shared and not copied.

internal import Overlay
internal import Platform
internal import Storage

/// A change of a merge with all that is needed to carry it out.
struct StagedChange: Sendable {
    var merge: MergeChange
    var xattrs: [[UInt8]: [UInt8]] = [:]
    var symlinkTarget: [UInt8] = []
    /// The file of the stage that has the content.
    var file: (name: FileName, number: InodeNumber)?
    /// Other paths at which the source has the same file, and the target one that was not changed.
    var otherNames: [(path: [UInt8], seen: SeenNode)] = []
}

final class MergeStage {
    private let source: MergeSide
    private let target: Workspace
    private let caller: Caller
    private(set) var directory: (name: FileName, number: InodeNumber)?
    private(set) var files: [(name: FileName, number: InodeNumber)] = []
    private var buffer: [UInt8] = []

    /// In bytes: how much is copied at a time, and the shortest run that is shared.
    private static let block = 1 << 20
    private static let shortestShare: UInt64 = 64 << 10

    init(_ source: MergeSide, into target: Workspace, caller: Caller) {
        self.source = source
        self.target = target
        self.caller = caller
    }

    // MARK: What is staged

    /// - Parameters:
    ///   - ancestor: the common state.
    ///   - now: the file that the target has at the path, with the content of the common state; nil if it has
    ///     another one.
    func stage(
        _ merge: MergeChange, _ ancestor: MergeSide, over now: ViewNode?
    ) throws(Errno) -> StagedChange {
        var staged = StagedChange(merge: merge)
        guard let node = merge.change.now else { return staged }
        staged.xattrs = try source.view.visibleXattrs(of: node)
        switch node.type {
        case .symlink: staged.symlinkTarget = try source.view.symlinkTarget(node)
        case .regular where merge.takesBytes:
            staged.file = try copy(node, merge.change.was, ancestor, over: now)
        default: break
        }
        return staged
    }

    /// Makes the content that new files get durable, before the transaction that names it.
    func synchronize() throws(Errno) {
        if files.isEmpty { return }
        let numbers = files.map(\.number)
        let logs = try target.withTree { (tree) throws(Errno) in
            var logs: [(log: EditLog, end: LogEnd)] = []
            for number in numbers where try EditLog.presence(number, in: tree.logs) == .written {
                let log = try tree.historicLog(number)
                logs.append((log, log.logEnd))
            }
            return logs
        }
        try target.logs.synchronize(logs.map(\.log.id))
        for (log, end) in logs { log.noteDurable(upTo: end) }
    }

    /// Whether the stage is still what was made: it is a directory like others, which processes can change.
    func isWhole(_ now: TreeAtMoment) throws(Errno) -> Bool {
        guard let directory else { return true }
        guard try now.entry(directory.name, in: target.rootNumber)?.inode == directory.number else {
            return false
        }
        let entries = try now.entries(in: directory.number)
        guard entries.count == files.count else { return false }
        for file in files {
            guard entries[file.name]?.inode == file.number,
                try now.stateRow(file.number)?.record.links == 1 else { return false }
        }
        return true
    }

    /// Takes everything away, after a merge that was not done.
    func remove() {
        guard let directory else { return }
        // What cannot be removed is left to the next merge, and seen by people.
        for file in files {
            target.forget(file.number, count: 1)
            try? target.unlink(file.name, in: directory.number, caller: caller)
        }
        target.forget(directory.number, count: 1)
        try? target.removeDirectory(directory.name, in: target.rootNumber, caller: caller)
        self.directory = nil
        files = []
    }

    /// Forgets what the merge has put in place.
    func finish() {
        for file in files { target.forget(file.number, count: 1) }
        if let directory { target.forget(directory.number, count: 1) }
        directory = nil
        files = []
    }

    private func makeDirectory() throws(Errno) -> InodeNumber {
        if let directory { return directory.number }
        let name = WorkingName.make(WorkingName.mergeStage)
        let made = try target.makeNode(
            name, in: target.rootNumber, mode: FileType.directory.modeBits | 0o700, caller: caller)
        directory = (name, made.number)
        return made.number
    }

    private func copy(
        _ node: ViewNode, _ was: ViewNode?, _ ancestor: MergeSide, over now: ViewNode?
    ) throws(Errno) -> (name: FileName, number: InodeNumber) {
        let stage = try makeDirectory()
        let name = FileName(trusted: Array("\(files.count)".utf8))
        let file = try target.makeNode(
            name, in: stage, mode: FileType.regular.modeBits | 0o600, caller: caller).number
        files.append((name, file))
        let size = node.record.size
        if size == 0 {
            // A log with no content takes the place of any content.
            try target.content.write(file, [0], at: 0, caller: caller)
            try setSize(of: file, to: 0)
            return (name, file)
        }
        let isShared = now != nil && size >= Self.shortestShare
        // A file of the base without a row is known only while it is in memory.
        let held = isShared ? try now.flatMap { (now) throws(Errno) in try hold(now) } : nil
        defer { if let held { target.forget(held, count: 1) } }
        let known = SharedRuns(
            isShared ? try was.map { (was) throws(Errno) in try ancestor.view.content(of: was) } : nil,
            of: now?.number ?? 0, atLeast: Self.shortestShare)
        let content = try source.view.content(of: node)
        var at: UInt64 = 0
        var end: UInt64 = 0
        for piece in content.pieces.allPieces {
            var rest = piece
            while rest.length > 0 {
                let run = content.isForeign ? nil : known.find(rest)
                let count = run?.length ?? known.gap(rest)
                if let run {
                    let shared = try target.content.copyRange(
                        from: run.file, at: run.offset, to: file, at: at, length: count, caller: caller)
                    // The file was made shorter meanwhile: the merge will see that.
                    if shared != count { throw .again }
                    end = at.adding(clamping: count)
                } else if !piece.isHole {
                    try copy(at..<at.adding(clamping: count), of: node, to: file)
                    end = at.adding(clamping: count)
                }
                at = at.adding(clamping: count)
                rest = rest.dropFirst(count)
            }
        }
        if end < size { try setSize(of: file, to: size) }
        return (name, file)
    }

    /// Keeps a file in memory.
    private func hold(_ node: ViewNode) throws(Errno) -> InodeNumber? {
        guard let place = node.place, !node.hasRow else { return nil }
        return try target.withTree { (tree) throws(Errno) in
            let inode = try tree.inode(at: place)
            if inode.number != node.number { throw .again }
            inode.lookups += 1
            return inode.number
        }
    }

    private func copy(_ range: Range<UInt64>, of node: ViewNode, to file: InodeNumber) throws(Errno) {
        var at = range.lowerBound
        while at < range.upperBound {
            let count = Int(min(range.upperBound - at, UInt64(Self.block)))
            if buffer.count != count { buffer = [UInt8](repeating: 0, count: count) }
            guard try source.view.read(node, over: &buffer, at: at) == count else { throw .inputOutput }
            try target.content.write(file, buffer, at: at, caller: caller)
            at += UInt64(count)
        }
    }

    private func setSize(of file: InodeNumber, to size: UInt64) throws(Errno) {
        var change = AttributeChange()
        change.size = size
        _ = try target.setAttributes(file, change, caller: caller)
    }
}

extension MergeChange {
    /// Whether the file may get another content, or is made.
    fileprivate var takesBytes: Bool {
        switch status {
        case .renamed: change.alteration == .content
        case .attributes: isReplaced
        case .deleted: false
        case .added, .type: true
        case .modified: takesContent
        }
    }
}
