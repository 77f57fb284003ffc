// StoreExecutor: executes what was written to a control file of the list of workspaces.

package import Overlay
internal import Past
package import Platform
internal import Storage

package struct StoreExecutor: Sendable {
    package typealias SetLimit = @Sendable (LimitKey, LimitValue) throws(CommandError) -> Void

    private let set: WorkspaceSet
    private let clock: Clock
    private let setLimit: SetLimit

    package init(_ set: WorkspaceSet, clock: Clock = .system, setLimit: @escaping SetLimit) {
        self.set = set
        self.clock = clock
        self.setLimit = setLimit
    }

    /// Executes all commands in `bytes`. The first that fails ends it; those before it stay done.
    /// - Parameter changed: called with each name that leads to another workspace now, or to none.
    package func write(
        _ bytes: [UInt8], to file: CommandFile, changed: (FileName) -> Void
    ) throws(CommandError) {
        var reader = CommandReader(bytes, of: file, now: clock.realtime())
        do throws(CommandError) {
            while let command = try reader.next() { try run(command, changed) }
        } catch {
            guard let line = reader.line, line > 1 else { throw error }
            throw CommandError(error.errno, "line \(line): \(error)")
        }
    }

    private func run(_ command: Command, _ changed: (FileName) -> Void) throws(CommandError) {
        switch command {
        case .limit(let key, let value): try setLimit(key, value)
        case .discard(let names):
            // A mistyped name discards nothing.
            for name in names { _ = try live(name) }
            for name in names { try discard(try live(name), changed) }
        case .remove(let names): try remove(names, changed)
        case .removeClean: try removeClean(changed)
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

    private func discard(_ record: WorkspaceRecord, _ changed: (FileName) -> Void) throws(CommandError) {
        do throws(Errno) {
            try set.discards.discard(record.id)
        } catch {
            throw CommandError(error, "the workspace \(shown(record.name)) was not discarded: \(error)")
        }
        changed(record.name)
    }

    /// Removes workspaces and all discarded ones of their names, or without names all discarded ones.
    private func remove(_ names: [FileName], _ changed: (FileName) -> Void) throws(CommandError) {
        for name in names where set.find(name) == nil {
            if !set.discards.records.contains(where: { $0.name == name }) {
                throw CommandError(
                    .noEntry, "there is no workspace named \(shown(name)), nor a discarded one: list and "
                        + "discard have them")
            }
        }
        for name in names {
            if let record = set.find(name) { try discard(record, changed) }
        }
        for record in set.discards.records where names.isEmpty || names.contains(record.name) {
            do throws(Errno) {
                try set.discards.remove(record.id)
            } catch {
                // Its retention ended meanwhile.
                if error == .noEntry { continue }
                throw CommandError(
                    error, "the discarded workspace \(shown(record.name)) was not removed: \(error)")
            }
        }
    }

    private func removeClean(_ changed: (FileName) -> Void) throws(CommandError) {
        for record in set.records {
            do throws(Errno) {
                try set.remove(record)
                changed(record.name)
            } catch {
                switch error {
                // It has changes, is being changed, or is gone.
                case .notEmpty, .busy, .noEntry, .stale: continue
                default:
                    throw CommandError(
                        error, "the workspace \(shown(record.name)) was not removed: \(error)")
                }
            }
        }
    }

    private func restore(
        _ name: FileName, id: UInt16?, as newName: FileName, _ changed: (FileName) -> Void
    ) throws(CommandError) {
        let found = set.discards.records.first { $0.name == name && (id == nil || $0.id == id) }
        guard let found else {
            throw CommandError(
                .noEntry, "there is no discarded workspace named \(shown(name))"
                    + (id.map { " with the id \($0)" } ?? "") + ": discard lists them")
        }
        do throws(Errno) {
            try set.discards.restore(found.id, as: newName)
        } catch {
            if error == .exists {
                throw CommandError(
                    .exists,
                    "there is a workspace named \(shown(newName)): restore with --as and another name")
            }
            throw CommandError(error, "the workspace \(shown(name)) was not restored: \(error)")
        }
        changed(newName)
    }
}
