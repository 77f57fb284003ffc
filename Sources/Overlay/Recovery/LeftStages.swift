// LeftStages: removes what merges into a workspace have prepared, and a kill has left. Until a merge is
// done its content lies in a directory of the workspace, which is of no use without it.

package import Platform
internal import Storage

package struct LeftStages: Sendable {
    private let workspace: Workspace

    package init(of workspace: Workspace) { self.workspace = workspace }

    /// Removes left stages. No merge into the workspace is under way.
    package func remove() throws(Errno) {
        let caller = Caller(user: 0, group: 0, pid: 0, umask: 0)
        let root = workspace.rootNumber
        for name in try names(in: root) where name.bytes.starts(with: Array(WorkingName.mergeStage.utf8)) {
            let attributes = try workspace.lookup(name, in: root)
            defer { workspace.forget(attributes.number, count: 1) }
            guard attributes.type == .directory else { continue }
            // Anything else in it is not from a merge.
            let inner = try workspace.withTree { (tree) throws(Errno) in
                try tree.entries(in: attributes.number)
            }
            guard inner.values.allSatisfy({ $0.type == .regular }) else { continue }
            for inner in try names(in: attributes.number) {
                try workspace.unlink(inner, in: attributes.number, caller: caller)
            }
            try workspace.removeDirectory(name, in: root, caller: caller)
        }
    }

    private func names(in directory: InodeNumber) throws(Errno) -> [FileName] {
        try workspace.withTree { (tree) throws(Errno) in
            try tree.entries(in: directory).filter { !$0.value.isWhiteout }.keys.sorted()
        }
    }
}
