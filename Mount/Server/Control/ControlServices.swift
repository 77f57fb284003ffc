// ControlServices: the texts and commands that other parts of the daemon provide for control files. A
// text without a provider is empty; a command without one fails with EOPNOTSUPP.

package import Control
package import Overlay
package import Past
package import Platform
package import Storage

package struct ControlServices: Sendable {
    /// Returns a text for a workspace, or for the store if nil.
    package typealias Text = @Sendable (Workspace?) throws(CommandError) -> [UInt8]

    package var status: Text = { _ in [] }
    package var metrics: Text = { _ in [] }
    package var limits: Text = { _ in [] }
    package var drift: Text = { _ in [] }
    /// The report of the last `verify`.
    package var verification: Text = { _ in Array("{\"state\":\"none\"}\n".utf8) }

    /// Starts a check of paths, or of the whole workspace if there are none, and returns.
    package var verify: @Sendable (Workspace, [[UInt8]], Caller) throws(CommandError) -> Void =
        { _, _, _ throws(CommandError) in throw Self.missing("verify") }
    /// Sets a limit of a workspace, or of the store if nil.
    package var setLimit:
        @Sendable (LimitKey, LimitValue, Workspace?, Caller) throws(CommandError) -> Void =
            { _, _, _, _ throws(CommandError) in throw Self.missing("limits") }

    package typealias PathCommand =
        @Sendable ([UInt8], Workspace, Caller) throws(CommandError) -> CommandOutcome
    package var acceptDrift: PathCommand =
        { _, _, _ throws(CommandError) in throw Self.missing("drift") }
    package var keepOurs:
        @Sendable ([UInt8], [UInt8]?, Workspace, Caller) throws(CommandError) -> CommandOutcome =
            { _, _, _, _ throws(CommandError) in throw Self.missing("drift") }
    package var dropDrift: PathCommand =
        { _, _, _ throws(CommandError) in throw Self.missing("drift") }
    package var refresh:
        @Sendable (Workspace, RefreshRequest, Caller) throws(CommandError) -> CommandOutcome =
            { _, _, _ throws(CommandError) in throw Self.missing("refresh") }
    /// The report of the last refresh.
    package var refreshReport: Text = { _ in [] }
    /// Returns the names that the kernel has as missing and that the base decides, and forgets them.
    package var missingNames: @Sendable (Workspace) -> [(parent: InodeNumber, name: FileName)] = { _ in [] }

    /// Makes a fork of a workspace.
    package var fork:
        @Sendable (Workspace, FileName, Moment?, Caller) throws(CommandError) -> Void =
            { _, _, _, _ throws(CommandError) in throw Self.missing("fork") }

    /// Puts changes of a workspace into the base.
    package var commit: @Sendable (Workspace, CommitRequest) throws(CommandError) -> Void =
        { _, _ throws(CommandError) in throw Self.missing("commit") }
    /// The report of the last commit.
    package var commitReport: Text = { _ in [] }

    /// Puts changes of a workspace into another one.
    package var merge:
        @Sendable (Workspace, MergeRequest, Caller) throws(CommandError) -> CommandOutcome =
            { _, _, _ throws(CommandError) in throw Self.missing("merge") }
    /// The report of the last merge.
    package var mergeReport: Text = { _ in [] }

    /// Releases history of a workspace, or of all if nil: takes whether it is a dry run, and an age.
    package var release: @Sendable (Workspace?, Bool, UInt64?) throws(CommandError) -> Void =
        { _, _, _ throws(CommandError) in throw Self.missing("gc") }
    /// The report of the last release.
    package var releaseReport: Text = { _ in [] }

    /// The long jobs that `progress` shows.
    package let jobs: JobList

    package init(jobs: JobList = JobList()) { self.jobs = jobs }

    private static func missing(_ what: String) -> CommandError {
        CommandError(.notSupported, "\(what) does nothing in this version")
    }
}

/// Gives the executor of commands access to the services.
struct ServiceHandlers: CommandHandlers {
    let services: ControlServices
    /// Called after a fork: the kernel may know that there was no such name.
    let forked: @Sendable (FileName) -> Void

    func verify(
        _ target: Workspace, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) { try services.verify(target, paths, caller) }

    func setLimit(
        _ key: LimitKey, to value: LimitValue, of target: Workspace, caller: Caller
    ) throws(CommandError) { try services.setLimit(key, value, target, caller) }

    func acceptDrift(
        _ path: [UInt8], of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { try services.acceptDrift(path, target, caller) }

    func keepOurs(
        _ path: [UInt8], over version: [UInt8]?, of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try services.keepOurs(path, version, target, caller)
    }

    func dropDrift(
        _ path: [UInt8], of target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { try services.dropDrift(path, target, caller) }

    func fork(
        _ target: Workspace, as name: FileName, at moment: Moment?, caller: Caller
    ) throws(CommandError) {
        try services.fork(target, name, moment, caller)
        forked(name)
    }

    func commit(
        _ target: Workspace, _ request: CommitRequest, caller: Caller
    ) throws(CommandError) { try services.commit(target, request) }

    func refresh(
        _ target: Workspace, _ request: RefreshRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome { try services.refresh(target, request, caller) }

    func merge(
        _ target: Workspace, _ request: MergeRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome { try services.merge(target, request, caller) }

    func release(_ target: Workspace, isDryRun: Bool, age: UInt64?) throws(CommandError) {
        try services.release(target, isDryRun, age)
    }
}
