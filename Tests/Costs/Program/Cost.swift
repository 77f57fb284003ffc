// Cost: the measured costs of one operation in each round, and the table of all operations.

import CStepper

struct Cost {
    var name: String
    var rounds: [cs_counts_t]

    private func sorted(_ number: (cs_counts_t) -> UInt64) -> [UInt64] { rounds.map(number).sorted() }

    private func combined(_ choose: ([UInt64]) -> UInt64) -> cs_counts_t {
        cs_counts_t(
            instructions: choose(sorted { $0.instructions }), allocations: choose(sorted { $0.allocations }),
            bytes: choose(sorted { $0.bytes }), locks: choose(sorted { $0.locks }),
            system_calls: choose(sorted { $0.system_calls }),
            fuse_allocations: choose(sorted { $0.fuse_allocations }),
            fuse_bytes: choose(sorted { $0.fuse_bytes }), fuse_locks: choose(sorted { $0.fuse_locks }))
    }

    /// The median of each number by itself. It leaves out the rare rounds in which a table grows.
    var median: cs_counts_t { combined { $0.isEmpty ? 0 : $0[$0.count / 2] } }
    var most: cs_counts_t { combined { $0.last ?? 0 } }
}

enum CostTable {
    static func render(_ costs: [Cost]) -> String {
        var lines = [
            "| Operation | allocations | bytes | locks | system calls | instructions | wanted |",
            "|---|--:|--:|--:|--:|--:|---|",
        ]
        for cost in costs {
            let median = cost.median
            let wanted = CostLimits.all[cost.name]?.wanted
            let isMet = wanted.map { $0.excess(cost) == nil } ?? true
            let cells = [
                cost.name, grouped(median.allocations), grouped(median.bytes), grouped(median.locks),
                grouped(median.system_calls), grouped(rounded(median.instructions)),
                wanted.map { isMet ? "is kept: \($0.words)" : $0.words } ?? "",
            ]
            lines.append("| " + cells.joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n")
    }

    /// Returns a sentence about the costs that libfuse adds to each operation.
    static func library(_ costs: [Cost]) -> String {
        func range(_ noun: String, _ number: (cs_counts_t) -> UInt64) -> String {
            let all = costs.map { number($0.median) }
            let (least, most) = (all.min() ?? 0, all.max() ?? 0)
            return least == most ? counted(least, noun) : "\(least) to \(counted(most, noun))"
        }
        return "Beside these, for each: read(2) and writev(2) of the message, and in libfuse "
            + "\(range("allocation") { $0.fuse_allocations }) of \(range("byte") { $0.fuse_bytes }) and "
            + "\(range("lock") { $0.fuse_locks })."
    }

    /// Rounds to three digits, because the lower digits depend on addresses.
    private static func rounded(_ number: UInt64) -> UInt64 {
        var unit: UInt64 = 1
        while number / unit >= 1_000 { unit *= 10 }
        return (number + unit / 2) / unit * unit
    }

    private static func grouped(_ number: UInt64) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
