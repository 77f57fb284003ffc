// CostLimits: the maximum costs of an operation. An operation without an entry here has no limit.

import CStepper

struct CostLimit {
    /// The maximum number of allocations, or nil for no limit.
    var allocations: UInt64? = nil
    var locks: UInt64? = nil

    /// Describes the numbers that exceed this limit. Returns nil if none does.
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

/// Returns the number and the noun, such as `1 lock` or `2 locks`.
func counted(_ number: UInt64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

enum CostLimits {
    /// The run fails if an operation exceeds `held`, and with --strict also if it exceeds `wanted`. Once an
    /// operation meets `wanted`, `held` is set to the same numbers.
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
        "WRITE, 100 bytes to a file with an edit log": (
            held: CostLimit(allocations: 6, locks: 6), wanted: CostLimit(allocations: 2, locks: 6)
        ),
        "WRITE, 100 bytes, the first to a base file 3 directories deep": (
            held: CostLimit(allocations: 110, locks: 28), wanted: CostLimit(locks: 12)
        ),
    ]
}
