// FailureList: counts failures of a tree's calls that have a reason in words, and keeps the last reason. A
// command compares the count before and after, so that its message can state the reason. Guarded by the
// tree's lock.

package struct FailureList: Sendable {
    package private(set) var count = 0
    private var last: String?

    mutating func note(_ sentence: String) {
        count += 1
        last = sentence
    }

    /// Returns the last reason.
    /// - Parameter earlier: The count before the call.
    /// - Returns: Nil if nothing was noted since.
    package func last(since earlier: Int) -> String? { count > earlier ? last : nil }
}
