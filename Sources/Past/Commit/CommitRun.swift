// CommitRun: carries out the steps of a commit, at once or again after a crash. A step finds by the identity
// of files whether it was done before: the lock `stepping` keeps views from looking while a name is on its
// way.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct CommitRun {
    let base: CommitBase
    let table: EpochTable
    private let kept: File
    /// Called before each step; tests throw here, as a crash would end the commit.
    let observer: (@Sendable (CommitStep) throws(Errno) -> Void)?

    init(
        base: CommitBase, table: EpochTable,
        observer: (@Sendable (CommitStep) throws(Errno) -> Void)? = nil
    ) throws(Errno) {
        self.base = base
        self.table = table
        self.observer = observer
        kept = try KeptFiles(table).directory()
    }

    /// Carries out all steps that are not done, and notes that the commit is done.
    /// - Throws: what a step met. The commit is under way then, and can be run again.
    func run(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws(CommandError) {
        let steps: [CommitStep]
        var haveLeft: Bool
        do throws(Errno) {
            haveLeft = try base.haveNamesLeft(table.stageName)
            steps = try table.steps().map { (bytes) throws(Errno) in
                guard let step = CommitStep(decoding: bytes) else { throw .inputOutput }
                return step
            }
        } catch {
            throw CommandError(error, "the steps of commit \(table.number) cannot be read: \(error)")
        }
        for (done, step) in steps.enumerated() where !Self.isLast(step) {
            if step.kind.leaves, haveLeft { continue }
            do throws(Errno) {
                try observer?(step)
                if !step.kind.leaves, !haveLeft {
                    try base.noteNamesLeft(table.stageName)
                    haveLeft = true
                }
                try run(step)
            } catch {
                base.host.forgetAll()
                throw CommandError(
                    error,
                    "the commit stopped at \(pathInWords(step.path)): \(error); what is done stays, no "
                        + "workspace sees it, and the next commit or mount goes on")
            }
            progress(done + 1, steps.count)
        }
        try finish(steps.last { Self.isLast($0) })
    }

    /// The stage lies in the root: its removal changes the times of the root once more.
    private static func isLast(_ step: CommitStep) -> Bool { step.kind == .times && step.path.isEmpty }

    private func finish(_ last: CommitStep?) throws(CommandError) {
        do throws(Errno) {
            try checkStage()
            if try base.status(ifPresent: Array(table.stageName.utf8)) != nil {
                try base.removeStage(table.stageName)
            }
            if let last { try run(last) }
            try base.root.synchronizeFileSystem()
            try kept.reopenedForSync().synchronizeFileSystem()
            var after: [[UInt8]: EpochRow] = [:]
            for (path, row) in try table.rowsInBase() {
                guard case .base(let now) = row.place else { continue }
                var row = row
                row.after = try base.status(ifPresent: now)
                after[path] = row
            }
            var committed: [[UInt8]: CommittedVersion] = [:]
            try table.committed { committed[$0] = $1 }
            for (path, version) in committed where version.isPresent {
                committed[path]?.after = try base.status(ifPresent: path)
            }
            do throws(StorageError) {
                try table.finish(after, committed: committed)
            } catch {
                throw error.errno
            }
        } catch {
            throw CommandError(
                error,
                "commit \(table.number) is in the base, but could not be made durable: \(error); the next "
                    + "commit or mount goes on")
        }
        base.host.forgetAll()
    }

    /// Makes sure that nothing is left in the stage, which is removed: it might be a file of the base.
    private func checkStage() throws(Errno) {
        guard let left = base.leftover(in: table.stageName) else { return }
        throw left.first == UInt8(ascii: "m") ? .inputOutput : .busy
    }

    // MARK: Steps

    private func run(_ step: CommitStep) throws(Errno) {
        switch step.kind {
        case .overwrite:
            try saveOther(step)
            return try overwrite(step)
        case .replace, .delete: try saveOther(step)
        default: break
        }
        let failure = table.stepping.withLock { _ -> Errno? in
            do throws(Errno) {
                try change(step)
                return nil
            } catch {
                return error
            }
        }
        guard let failure else { return }
        guard step.kind == .keep, [.notPermitted, .tooManyLinks, .crossDevice].contains(failure) else {
            throw failure
        }
        // The file cannot have another name (protected_hardlinks of proc(5), EMLINK). The copy is made
        // without the lock: until it has its name, views read the file itself.
        try KeptCopy(base: base, table: table).make(of: step.path, step.id)
        try kept.reopenedForSync().synchronizeFileSystem()
    }

    /// Keeps a copy of a file that another program has put in place, or changed, since the commit was
    /// planned. It is in the store, under the id of the row with "other" behind it.
    private func saveOther(_ step: CommitStep) throws(Errno) {
        guard let planned = step.status, planned.type == .regular,
            let now = try base.status(ifPresent: step.path), now.type == .regular,
            !planned.hasContent(of: now) else { return }
        // After a crash it may be what the commit put there.
        if step.kind != .delete, try base.status(ifPresent: staged("f", step)) == nil { return }
        try KeptCopy(base: base, table: table).make(of: step.path, step.id, suffix: ".other")
    }

    private func staged(_ letter: String, _ step: CommitStep) -> [UInt8] {
        table.stagePath("\(letter)\(step.id)")
    }

    private func keptName(_ step: CommitStep) -> [UInt8] { Array("\(step.id)".utf8) }

    /// Returns whether a path still leads to the file of a step.
    private func isThere(_ step: CommitStep) throws(Errno) -> Bool {
        guard let status = step.status, let now = try base.status(ifPresent: step.path) else { return false }
        return status.inode == now.inode && status.birthTime == now.birthTime
            && status.type == now.type
    }

    private func change(_ step: CommitStep) throws(Errno) {
        switch step.kind {
        case .keep: try keep(step)
        case .moveOut:
            if try isThere(step) { try base.rename(step.path, to: staged("m", step)) }
            forget(step)
        case .remove:
            if try isThere(step) {
                try base.at(step.path) { (directory, name) throws(Errno) in
                    try directory.rename(name, to: keptName(step), in: kept, replaces: false)
                }
            }
            forget(step)
        case .delete:
            if try isThere(step) {
                try base.at(step.path) { (directory, name) throws(Errno) in
                    try directory.remove(name, isDirectory: step.status?.type == .directory)
                }
            }
            forget(step)
        case .moveIn: try put(staged("m", step), step, replaces: false)
        case .place: try put(staged("f", step), step, replaces: false)
        case .replace: try put(staged("f", step), step, replaces: true)
        case .link:
            if try base.status(ifPresent: step.path) == nil { try base.link(step.other, to: step.path) }
        case .attributes:
            guard let status = step.status else { throw .invalid }
            try base.setAttributes(step.path, status, step.xattrs ?? [:])
        case .times:
            guard let status = step.status else { throw .invalid }
            // It may have been removed by another program.
            guard try base.status(ifPresent: step.path) != nil else { return }
            do throws(Errno) {
                try base.at(step.path) { (directory, name) throws(Errno) in
                    try directory.setTimes(of: status, onSymlink: name.isEmpty ? [0x2e] : name)
                }
            } catch {
                // Only the owner may set times; the directory's names are what counts.
                guard error == .notPermitted else { throw error }
            }
        case .overwrite: break
        }
    }

    private func forget(_ step: CommitStep) {
        if step.status?.type == .directory || step.status == nil {
            base.forgetDirectories()
            base.host.forgetAll()
        } else {
            base.host.forget(BasePlace(path: step.path))
        }
    }

    /// Gives the file a name in the store too.
    private func keep(_ step: CommitStep) throws(Errno) {
        // After a crash it may have been replaced already.
        guard try isThere(step) else { return }
        do throws(Errno) {
            try base.at(step.path) { (directory, name) throws(Errno) in
                try directory.link(name, to: keptName(step), in: kept)
            }
        } catch {
            // It was kept before a crash.
            if error == .exists { return }
            throw error
        }
    }

    private func put(_ source: [UInt8], _ step: CommitStep, replaces: Bool) throws(Errno) {
        do throws(Errno) {
            try base.rename(source, to: step.path, replaces: replaces)
        } catch {
            // It was put there before a crash.
            guard error == .noEntry, try base.status(ifPresent: source) == nil else { throw error }
            return
        }
        forget(step)
    }

    /// Writes new content into a file that has other names. Views read what was kept of it meanwhile.
    private func overwrite(_ step: CommitStep) throws(Errno) {
        let source = staged("f", step)
        guard let fresh = try base.status(ifPresent: source) else { return }
        let (from, to) = (BasePlace(path: source), BasePlace(path: step.path))
        let content = try File.openBeneath(
            from.name, in: base.directory(from.directory), flags: OpenFlags.readFile)
        let file = try File.openBeneath(
            to.name, in: base.directory(to.directory), flags: OpenFlags.writeFile)
        var at: UInt64 = 0
        while at < fresh.size {
            let bytes = try content.readBytes(Int(min(fresh.size - at, 1 << 20)), at: at)
            if bytes.isEmpty { break }
            try file.writeBytes(bytes, at: at)
            at += UInt64(bytes.count)
        }
        try file.truncate(to: fresh.size)
        try base.setAttributes(step.path, fresh, try base.xattrs(source))
        try base.at(step.path) { (directory, name) throws(Errno) in
            try directory.setTimes(of: fresh, onSymlink: name)
        }
        try file.synchronize()
        try base.at(source) { (directory, name) throws(Errno) in try directory.remove(name) }
        forget(step)
    }
}
