// ControlTexts: the last text of each control file. Without open there is no handle to keep a text
// with. So a text is made when its name is looked up, which each open by path does because control
// names are never cached. It is kept while it is read.

internal import Platform
internal import Synchronization

/// A text, and the time when its making began.
struct ControlText: Sendable {
    var bytes: [UInt8]
    /// CLOCK_REALTIME in nanoseconds, shown as mtime. A new value makes the kernel drop the old text.
    var made: Int64
}

final class ControlTexts: Sendable {
    private struct State {
        var texts: [UInt64: ControlText] = [:]
        var bytes = 0
    }

    private let state = Mutex(State())
    /// The total size in bytes above which the oldest texts are dropped. Their readers get new ones.
    private static let limit = 16 << 20

    /// - Parameter since: nanoseconds since 1970; nil is returned for an older text.
    func text(_ id: UInt64, since: Int64 = .min) -> ControlText? {
        state.withLock { state in
            guard let known = state.texts[id], known.made >= since else { return nil }
            return known
        }
    }

    /// Keeps a text unless a newer one is kept already. Returns the kept text.
    func keep(_ text: ControlText, for id: UInt64) -> ControlText {
        state.withLock { state in
            if let known = state.texts[id] {
                if known.made >= text.made { return known }
                state.bytes -= known.bytes.count
            }
            state.texts[id] = text
            state.bytes += text.bytes.count
            if state.bytes > Self.limit { makeRoom(besides: id, &state) }
            return text
        }
    }

    func drop(_ id: UInt64) {
        state.withLock { state in
            if let known = state.texts.removeValue(forKey: id) {
                state.bytes -= known.bytes.count
            }
        }
    }

    private func makeRoom(besides kept: UInt64, _ state: inout State) {
        for (id, text) in state.texts.sorted(by: { $0.value.made < $1.value.made })
        where id != kept {
            state.texts[id] = nil
            state.bytes -= text.bytes.count
            if state.bytes <= Self.limit { return }
        }
    }
}
