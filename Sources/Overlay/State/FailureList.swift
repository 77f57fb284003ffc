// FailureList: how often calls of a tree have failed for a reason that an errno does not say, and the last
// such reason. A command compares the count before and after, so that its message can say why. Guarded by
// the tree's lock.

package struct FailureList: Sendable {
    package private(set) var count = 0
    private var last: String?

    mutating func note(_ sentence: String) {
        count += 1
        last = sentence
    }

    /// - Parameter earlier: the count before the call.
    /// - Returns: nil where nothing was noted since.
    package func last(since earlier: Int) -> String? { count > earlier ? last : nil }
}
