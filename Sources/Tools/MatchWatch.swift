// MatchWatch: asked by the library of expressions while it looks for a match. Steps alone bound no time: one
// step may run over all of the window, and a search begins at each place of it. So the library asks every few
// items of the pattern, and ends where the call is cancelled or its time is over.

internal import CPCRE2
internal import Platform

final class MatchWatch {
    private let watch: UnsafeMutablePointer<cpcre2_watch>
    private var isCancelled: () -> Bool = { false }
    /// Nanoseconds of the thread's own time: how busy the machine is does not count.
    private var deadline = Int64.max
    /// What is said where the time is over.
    private var late = ToolError(.bounds, "")
    private var refusal: ToolError?

    /// Bytes that the library may run over before it asks again: items times bytes of the window, some
    /// tens of milliseconds.
    private static let bytesBetween = 16 << 20

    /// - Parameter context: of the matches; it must not be used when this is gone.
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

    /// A search begins.
    /// - Parameters:
    ///   - nanoseconds: that it may take.
    ///   - late: the sentence for a search that takes longer.
    func begin(nanoseconds: Int64, late: ToolError, isCancelled: @escaping () -> Bool) {
        deadline = Clock.threadTime() + nanoseconds
        self.late = late
        self.isCancelled = isCancelled
        refusal = nil
    }

    /// - Parameter window: bytes that the library sees.
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

    /// - Throws: why the search may not go on.
    func check() throws(ToolError) {
        if refusal == nil { _ = goesOn() }
        if let refusal { throw refusal }
    }
}
