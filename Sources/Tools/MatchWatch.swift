// MatchWatch: ends a search of PCRE2 when the call is cancelled or its time is over. A limit on steps does
// not bound the time: one step may run over the whole window, and a search starts at each place in it. So
// the library calls back after every few items of the pattern.

internal import CPCRE2
internal import Platform

final class MatchWatch {
    private let watch: UnsafeMutablePointer<cpcre2_watch>
    private var isCancelled: () -> Bool = { false }
    /// The end of the search in nanoseconds of the thread's own CPU time, so that the load of the machine
    /// does not count.
    private var deadline = Int64.max
    /// The error for a search that runs out of time.
    private var late = ToolError(.bounds, "")
    private var refusal: ToolError?

    /// The bytes that the library may run over between two callbacks: items times bytes of the window. That
    /// takes some tens of milliseconds.
    private static let bytesBetween = 16 << 20

    /// - Parameter context: the match context; it must not be used after this object is released.
    init(_ context: OpaquePointer) {
        watch = .allocate(capacity: 1)
        watch.initialize(
            to: cpcre2_watch(
                items: 0, interval: 1,
                goes_on: { raw in
                    guard let raw else { return 1 }
                    return Unmanaged<MatchWatch>.fromOpaque(raw).takeUnretainedValue().goesOn() ? 1 : 0
                }, asker: nil))
        watch.pointee.asker = Unmanaged.passUnretained(self).toOpaque()
        cpcre2_set_watch(context, watch)
    }

    deinit { watch.deallocate() }

    /// Starts the clock for a search.
    /// - Parameters:
    ///   - nanoseconds: the CPU time that the search may take.
    ///   - late: the error for a search that takes longer.
    func begin(nanoseconds: Int64, late: ToolError, isCancelled: @escaping () -> Bool) {
        deadline = Clock.threadTime() + nanoseconds
        self.late = late
        self.isCancelled = isCancelled
        refusal = nil
    }

    /// Sets the interval of the callbacks.
    /// - Parameter window: the number of bytes that the library sees.
    func prepare(window: Int) {
        watch.pointee.interval = UInt32(max(1, min(4_096, Self.bytesBetween / max(1, window))))
    }

    private func goesOn() -> Bool {
        if isCancelled() {
            refusal = ToolError(.cancelled, "the call was cancelled")
        } else if Clock.threadTime() >= deadline {
            refusal = late
        }
        return refusal == nil
    }

    /// - Throws: the reason why the search must not go on.
    func check() throws(ToolError) {
        if refusal == nil { _ = goesOn() }
        if let refusal { throw refusal }
    }
}
