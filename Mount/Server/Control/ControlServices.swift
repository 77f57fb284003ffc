// ControlServices: what other parts of the daemon say and do for control files. A text that nobody
// provides is empty; a command that nobody carries out fails with EOPNOTSUPP.

package import Control
package import Overlay
internal import Platform

package struct ControlServices: Sendable {
    /// A text for a workspace, or for the store.
    package typealias Text = @Sendable (Workspace?) throws(CommandError) -> [UInt8]

    package var status: Text = { _ in [] }
    package var metrics: Text = { _ in [] }
    package var limits: Text = { _ in [] }
    package var drift: Text = { _ in [] }
    /// The last report of `verify`.
    package var verification: Text = { _ in Array("{\"state\":\"none\"}\n".utf8) }

    /// Starts a check of paths, or of the whole workspace without any, and returns.
    package var verify: @Sendable (Workspace, [[UInt8]], Caller) throws(CommandError) -> Void =
        { _, _, _ throws(CommandError) in throw Self.missing("verify") }
    /// Sets a limit of a workspace, or of the store.
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
    package var refresh: @Sendable (Workspace, Caller) throws(CommandError) -> CommandOutcome =
        { _, _ throws(CommandError) in throw Self.missing("refresh") }

    /// Long work, for `progress`.
    package let jobs: JobList

    package init(jobs: JobList = JobList()) { self.jobs = jobs }

    private static func missing(_ what: String) -> CommandError {
        CommandError(.notSupported, "\(what) does nothing in this version")
    }
}

/// The services as the executor of commands sees them.
struct ServiceHandlers: CommandHandlers {
    let services: ControlServices

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

    func refresh(
        _ target: Workspace, caller: Caller
    ) throws(CommandError) -> CommandOutcome { try services.refresh(target, caller) }
}
