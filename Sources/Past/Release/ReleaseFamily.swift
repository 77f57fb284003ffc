// ReleaseFamily: the workspaces that share logs: one that began with the base, and all that were forked
// from it or from its forks. A fork needs what its ancestors had when it was forked, and moments before
// that.

internal import Overlay
internal import Platform
internal import Storage

/// A workspace of a family.
struct ReleaseMember: Sendable {
    let record: WorkspaceRecord
    /// Nil if it is not open: then all that it has counts as existing, and nothing of it is released.
    let workspace: Workspace?
    /// What its own history needs: all changes after one, and earlier moments.
    let ownFirst: UInt64
    let ownKept: [UInt64]
    /// The same with what its forks need of it. The moments are in order.
    fileprivate(set) var first = UInt64.max
    fileprivate(set) var kept: [UInt64] = []

    init(_ record: WorkspaceRecord, _ workspace: Workspace?, first: UInt64, kept: [UInt64]) {
        self.record = record
        self.workspace = workspace
        ownFirst = first
        ownKept = kept
    }

    var id: UInt16 { record.id }
    /// The last change that it has of the workspace that it was forked from.
    var beginning: UInt64 { record.fork?.sequence ?? 0 }
}

struct ReleaseFamily: Sendable {
    /// Parents come before their forks.
    private(set) var members: [ReleaseMember]

    /// - Parameter members: parents first; with what each needs by itself.
    init(_ members: [ReleaseMember]) {
        self.members = members
        // From the forks up to what they were forked from.
        for index in self.members.indices.reversed() {
            let member = self.members[index]
            self.members[index].first = min(member.first, member.ownFirst)
            self.members[index].kept = Set(member.kept + member.ownKept).sorted()
            guard let fork = member.record.fork,
                let parent = self.members.firstIndex(where: { $0.id == fork.workspace }) else { continue }
            let (first, kept) = (self.members[index].first, self.members[index].kept)
            self.members[parent].kept += kept.filter { $0 <= fork.sequence } + [fork.sequence]
            // The past of the fork goes on in its parent.
            if first <= fork.sequence {
                self.members[parent].first = min(self.members[parent].first, first)
            }
        }
        for index in self.members.indices {
            let first = self.members[index].first
            self.members[index].kept.removeAll { $0 >= first }
        }
    }
}

extension ReleaseFamily {
    /// Returns the earliest change of a workspace with which a fork of it begins; nil if there is no fork.
    func firstFork(of id: UInt16) -> UInt64? {
        members.compactMap(\.record.fork).filter { $0.workspace == id }.map(\.sequence).min()
    }

    /// Returns the records of all workspaces by family, parents first. A family in which something is not
    /// known is left out.
    static func records(in store: Store) -> [[WorkspaceRecord]] {
        // A workspace whose record cannot be read may need anything.
        guard store.unreadable.isEmpty else { return [] }
        let all = store.allWorkspaces
        let known = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
        /// The first ancestor, and how many there are.
        func root(of record: WorkspaceRecord) -> (id: UInt16, depth: Int)? {
            var at = record
            // Parents are older, so there is no cycle, but a record may be damaged.
            for depth in 0...all.count {
                guard let fork = at.fork else { return (at.id, depth) }
                guard let parent = known[fork.workspace] else { return nil }
                at = parent
            }
            return nil
        }
        var families: [UInt16: [(depth: Int, record: WorkspaceRecord)]] = [:]
        for record in all {
            if let root = root(of: record) { families[root.id, default: []].append((root.depth, record)) }
        }
        return families.sorted { $0.key < $1.key }.map(\.value)
            .filter { family in !family.contains { $0.record.isUnfinished } }
            // Ids may be used again, so they do not tell the order.
            .map { family in family.sorted { $0.depth < $1.depth }.map(\.record) }
    }
}
