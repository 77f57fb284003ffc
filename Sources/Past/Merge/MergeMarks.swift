// MergeMarks: which states of other workspaces a workspace contains, by merges. They are kept as extended
// attributes of a number that no file has, so they are part of the tree: a rollback takes them back together
// with what the merge has changed, a fork has those of its parent, and checkpoints and recovery keep them.
//
// name: workspace u16 | when it was made i64, in nanoseconds since 1970 (numbers are given out again)
// value: the last change of it that is contained, u64

internal import Overlay
internal import Platform
internal import Storage

/// A workspace, whatever its name.
struct MergeParty: Hashable, Sendable {
    var id: UInt16
    /// In nanoseconds since 1970.
    var created: Int64

    init(_ record: WorkspaceRecord) { (id, created) = (record.id, record.created) }

    fileprivate init?(name: [UInt8]) {
        var reader = ByteReader(name)
        guard let id: UInt16 = reader.integer(), let created: Int64 = reader.integer(),
            reader.remaining == 0 else { return nil }
        (self.id, self.created) = (id, created)
    }

    fileprivate var name: [UInt8] {
        var writer = ByteWriter(capacity: 10)
        writer.integer(id)
        writer.integer(created)
        return writer.bytes
    }
}

struct MergeMarks: Equatable, Sendable {
    /// The last change of each workspace that is contained.
    private(set) var last: [MergeParty: UInt64] = [:]

    init() {}

    init(_ state: some TreeState) throws(Errno) {
        for case (let name, .value(let value)) in try state.xattrs(of: Self.number(in: state.tree)) {
            var reader = ByteReader(value)
            guard let party = MergeParty(name: name), let sequence: UInt64 = reader.integer()
            else { continue }
            last[party] = sequence
        }
    }

    /// Returns the number that has the marks of a workspace. No file has it.
    static func number(in tree: Tree) -> InodeNumber { UInt64(tree.workspace) << 48 }

    mutating func add(_ party: MergeParty, upTo sequence: UInt64) {
        last[party] = max(last[party] ?? 0, sequence)
    }

    mutating func formUnion(_ other: MergeMarks) {
        for (party, sequence) in other.last { add(party, upTo: sequence) }
    }

    /// Puts the marks into a plan.
    func write(to plan: inout PlannedTree) {
        let number = Self.number(in: plan.tree)
        for (party, sequence) in last {
            var writer = ByteWriter(capacity: 8)
            writer.integer(sequence)
            plan.setXattr(party.name, of: number, .value(writer.bytes))
        }
    }
}
