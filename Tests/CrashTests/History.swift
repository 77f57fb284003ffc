// History: runs the workload on a disk that stops at some call, and checks which states may be found
// afterwards.

import Overlay
import Platform
import Storage
import TestSupport

struct History {
    /// The state before the first step, and after each acknowledged step.
    var states: [Model]
    /// The state as if the step that threw when the disk stopped had succeeded.
    var inFlight: Model?
    /// The syncs: the index of the state after each, and the synced file, or 0 for the names.
    var syncs: [(state: Int, file: InodeNumber)] = []

    /// The contents that are complete whenever their name is present, with the index of the state. A clone
    /// has all bytes of its source, and a rollback restores the content durably.
    var contents: [(state: Int, file: InodeNumber)] = []

    /// The files that replaced another file by a rename, with the index of the state. Under the new name
    /// such a file is complete.
    var replacements: [(state: Int, file: InodeNumber, name: String)] = []

    var last: Model { states[states.count - 1] }

    /// Runs until a step throws.
    static func untilStop(
        _ disk: SimulatedDisk, _ base: CrashBase, first: Model, steps: [Step] = Step.workload
    ) -> History {
        var history = History(states: [first])
        guard let session = try? Session(disk, base) else { return history }
        for (index, step) in steps.enumerated() {
            var model = history.last
            do {
                model.apply(step, index, created: try session.run(step, index))
                history.states.append(model)
                if case .sync(let name) = step, let file = model.names[name] {
                    history.syncs.append((history.states.count - 1, file))
                }
                if !disk.isStopped { history.noteContents(step) }
                // File 0 stands for the names: the step need not sync the bytes of a file.
                if step.isDurable, !disk.isStopped { history.syncs.append((history.states.count - 1, 0)) }
            } catch {
                model.apply(step, index, created: 0)
                history.inFlight = model
                return history
            }
        }
        return history
    }

    private mutating func noteContents(_ step: Step) {
        let index = states.count - 1
        let (before, after) = (states[index - 1], last)
        switch step {
        case .rollback, .rollbackPath, .undo, .clone, .merge:
            for (number, bytes) in after.bytes where before.bytes[number] != bytes {
                contents.append((index, number))
            }
        case .rename(_, let new) where before.names[new] != nil:
            if let number = after.names[new] { replacements.append((index, number, new)) }
        default: break
        }
    }

    /// The states that a reader may find, oldest first, each with its index.
    private var candidates: [(index: Int, model: Model)] {
        var all = states.enumerated().map { (index: $0.offset, model: $0.element) }
        if let inFlight { all.append((states.count, inFlight)) }
        return all
    }

    /// Checks the state after a kill: all acknowledged steps are present, and the interrupted step is
    /// complete or absent.
    func checkKill(_ found: [String: [UInt8]]) throws {
        if found == last.visible { return }
        if let inFlight, found == inFlight.visible { return }
        throw CheckFailure("\(summary(found)); expected \(summary(last.visible))")
    }

    /// Checks the state after a power cut. The names are those of one moment at or after the last sync.
    /// Each file has the bytes of one moment at or after its own last sync, or fails with EIO if it was
    /// never synced. The content from a rollback or a clone counts as synced.
    func checkPowerCut(
        _ found: [String: (number: InodeNumber, bytes: [UInt8]?)]
    ) throws {
        let lastSync = syncs.last?.state ?? 0
        let names = found.mapValues(\.number)
        guard candidates.contains(where: { $0.index >= lastSync && Self.fits(names, $0.model) })
        else {
            throw CheckFailure("names \(names) are of no moment since step \(lastSync): "
                + "\(candidates.filter { $0.index >= lastSync }.map(\.model.names))")
        }
        for (name, file) in found {
            let whole = replacements.filter { $0.name == name }.map { (state: $0.state, file: $0.file) }
            let synced = (syncs + contents + whole).filter { $0.file == file.number }.map(\.state).max()
            guard let bytes = file.bytes else {
                if synced == nil { continue }
                throw CheckFailure("\(name) was synced and answers EIO")
            }
            let known = candidates.contains {
                $0.index >= synced ?? 0
                    && ($0.model.bytes[file.number] ?? $0.model.bytes[0] ?? []) == bytes
            }
            if !known {
                throw CheckFailure("\(name) has \(bytes.count) bytes that it never had since step "
                    + "\(synced.map(String.init) ?? "0, unsynced")")
            }
        }
    }

    private static func fits(_ names: [String: InodeNumber], _ model: Model) -> Bool {
        names.count == model.names.count
            && names.allSatisfy { name, number in
                model.names[name].map { $0 == number || $0 == 0 } ?? false
            }
    }
}

func summary(_ files: [String: [UInt8]]) -> String {
    files.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.count)" }
        .joined(separator: ", ")
}

/// Runs further steps after a recovery, and checks that each file has the expected bytes, now and in the
/// next process.
func checkThatWorkGoesOn(
    _ session: Session, _ disk: SimulatedDisk, _ base: CrashBase
) throws {
    var model = Model()
    var stream = 103
    for (name, file) in try session.look() {
        guard let bytes = file.bytes else { continue }
        model.names[name] = file.number
        model.bytes[file.number] = bytes
    }
    var steps: [Step] = [.create("y"), .create("z"), .write("z", at: 0, count: 300)]
    for name in model.names.keys.sorted() { steps.append(.write(name, at: 10, count: 100)) }
    steps.append(.write("y", at: 0, count: 40_000))
    for step in steps {
        model.apply(step, stream, created: try session.run(step, stream))
        stream += 1
    }
    func check(_ session: Session, _ when: String) throws {
        let found = try session.look()
        for (name, bytes) in model.visible where found[name]?.bytes != bytes {
            throw CheckFailure(
                "\(when): \(name) has \(found[name]?.bytes?.count ?? -1) bytes, not the \(bytes.count) "
                    + "that were written")
        }
    }
    try check(session, "after going on")
    let next = disk.afterKill()
    try check(Session(next, base), "in the next process")
}

/// Runs the workload on a disk of which some call fails, and checks each file then.
func runWithFailure(
    _ disk: SimulatedDisk, _ base: CrashBase, _ first: Model, isExact: Bool, steps: [Step] = Step.workload
) throws {
    var opened: Session?
    for _ in 0..<3 where opened == nil { opened = try? Session(disk, base) }
    guard let session = opened else { throw CheckFailure("the workspace does not open") }
    var model = first
    var harmed: Set<String> = []
    var failed: [Step] = []
    for (index, step) in steps.enumerated() where model.allows(step) {
        do {
            model.apply(step, index, created: try session.run(step, index))
        } catch is DoneButNotDurable {
            // Only a power cut can lose the change.
            model.apply(step, index, created: session.made(by: step))
            failed.append(step)
        } catch {
            guard error as? Errno == .inputOutput || error as? Errno == .noSpace else {
                throw CheckFailure("\(step) answers \(error)")
            }
            failed.append(step)
            harmed.formUnion(step.needs)
            // The step may have left a change without effect, which an undo would revert.
            model.previous = []
        }
    }
    guard try session.visible() == model.visible else {
        throw CheckFailure(
            "after \(failed) failed: \(summary(try session.visible())) is not "
                + summary(model.visible))
    }
    let found = try Session(disk.afterKill(), base).visible()
    if isExact, found != model.visible {
        throw CheckFailure(
            "the next process finds \(summary(found)), not \(summary(model.visible))")
    }
    for (name, bytes) in model.visible where !harmed.contains(name) && found[name] != bytes {
        throw CheckFailure("the next process finds other bytes in \(name)")
    }
}
