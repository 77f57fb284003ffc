// StorePast: the commands and texts of the control files without a mount, in the same language and format.

internal import Check
internal import Control
internal import Overlay
internal import Past
internal import Platform
internal import Synchronization
package import Tools

package final class StorePast: WorkspacePast {
    package let root = ToolPath(names: [])
    private let set: WorkspaceSet
    private let workspace: Workspace
    private let caller: Caller
    private let executor: Executor<Handlers>
    private let reports: Reports

    init(_ set: WorkspaceSet, _ workspace: Workspace, _ caller: Caller) {
        self.set = set
        self.workspace = workspace
        self.caller = caller
        reports = Reports()
        executor = Executor(Handlers(reports: reports))
    }

    package func command(_ file: String, _ words: [[UInt8]]) throws(ToolError) {
        guard let file = CommandFile(rawValue: file) else {
            throw ToolError(.unsupported, "there is no command \(file) here")
        }
        do throws(CommandError) {
            try executor.write(Self.line(words), to: file, of: workspace, caller: caller)
        } catch {
            throw ToolError(error)
        }
        set.maintain()
    }

    package func read(_ file: String, _ most: Int) throws(ToolError) -> [UInt8] {
        do throws(CommandError) {
            return Array(try text(file).prefix(most))
        } catch {
            throw ToolError(error)
        }
    }

    private func text(_ file: String) throws(CommandError) -> [UInt8] {
        switch file {
        case "backup": return ChangeTexts.backups(workspace.moments.backups)
        case "history": return try history(upTo: workspace.lastSequence)
        case "diff": return DiffText.lines(try set.differences(of: workspace, from: .base))
        case "verify": return reports.text
        case "status": return status()
        default: break
        }
        if file.hasPrefix("blame/") {
            do {
                let number = try workspace.number(at: Array(file.dropFirst("blame/".count).utf8))
                return ChangeTexts.blame(try workspace.changes.blame(number))
            } catch let error as CommandError {
                throw error
            } catch let error as Errno {
                throw CommandError(error, "there is no blame of \(file.dropFirst(6)): \(error)")
            } catch {
                throw CommandError(.invalid, "\(error)")
            }
        }
        guard let name = try? FileName(file) else { throw CommandError(.noEntry, "no text \(file)") }
        if let sequence = HistoryName.sequence(controlFile: name) {
            let last = workspace.lastSequence
            guard sequence <= last else {
                throw CommandError(.noEntry, "there is no change \(sequence) yet: the last is \(last)")
            }
            return try history(upTo: sequence)
        }
        guard let ground = DiffGround(
            controlFile: name, now: Clock.system.realtime(), isWorkspace: { set.find($0) != nil })
        else {
            throw CommandError(.noEntry, "\(file) does not name a moment")
        }
        return DiffText.lines(try set.differences(of: workspace, from: ground))
    }

    private func history(upTo last: UInt64) throws(CommandError) -> [UInt8] {
        guard let range = HistoryName.range(upTo: last) else { return [] }
        return ChangeTexts.history(try workspace.changes.history(range))
    }

    private func status() -> [UInt8] {
        let statistics = workspace.accounts.statistics
        return JSONText.render(
            .object([
                ("sequence", .unsigned(statistics.sequence)),
                ("backups", .unsigned(UInt64(workspace.moments.backups.count))),
                ("mounted", .boolean(false)),
            ]))
    }
}

/// The report of the last check.
private final class Reports: Sendable {
    private let last = Mutex<[UInt8]>(JSONText.render(.object([("state", .text("none"))])))

    var text: [UInt8] { last.withLock { $0 } }

    func set(_ report: VerifyReport) {
        let text = StateTexts.verification(report)
        last.withLock { $0 = text }
    }
}

/// The handlers of commands that concern more than the workspace. A check is finished when its command
/// returns. Limits and drift are left to an operator with a mount.
private struct Handlers: CommandHandlers {
    typealias Target = Workspace
    let reports: Reports

    func verify(_ target: Workspace, paths: [[UInt8]], caller: Caller) throws(CommandError) {
        reports.set(try target.verify(paths) { _, _ in true })
    }

    private var refusal: CommandError {
        CommandError(.notSupported, "only a mount (draftfs mount) can change limits and drift")
    }

    func setLimit(
        _ key: LimitKey, to value: LimitValue, of target: Workspace, caller: Caller
    ) throws(CommandError) { throw refusal }

    func acceptDrift(
        _ path: [UInt8], of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw refusal }

    func keepOurs(
        _ path: [UInt8], over version: [UInt8]?, of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw refusal }

    func dropDrift(
        _ path: [UInt8], of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw refusal }

    func refresh(
        _ target: Workspace, _ request: RefreshRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw refusal }

    func fork(
        _ target: Workspace, as name: FileName, at moment: Moment?, caller: Caller
    ) throws(CommandError) {
        throw CommandError(.notSupported, "only a mount (draftfs mount) can fork workspaces")
    }

    func commit(_ target: Workspace, _ request: CommitRequest, caller: Caller) throws(CommandError) {
        throw CommandError(.notSupported, "only a mount (draftfs mount) can commit workspaces")
    }

    func merge(
        _ target: Workspace, _ request: MergeRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        throw CommandError(.notSupported, "only a mount (draftfs mount) can merge workspaces")
    }

    func release(_ target: Workspace, isDryRun: Bool, age: UInt64?) throws(CommandError) {
        throw CommandError(.notSupported, "only a mount (draftfs mount) can release history")
    }
}
