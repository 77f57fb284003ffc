// RequestQueue: requests that no worker may take, because they wait for workers (commands: syncfs,
// notices) or take long (large texts). Each lane runs one after the other, in the order in which
// they came, on a thread that ends when its lane is empty. A request that is dropped answers EIO.

internal import Fuse
internal import Platform
internal import Synchronization

final class RequestQueue: Sendable {
    typealias Work = @Sendable (consuming Request) -> Void

    /// Carries a move-only request to another thread.
    private final class Parcel: Sendable {
        private let request: Mutex<Request?>
        private let work: Work

        init(_ request: consuming Request, _ work: @escaping Work) {
            self.request = Mutex(request)
            self.work = work
        }

        func run() {
            if let request = request.withLock({ $0.take() }) { work(request) }
        }

        func fail(_ error: Errno) {
            if let request = request.withLock({ $0.take() }) { request.fail(error) }
        }
    }

    private struct State {
        /// Lanes with a thread, and what waits in them.
        var lanes: [UInt64: [Parcel]] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())

    /// - Parameter lane: what must not run at the same time has the same one.
    func submit(_ request: consuming Request, lane: UInt64, _ work: @escaping Work) {
        let parcel = Parcel(request, work)
        let (isRefused, needsThread) = state.withLock { state in
            if state.isStopped { return (true, false) }
            let isNew = state.lanes[lane] == nil
            state.lanes[lane, default: []].append(parcel)
            return (false, isNew)
        }
        if isRefused { return parcel.fail(.interrupted) }
        if needsThread, !Thread.start({ [self] in run(lane) }) { refuse(lane) }
    }

    private func run(_ lane: UInt64) {
        while true {
            let next: Parcel? = state.withLock { state in
                guard var waiting = state.lanes[lane], !waiting.isEmpty else {
                    state.lanes[lane] = nil
                    return nil
                }
                let first = waiting.removeFirst()
                state.lanes[lane] = waiting
                return first
            }
            guard let next else { return }
            next.run()
        }
    }

    /// The system has no thread to give.
    private func refuse(_ lane: UInt64) {
        let waiting = state.withLock { $0.lanes.removeValue(forKey: lane) } ?? []
        for parcel in waiting { parcel.fail(.again) }
    }

    /// Refuses what waits and what will come; what runs goes on.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            let waiting = state.lanes.values.flatMap { $0 }
            for lane in state.lanes.keys { state.lanes[lane] = [] }
            return waiting
        }
        for parcel in waiting { parcel.fail(.interrupted) }
    }

    /// Nothing waits or runs.
    var isIdle: Bool { state.withLock { $0.lanes.isEmpty } }
}
