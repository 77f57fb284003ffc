// ChangeObserver: is told of each change of a tree before it is made. Views of past moments use it to keep
// the values that keys had before. The tree holds observers weakly.

package import Storage

/// An observer of a tree. Its methods are called under the tree's lock.
package protocol ChangeObserver: AnyObject, Sendable {
    /// Notes a change before it is made in memory.
    func note(_ change: TreeChange)
    /// Notes files whose edit logs may grow from now on.
    func noteMarks(_ numbers: [InodeNumber])
}

/// The observers of a tree. Guarded by the tree's lock.
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
