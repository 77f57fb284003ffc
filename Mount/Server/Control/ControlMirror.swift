// ControlMirror: `blame/PATH`, `base-then/PATH` and `base-now/PATH`. They mirror the directories of
// the live tree. Each regular file has a text: which process wrote which bytes, or the base file
// under it. A mirror node holds one reference to the live inode, from its first lookup until the
// kernel has forgotten it.

internal import Fuse
internal import Overlay
internal import Platform
internal import Storage

extension ControlViews {
    private func live(
        _ number: InodeNumber?, _ workspace: UInt16
    ) throws(Errno) -> (Workspace, InodeNumber) {
        guard let workspace = try control.workspace(workspace) else { throw .noEntry }
        return (workspace, number ?? workspace.rootNumber)
    }

    /// - Parameter number: the live directory; nil for the root.
    func lookupMirror(
        _ request: consuming Request, _ file: ControlFile, in number: InodeNumber?, workspace id: UInt16,
        _ name: FileName
    ) {
        do throws(Errno) {
            let (workspace, directory) = try live(number, id)
            if directory == workspace.rootNumber, name == ControlDirectory.name { throw .noEntry }
            let found = try workspace.lookup(name, in: directory)
            guard found.type == .directory || found.type == .regular else {
                workspace.forget(found.number, count: 1)
                throw .noEntry
            }
            let (place, isNew) = control.table.refer(
                .mirror(id, file, found.number), workspace: id,
                .mirror(file, found.number, found.type))
            // An existing node has its reference already.
            if !isNew { workspace.forget(found.number, count: 1) }
            if found.type == .directory {
                return control.answer(request, control.directoryEntry(place, isLasting: false))
            }
            control.answerText(request, place, lane: ControlID.fixed(file, in: id))
        } catch {
            request.fail(error.forKernel)
        }
    }

    func listMirror(
        of number: InodeNumber?, workspace id: UInt16, _ cookie: UInt64,
        _ buffer: inout DirectoryBuffer, _ plus: Bool
    ) throws(Errno) {
        let (workspace, directory) = try live(number, id)
        let isRoot = directory == workspace.rootNumber
        var filled = DirectoryBuffer(capacity: 0)
        swap(&buffer, &filled)
        defer { swap(&buffer, &filled) }
        try workspace.list(directory, after: max(cookie, 2), withInodes: false) {
            listed, _, _ in
            if isRoot, listed.name == ControlDirectory.name { return true }
            guard [.directory, .regular, .unknown].contains(listed.type) else { return true }
            return control.add(
                listed.name.bytes, ControlDirectory.unknownInode, listed.type, listed.cookie, &filled, plus)
        }
    }
}
