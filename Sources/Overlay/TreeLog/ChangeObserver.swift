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

package struct WeakObserver {
    private weak var observer: (any ChangeObserver)?

    package init(_ observer: any ChangeObserver) { self.observer = observer }

    var isGone: Bool { observer == nil }

    func note(_ change: TreeChange) { observer?.note(change) }
    func noteMarks(_ numbers: [InodeNumber]) { observer?.noteMarks(numbers) }
}
