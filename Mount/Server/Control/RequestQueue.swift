// RequestQueue: runs requests that must not run on a worker, because they wait for workers (commands:
// syncfs, notifications) or take long (slow texts). Each lane runs its requests one after the other,
// in the order of their arrival, on a thread that ends when the lane is empty. A dropped request is
// answered with EIO.

internal import DequeModule
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
        /// The lanes that have a thread, and the requests that wait in them.
        var lanes: [UInt64: Deque<Parcel>] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())

    /// - Parameter lane: requests of the same lane never run at the same time.
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
                if let first = state.lanes[lane]?.popFirst() { return first }
                state.lanes[lane] = nil
                return nil
            }
            guard let next else { return }
            next.run()
        }
    }

    /// Fails the requests of a lane because the system cannot start a thread.
    private func refuse(_ lane: UInt64) {
        let waiting = state.withLock { $0.lanes.removeValue(forKey: lane) } ?? []
        for parcel in waiting { parcel.fail(.again) }
    }

    /// Refuses waiting and further requests. Running requests continue.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            let waiting = state.lanes.values.flatMap { $0 }
            for lane in state.lanes.keys { state.lanes[lane] = [] }
            return waiting
        }
        for parcel in waiting { parcel.fail(.interrupted) }
    }

    /// Whether no request waits or runs.
    var isIdle: Bool { state.withLock { $0.lanes.isEmpty } }
}
