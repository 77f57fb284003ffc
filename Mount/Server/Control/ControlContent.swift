// ControlContent: selects the text of a control file. Module Control makes the texts from the
// engine's data; an error of the engine is the error of the lookup.

internal import Control
internal import Overlay
internal import Past
internal import Platform
internal import Storage

extension ControlDirectory {
    /// Returns the current text of a file.
    func render(_ place: ControlPlace) throws(Errno) -> [UInt8] {
        let workspace = try workspace(place.workspace)
        do throws(CommandError) {
            switch place.node {
            case .fixed(let file): return try text(of: file, workspace)
            case .named(let named):
                guard let workspace else { throw CommandError(.noEntry, "no such text") }
                return try text(of: named, workspace)
            case .mirror(let file, let number, _):
                guard let workspace else { throw CommandError(.noEntry, "no such file") }
                if file == .blame { return ChangeTexts.blame(try workspace.changes.blame(number)) }
                return try workspace.baseFiles.baseContent(number, isNow: file == .baseNow)
            case .view: throw CommandError(.invalid, "a file of a view is not a text")
            }
        } catch {
            throw error.errno
        }
    }

    private func text(
        of file: ControlFile, _ workspace: Workspace?
    ) throws(CommandError) -> [UInt8] {
        switch file {
        case .root, .backups, .at, .blame, .baseThen, .baseNow: return []
        case .barrier: return [0x0a]
        case .status: return try services.status(workspace)
        case .metrics: return try services.metrics(workspace)
        case .limits: return try services.limits(workspace)
        case .verify: return try services.verification(workspace)
        case .drift: return try services.drift(workspace)
        case .events: return events(workspace)
        case .progress: return progress(workspace)
        case .lastError: return errors.text(workspace: workspace?.id ?? 0)
        case .backup: return ChangeTexts.backups(workspace?.moments.backups ?? [])
        case .history:
            guard let workspace else { return [] }
            return try history(upTo: workspace.lastSequence, workspace)
        case .diff:
            guard let workspace else { return [] }
            return DiffText.lines(try set.differences(of: workspace, from: .base))
        case .run: return WorkspaceTexts.run(workspace.flatMap { Runs.last(in: $0.id, of: set) })
        case .list: return WorkspaceTexts.list(set)
        case .discard: return WorkspaceTexts.discarded(set)
        case .commit: return try services.commitReport(workspace)
        case .refresh: return try services.refreshReport(workspace)
        case .merge: return try services.mergeReport(workspace)
        case .gc: return try services.releaseReport(workspace)
        case .rollback, .undo, .clone, .edit, .restore, .fork:
            return file.command.map { StateTexts.usage($0) } ?? []
        }
    }

    private func text(of named: NamedText, _ workspace: Workspace) throws(CommandError) -> [UInt8] {
        switch named {
        case .history(let sequence):
            let last = workspace.lastSequence
            guard sequence <= last else {
                throw CommandError(
                    .noEntry, "there is no change \(sequence) yet: the last is \(last)")
            }
            return try history(upTo: sequence, workspace)
        case .diff(let name):
            guard let ground = DiffGround(
                controlFile: name, now: clock.realtime(), isWorkspace: { set.find($0) != nil })
            else {
                throw CommandError(.noEntry, "\(name) does not name a moment")
            }
            return DiffText.lines(try set.differences(of: workspace, from: ground))
        }
    }

    private func history(
        upTo last: UInt64, _ workspace: Workspace
    ) throws(CommandError) -> [UInt8] {
        guard let range = HistoryName.range(upTo: last) else { return [] }
        return ChangeTexts.history(try workspace.changes.history(range))
    }

    private func name(of workspace: UInt16) -> String? {
        set.records.first { $0.id == workspace }.map { "\($0.name)" }
    }

    private func events(_ workspace: Workspace?) -> [UInt8] {
        let events = workspace.map { set.events.events(concerning: $0.id) } ?? set.events.events
        return StateTexts.events(
            events.map { event in
                EventLine(
                    time: event.time, severity: event.severity,
                    workspace: event.workspace.flatMap { name(of: $0) }, message: event.message)
            })
    }

    /// Returns the jobs of the workspace, and those of the whole store.
    private func progress(_ workspace: Workspace?) -> [UInt8] {
        var jobs = services.jobs.running
        if let workspace {
            let name = name(of: workspace.id) ?? ""
            jobs.removeAll { $0.workspace != name && !$0.workspace.isEmpty }
        }
        return StateTexts.progress(jobs)
    }
}
