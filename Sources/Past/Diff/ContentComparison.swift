// ContentComparison: reads two contents side by side, in blocks, where their pieces differ.

internal import Overlay
internal import Platform
internal import Storage

struct ContentComparison {
    private let old: (workspace: Workspace, content: DiffContent)
    private let new: (workspace: Workspace, content: DiffContent)

    /// The number of bytes of a file that are compared; a file with more in doubt counts as changed.
    private static let limit: UInt64 = 64 << 20
    private static let block: UInt64 = 256 << 10

    init(_ old: Workspace, _ oldContent: DiffContent, _ new: Workspace, _ newContent: DiffContent) {
        self.old = (old, oldContent)
        self.new = (new, newContent)
    }

    /// Returns whether the contents are equal; false also if bytes cannot be read.
    func isEqual() -> Bool {
        let ranges = DiffRanges(old.content, new.content)
        let doubtful = ranges.reduce(UInt64(0)) { $0 + ($1.upperBound - $1.lowerBound) }
        if doubtful > Self.limit { return false }
        for range in ranges {
            var at = range.lowerBound
            while at < range.upperBound {
                let part = at..<min(range.upperBound, at + Self.block)
                at = part.upperBound
                guard let one = try? old.workspace.comparison.bytes(part, of: old.content),
                    let two = try? new.workspace.comparison.bytes(part, of: new.content), one == two
                else { return false }
            }
        }
        return true
    }
}
