// CostLimits: what an operation may cost at most. A row of the table without a line here has no limit.

import CStepper

struct CostLimit {
    /// Nil where nothing is said.
    var allocations: UInt64?
    var locks: UInt64?

    /// What is more than it, in words; nil if nothing is.
    func excess(_ cost: Cost) -> String? {
        var words: [String] = []
        if let allocations, cost.most.allocations > allocations {
            words.append("\(counted(cost.most.allocations, "allocation")), not \(allocations)")
        }
        if let locks, cost.most.locks > locks {
            words.append("\(counted(cost.most.locks, "lock")), not \(locks)")
        }
        return words.isEmpty ? nil : words.joined(separator: " and ")
    }

    var words: String {
        [allocations.map { counted($0, "allocation") }, locks.map { counted($0, "lock") }]
            .compactMap { $0 }.joined(separator: ", ")
    }
}

/// `1 lock`, `2 locks`.
func counted(_ number: UInt64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

enum CostLimits {
    /// `held` fails the run when it is exceeded, `wanted` only with --strict. Where a row has come to what is
    /// wanted, `held` is made the same.
    static let all: [String: (held: CostLimit, wanted: CostLimit)] = [
        "LOOKUP, an untouched base file in memory": (
            held: CostLimit(allocations: 0, locks: 2), wanted: CostLimit(allocations: 0, locks: 2)
        ),
        "LOOKUP, a touched file": (
            held: CostLimit(allocations: 0, locks: 2), wanted: CostLimit(allocations: 0, locks: 2)
        ),
        "GETATTR, an untouched base file": (
            held: CostLimit(allocations: 0, locks: 2), wanted: CostLimit(allocations: 0, locks: 2)
        ),
    ]
}
