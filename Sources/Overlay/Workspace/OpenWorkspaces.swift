// OpenWorkspaces: the open workspaces by id. Each request of the kernel looks one up, so each thread
// remembers the last one it found, until a workspace is opened or closed.

internal import Platform
internal import Synchronization

package final class OpenWorkspaces: Sendable {
    private let table = Mutex<[UInt16: Workspace]>([:])
    /// The state of the table: a number that no other state of any such table in the process has.
    private let state: Atomic<UInt64>

    /// The result of a thread's last look-up. It keeps a closed workspace in memory until the thread's next
    /// look-up.
    private final class Found {
        var state: UInt64 = 0
        var id: UInt16 = 0
        var workspace: Workspace?
    }

    private static let found = ThreadLocal { Found() }
    private static let lastState = Atomic<UInt64>(0)

    private static func nextState() -> UInt64 {
        lastState.wrappingAdd(1, ordering: .relaxed).newValue
    }

    init() { state = Atomic(Self.nextState()) }

    package subscript(_ id: UInt16) -> Workspace? {
        let found = Self.found.value
        // The state is loaded before the table is read: after a change in between, the next look-up reads
        // the table again.
        let now = state.load(ordering: .acquiring)
        if found.state == now, found.id == id { return found.workspace }
        guard let workspace = table.withLock({ $0[id] }) else { return nil }
        (found.state, found.id, found.workspace) = (now, id, workspace)
        return workspace
    }

    /// The open workspaces in the order of their ids.
    package var all: [Workspace] { table.withLock { $0.values.sorted { $0.id < $1.id } } }

    func insert(_ workspace: Workspace) { change { $0[workspace.id] = workspace } }
    package func remove(_ id: UInt16) { change { $0[id] = nil } }
    func removeAll() { change { $0 = [:] } }

    private func change(_ body: (inout [UInt16: Workspace]) -> Void) {
        table.withLock { table in
            body(&table)
            state.store(Self.nextState(), ordering: .releasing)
        }
    }
}
