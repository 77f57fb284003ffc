// CostsProgram: measures what each request of the kernel costs the daemon, in reproducible numbers: memory
// allocations, locks, system calls and instructions. The unchanged code of the daemon runs in this process
// without a mount. scripts/bench --only costs builds and runs this program.
//
// usage: draftfs-costs DIR [--strict] [--single] [--where TEXT]

import CStepper
import Glibc

@main
struct CostsProgram {
    private var directory = ""
    private var isStrict = false
    private var isSingle = false
    private var place: String?

    static func main() {
        do {
            let program = try CostsProgram(CommandLine.arguments.dropFirst())
            exit(try program.run() ? 0 : 1)
        } catch {
            say("\(error)")
            exit(2)
        }
    }

    private static func say(_ text: String) {
        let line = Array("draftfs-costs: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    private init(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        while let word = rest.popFirst() {
            switch word {
            case "--strict": isStrict = true
            case "--single": isSingle = true
            case "--where": place = rest.popFirst()
            default: directory = word
            }
        }
        if directory.isEmpty { throw Failure("it needs a directory to work in") }
    }

    /// Measures all operations and prints the table.
    /// - Returns: whether no operation exceeds its limits.
    private func run() throws -> Bool {
        guard cs_prepare() == 0 else {
            throw Failure("instructions cannot be counted here: that needs x86-64 and libfuse3 as a library")
        }
        for name in ["base", "store", "mount"] { mkdir("\(directory)/\(name)", 0o700) }
        try Base.make("\(directory)/base")
        usleep(50_000)  // Waits until the files are older than one tick of the clock.
        let daemon = try Daemon(directory, isSingle: isSingle)
        var costs: [Cost] = []
        for operation in Operation.all {
            let isShown = place.map(operation.name.contains) ?? true
            let requests = try operation.requests(daemon)
            for request in requests.prefix(Base.warmUps) { try daemon.ask(request) }
            var cost = Cost(name: operation.name, rounds: [])
            for request in requests.dropFirst(Base.warmUps) {
                if isShown {
                    cost.rounds.append(try daemon.measure(request))
                } else {
                    try daemon.ask(request)
                }
            }
            costs.append(cost)
            if place != nil, isShown { EventList.show(operation.name) }
        }
        if place != nil { return true }
        print(CostTable.render(costs))
        print("\n" + CostTable.library(costs))
        return keeps(costs)
    }

    private func keeps(_ costs: [Cost]) -> Bool {
        var isKept = true
        for name in CostLimits.all.keys where !costs.contains(where: { $0.name == name }) {
            Self.say("there is a limit for \(name), but no such operation")
            isKept = false
        }
        for cost in costs {
            guard let limit = CostLimits.all[cost.name] else { continue }
            if let excess = limit.held.excess(cost) ?? (isStrict ? limit.wanted.excess(cost) : nil) {
                Self.say("\(cost.name) takes \(excess)")
                isKept = false
            }
        }
        return isKept
    }
}
