// StoreExecutor: executes what was written to a control file of the list of workspaces.

package import Overlay
internal import Past
package import Platform
package import Storage

package struct StoreExecutor: Sendable {
    package typealias SetLimit = @Sendable (LimitKey, LimitValue) throws(CommandError) -> Void
    /// Takes whether it is a dry run, and an age in nanoseconds.
    package typealias Release = @Sendable (Bool, UInt64?) throws(CommandError) -> Void

    /// Takes a name that leads to another workspace now, or to none, the id of the workspace that was
    /// discarded, restored or removed, and for a removed one the inodes that the kernel referred to.
    package typealias Changed = (FileName, UInt16, [InodeNumber]) -> Void

    private let set: WorkspaceSet
    private let clock: Clock
    private let setLimit: SetLimit
    private let release: Release

    package init(
        _ set: WorkspaceSet, clock: Clock = .system, setLimit: @escaping SetLimit,
        release: @escaping Release
    ) {
        self.set = set
        self.clock = clock
        self.setLimit = setLimit
        self.release = release
    }

    /// Executes all commands in `bytes`. The first that fails ends it; those before it stay done.
    /// - Parameter changed: called after each change.
    package func write(
        _ bytes: [UInt8], to file: CommandFile, changed: Changed
    ) throws(CommandError) {
        var reader = CommandReader(bytes, of: file, now: clock.realtime())
        do throws(CommandError) {
            while let command = try reader.next() { try run(command, changed) }
        } catch {
            throw reader.naming(error)
        }
    }

    private func run(_ command: Command, _ changed: Changed) throws(CommandError) {
        switch command {
        case .limit(let key, let value): try setLimit(key, value)
        case .release(let isDryRun, let age): try release(isDryRun, age)
        case .discard(let names):
            // A mistyped name discards nothing.
            for name in names { _ = try live(name) }
            for name in names { try discard(try live(name), changed) }
        case .remove(let names): try remove(names, changed)
        case .discardClean: try discardClean(changed)
        case .restore(let name, let id, let newName):
            try restore(name, id: id, as: newName ?? name, changed)
        default:
            throw CommandError(
                .notSupported, "this command is for a workspace: write it to the control files of one")
        }
    }

    private func live(_ name: FileName) throws(CommandError) -> WorkspaceRecord {
        guard let record = set.find(name) else {
            throw CommandError(.noEntry, "there is no workspace named \(shown(name)): list has them")
        }
        return record
    }

    private func discard(_ record: WorkspaceRecord, _ changed: Changed) throws(CommandError) {
        do throws(Errno) {
            try set.discards.discard(record)
        } catch {
            throw CommandError(error, "the workspace \(shown(record.name)) was not discarded: \(error)")
        }
        changed(record.name, record.id, [])
    }

    /// Removes workspaces and all discarded ones of their names, or without names all discarded ones.
    private func remove(_ names: [FileName], _ changed: Changed) throws(CommandError) {
        for name in names where set.find(name) == nil {
            if !set.discards.records.contains(where: { $0.name == name }) {
                throw CommandError(
                    .noEntry, "there is no workspace named \(shown(name)), nor a discarded one: list and "
                        + "discard have them")
            }
        }
        let live = set.records.filter { names.contains($0.name) }
        for record in live + set.discards.records where names.isEmpty || names.contains(record.name) {
            do throws(Errno) {
                let held = try set.discards.remove(record)
                if record.discarded == nil { changed(record.name, record.id, held) }
            } catch {
                // Its retention ended, or another command took it, meanwhile.
                if error == .noEntry { continue }
                throw CommandError(error, "the workspace \(shown(record.name)) was not removed: \(error)")
            }
        }
    }

    /// Discards the workspaces without changes. One that is changed meanwhile is restorable as all are.
    private func discardClean(_ changed: Changed) throws(CommandError) {
        var failure: CommandError?
        for record in set.records {
            do throws(CommandError) {
                if try isClean(record) { try discard(record, changed) }
            } catch {
                // It is gone. One damaged workspace must not keep the others.
                if error.errno != .noEntry, error.errno != .stale { failure = failure ?? error }
            }
        }
        if let failure { throw failure }
    }

    private func isClean(_ record: WorkspaceRecord) throws(CommandError) -> Bool {
        do throws(StorageError) {
            let workspace = try set.workspace(record)
            do throws(Errno) {
                return try !set.hasChanges(workspace)
            } catch {
                throw StorageError.system(error, doing: "compare with the base", path: "\(record.name)")
            }
        } catch {
            throw CommandError(error.errno, "the workspace \(shown(record.name)) was not discarded: \(error)")
        }
    }

    private func restore(
        _ name: FileName, id: UInt16?, as newName: FileName, _ changed: Changed
    ) throws(CommandError) {
        let found = set.discards.records.first { $0.name == name && (id == nil || $0.id == id) }
        guard let found else {
            throw CommandError(
                .noEntry, "there is no discarded workspace named \(shown(name))"
                    + (id.map { " with the id \($0)" } ?? "") + ": discard lists them")
        }
        do throws(Errno) {
            try set.discards.restore(found, as: newName)
        } catch {
            if error == .exists {
                throw CommandError(
                    .exists,
                    "there is a workspace named \(shown(newName)): restore with --as and another name")
            }
            throw CommandError(error, "the workspace \(shown(name)) was not restored: \(error)")
        }
        changed(newName, found.id, [])
    }
}
