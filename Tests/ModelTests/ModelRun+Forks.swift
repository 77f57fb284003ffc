// ModelRun+Forks: the steps of a model run that fork the workspace. The run goes on in the fork or in the
// parent. The other one must keep its state, whatever happens after.

import Glibc
import Overlay
import Past
import Platform
import TestSupport

extension ModelRun {
    func fork(follows: Bool) throws {
        ours.releaseAll()
        theirs.releaseAll()
        if Bool.random(using: &random) { forget() }
        let name = "fork \(left.count)"
        do {
            if follows {
                left[fixture.name] = reference.copy()
                try fixture.fork(name, follows: true)
                ours = Interpreter(fixture.tree)
                numbers = [:]
            } else {
                left[name] = reference.copy()
                try fixture.fork(name)
            }
        } catch {
            throw CheckFailure("seed \(seed): \(error)\n" + fixture.messages.joined(separator: "\n"))
        }
        recent.append("\(follows ? "went on in" : "made") \(name)")
        try compare("after the fork")
        if let moment = moments.randomElement(using: &random) { try lookBack(to: moment) }
        for name in left.keys.sorted().shuffled(using: &random).prefix(1) { try checkLeft(name) }
    }

    /// Compares a workspace that was left with the state that it must have.
    func checkLeft(_ name: String) throws {
        guard let state = left[name] else { return }
        let differences: [String]
        let image = try TreeImage(state)
        do {
            differences = try image.differences(to: TreeImage(fixture.open(name)))
        } catch {
            throw CheckFailure(
                "seed \(seed), \(name): \(error)\n" + fixture.messages.joined(separator: "\n"))
        }
        if !differences.isEmpty {
            throw CheckFailure("seed \(seed), \(name):\n" + differences.joined(separator: "\n"))
        }
        try checkDifferences(to: name, image)
    }

    func names(of directory: String) throws -> [String] {
        guard let stream = opendir(directory) else { throw CheckFailure("no directory \(directory)") }
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            found.append(withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            })
        }
        return found
    }
}
