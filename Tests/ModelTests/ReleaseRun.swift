// ReleaseRun: the releases of history of a CommitRun. No workspace may show anything else after one; moments
// that can still be seen must be as they were, and earlier ones must be refused.

import Check
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport

extension CommitRun {
    func release() throws {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        for name in names {
            guard let known = states[name]?.randomElement(using: &random), Bool.random(using: &random)
            else { continue }
            request.firsts[try fixture.open(name).workspace.id] = known.sequence
        }
        log.append("-- release, \(request.firsts.sorted { $0.key < $1.key })")
        for name in names where Int.random(in: 0..<3, using: &random) == 0 { try rewrite(name) }
        if Int.random(in: 0..<4, using: &random) == 0 { try backUp() }
        let before = try images()
        let stop = Countdown(Int.random(in: 0..<40, using: &random))
        let starting = starts
        do {
            let report = Releases(fixture.set).observed { stop.hit() ? .inputOutput : nil }.run(request)
            released += report.releasedBytes
            note(report, isStopped: stop.wasHit)
            for part in report.parts where !stop.wasHit {
                if let fault = part.fault { throw fail("a release did nothing: \(fault)") }
            }
        }
        if stop.wasHit { try reopen(isKill: Bool.random(using: &random)) }
        try compare(before, "after a release", isStarted: starts > starting)
        try checkHistory()
        if stop.wasHit {
            // The rest is released.
            let report = Releases(fixture.set).run(request)
            note(report, isStopped: false)
            try compare(before, "after the rest of a release", isStarted: true)
            try checkHistory()
        }
        try verify()
    }

    /// Writes a new file with a part of an old one replaced, as an editor does, and gives it its name.
    private func rewrite(_ name: String) throws {
        let tree = try fixture.open(name)
        defer { tree.forget() }
        let files = try image(name).items.filter { FileType(mode: $0.value.facts.mode) == .regular }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        guard let (path, item) = files.randomElement(using: &random), !item.content.isEmpty else { return }
        let place = Int.random(in: 0..<item.content.count, using: &random)
        let end = min(item.content.count, place + Int.random(in: 0..<9, using: &random))
        let bytes = item.content[..<place] + Array("rewritten".utf8) + item.content[end...]
        let (text, temporary) = (String(decoding: path, as: UTF8.self), "rewritten")
        do throws(Errno) {
            try tree.makeFile(temporary)
            try tree.write(try tree.resolve(temporary), Array(bytes), at: 0)
            if Bool.random(using: &random) {
                try tree.changeMode(temporary, item.facts.mode & 0o777)
            }
            try tree.rename(temporary, to: text)
        } catch {
            // A path that is no text is not found.
            if tree.exists(temporary) { try tree.unlink(temporary) }
        }
        log.append("   \(name): rewritten \(text)")
        sequences[name]?.append(tree.workspace.sequence.last)
        try noteState(name)
    }

    private func backUp() throws {
        guard let name = names.randomElement(using: &random) else { return }
        let tree = try fixture.open(name)
        let moment = try tree.workspace.moments.backup(
            FileName("backup-\(tree.workspace.sequence.last)"), comment: [], caller: tree.caller)
        log.append("   backup of \(name) at \(moment.sequence)")
        try noteState(name)
    }

    private func note(_ report: ReleaseReport, isStopped: Bool) {
        log.append("   \(isStopped ? "stopped, " : "")" + report.parts.map { part in
            "\(part.name.map { "\($0)" } ?? "-"): \(part.releasedBytes) bytes, \(part.removedLogs) logs, "
                + "from @\(part.first)\(part.fault.map { ", \($0)" } ?? "")"
        }.joined(separator: "; "))
    }

    /// Looks at all known moments of all workspaces.
    private func checkHistory() throws {
        for name in names {
            let workspace = try fixture.open(name).workspace
            for state in states[name] ?? [] {
                let isSeen = workspace.horizon.shows(state.sequence)
                do throws(CommandError) {
                    let view = try workspace.moments.view(at: state.sequence)
                    if !isSeen { throw CommandError(.exists, "") }
                    let differences: [String]
                    do {
                        // The number of names of a file may not be known of a moment before a restart.
                        differences = state.image.differences(
                            to: try TreeImage(PastTree(view)), comparesLinks: false)
                    } catch {
                        throw CommandError(.inputOutput, "\(error)")
                    }
                    if differences.isEmpty { continue }
                    throw CommandError(.inputOutput, "\(differences)")
                } catch {
                    if !isSeen, error.errno == .stale { continue }
                    throw fail("\(name)@\(state.sequence) after a release: \(error)")
                }
            }
        }
    }

    private func verify() throws {
        guard let name = names.randomElement(using: &random) else { return }
        let report: VerifyReport
        do {
            report = try fixture.open(name).workspace.verify()
        } catch {
            throw fail("verify of \(name): \(error)")
        }
        let errors = report.findings.filter { $0.severity == .error }
        if !errors.isEmpty { throw fail("verify of \(name): \(errors.map(\.sentence))") }
    }
}
