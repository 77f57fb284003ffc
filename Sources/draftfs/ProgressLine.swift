// ProgressLine: a line on standard error, if that is a terminal, for work that takes more than a
// second. It shows the running jobs of `.draft/progress`, which a thread polls while a command waits.

import Fuse
import Glibc
import Platform
import Synchronization

enum ProgressLine {
    /// Runs `work`, and shows progress meanwhile if standard error is a terminal.
    static func during<R>(
        _ place: Place, verb: String? = nil, _ work: () throws(Failure) -> R
    ) throws(Failure) -> R {
        guard isatty(STDERR_FILENO) == 1 else { return try work() }
        let poller = Poller()
        let started = Thread.start { poller.poll(place, verb: verb) }
        defer { if started { poller.end() } }
        return try work()
    }

    /// Returns the job to show: the last one started, or the last one of the given verb.
    static func job(in place: Place, verb: String?) -> JSONValue? {
        let jobs = (try? place.objects("progress"))?.map(\.value) ?? []
        guard let verb else { return jobs.last }
        return jobs.last { $0["verb"]?.text == verb }
    }

    /// Returns for example "verify [####----]  50.0%  3.0 MiB/s  0:07 left" in less than `width`
    /// columns.
    static func render(_ job: JSONValue, width: Int) -> String {
        let verb = Text.printable(job["verb"]?.text ?? "working")
        let unit = job["unit"]?.text ?? ""
        let done = job["done"]?.double ?? 0
        let total = job["total"]?.double ?? 0
        var tail = ""
        var bar = ""
        if total > 0 {
            let part = min(1, max(0, done / total))
            tail = "  \(Text.decimal(part * 100))%"
            let room = min(40, width - 50)
            if room >= 8 {
                let filled = Int(part * Double(room))
                bar = " [" + String(repeating: "#", count: filled)
                    + String(repeating: "-", count: room - filled) + "]"
            }
        } else {
            tail = "  " + amount(done, unit)
        }
        if let rate = job["rate"]?.double, rate > 0 { tail += "  \(amount(rate, unit))/s" }
        if let left = job["eta_seconds"]?.double, left >= 0, left < 1e9 {
            tail += "  \(Text.duration(UInt64(left))) left"
        }
        return String((verb + bar + tail).prefix(max(10, width - 1)))
    }

    private static func amount(_ number: Double, _ unit: String) -> String {
        if unit == "bytes" || unit.isEmpty {
            return Text.size(UInt64(min(max(0, number), 1e18)))
        }
        return "\(Text.decimal(number)) \(Text.printable(unit))"
    }

    /// Replaces the line of the cursor; nil clears it.
    static func show(_ text: String?) { writeError("\r\u{1b}[K" + (text ?? "")) }

    private final class Poller: Sendable {
        private enum State { case running, ending, ended }
        private let state = Mutex(State.running)

        func poll(_ place: Place, verb: String?) {
            var shown = false
            for step in 1... {
                usleep(100_000)
                if state.withLock({ $0 != .running }) { break }
                guard step >= 10, step % 5 == 0 else { continue }
                if let job = job(in: place, verb: verb) {
                    show(render(job, width: Terminal.width(STDERR_FILENO)))
                    shown = true
                }
            }
            if shown { show(nil) }
            state.withLock { $0 = .ended }
        }

        /// Waits until the line is cleared, but at most a second, because a read may hang.
        func end() {
            state.withLock { $0 = .ending }
            for _ in 0..<100 {
                if state.withLock({ $0 == .ended }) { return }
                usleep(10_000)
            }
        }
    }
}

/// The progress of work in this process. It is shown after the first second, at most twice a second.
final class LocalProgress {
    private let verb: String
    private let started = Clock.system.monotonic()
    private var drawn: Int64 = 0
    private let isWatched = isatty(STDERR_FILENO) == 1

    init(_ verb: String) { self.verb = verb }

    /// - Parameter total: in bytes; 0 if not known.
    func show(_ done: UInt64, of total: UInt64) {
        let now = Clock.system.monotonic()
        guard isWatched, now - started > 1_000_000_000, now - drawn > 500_000_000 else { return }
        drawn = now
        let rate = Double(done) / (Double(now - started) / 1e9)
        let left = rate > 0 && total >= done ? Double(total - done) / rate : nil
        let job = JSONValue.members([
            "verb": .text(verb), "done": .integer(done), "total": .integer(total),
            "unit": .text("bytes"), "rate": .number("\(rate)"),
            "eta_seconds": total > 0 ? left.map { .number("\($0)") } : nil,
        ])
        ProgressLine.show(ProgressLine.render(job, width: Terminal.width(STDERR_FILENO)))
    }

    func clear() { if drawn > 0 { ProgressLine.show(nil) } }
}
