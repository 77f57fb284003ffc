// ChangeObserver: who must hear of each change of a tree while it is looked at: a tree of the past, which
// says what a key was before. Nobody is kept by being told.

package import Storage

/// Called under the tree's lock.
package protocol ChangeObserver: AnyObject, Sendable {
    /// Before the change is made.
    func note(_ change: TreeChange)
    /// Files whose edit logs may grow from now on.
    func noteMarks(_ numbers: [InodeNumber])
}

/// The observers of a tree, guarded by its lock.
package struct ChangeObservers {
    private struct Weak {
        weak var observer: (any ChangeObserver)?
    }

    private var all: [Weak] = []

    package mutating func add(_ observer: any ChangeObserver) { all.append(Weak(observer: observer)) }

    mutating func note(_ change: TreeChange) {
        if all.isEmpty { return }
        all.removeAll { $0.observer == nil }
        for weak in all { weak.observer?.note(change) }
    }

    func noteMarks(_ numbers: [InodeNumber]) {
        for weak in all { weak.observer?.noteMarks(numbers) }
    }
}
