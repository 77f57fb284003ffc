// Looking up names in control directories, and listing them. Names of control files are never cached:
// each open by path comes here, and makes a new text. ControlViews and ControlMirror handle the names
// below `backups`, `at`, `blame` and the other mirrors.

internal import Control
internal import Fuse
internal import Overlay
internal import Past
internal import Platform

extension ControlDirectory {
    /// Returns the entry of the control directory itself, which the kernel may cache.
    func entry(workspace: UInt16) -> NodeEntry {
        let id = ControlID.fixed(.root, in: workspace)
        return directoryEntry(
            ControlPlace(id: id, workspace: workspace, node: .fixed(.root)), isLasting: true)
    }

    /// Answers a lookup that counted a reference in the table.
    func answer(_ request: consuming Request, _ entry: NodeEntry) {
        if !request.entry(entry) { forget(entry.nodeID, count: 1) }
    }

    /// Looks up a name. There are no negative entries, because a missing name may exist later.
    func lookup(_ request: consuming Request, in parent: ControlPlace, _ name: FileName) {
        switch parent.node {
        case .fixed(.root): lookupFile(request, parent.workspace, name)
        case .fixed(.backups), .fixed(.at): views.lookupMoment(request, parent, name)
        case .fixed(let file) where file.isMirror:
            views.lookupMirror(request, file, in: nil, workspace: parent.workspace, name)
        case .mirror(let file, let number, .directory):
            views.lookupMirror(request, file, in: number, workspace: parent.workspace, name)
        case .view(let tree, let node):
            views.lookup(request, tree, node, name)
        default: request.fail(.notDirectory)
        }
    }

    private func lookupFile(_ request: consuming Request, _ workspace: UInt16, _ name: FileName) {
        let names = ControlFile.found(isList: workspace == 0)
        guard let file = names.first(where: { $0.name == name }) else {
            return lookupNamed(request, workspace, name)
        }
        let place = ControlPlace(
            id: ControlID.fixed(file, in: workspace), workspace: workspace, node: .fixed(file))
        if file.isDirectory {
            request.entry(directoryEntry(place, isLasting: true))
            return
        }
        withText(request, of: place, since: .max) { [self] (request, text) in
            request.entry(textEntry(place, text))
        }
    }

    /// Looks up history.SEQ or diff.MOMENT. The reference is counted first, because a text is kept
    /// under a node id. It is returned if there is no such text.
    private func lookupNamed(
        _ request: consuming Request, _ workspace: UInt16, _ name: FileName
    ) {
        guard workspace != 0, let named = NamedText(name, now: clock.realtime()) else {
            return request.fail(.noEntry)
        }
        let place = table.refer(
            .named(workspace, name), workspace: workspace, .named(named)).place
        answerText(request, place, lane: place.id)
    }

    /// Makes the text of a node to which a reference was just counted, and answers with it.
    func answerText(_ request: consuming Request, _ place: ControlPlace, lane: UInt64) {
        readers.submit(request, lane: lane) { [self] request in
            do throws(Errno) {
                let text = try makeText(of: place)
                answer(request, textEntry(place, text))
            } catch {
                forget(place.id, count: 1)
                request.fail(error.forKernel)
            }
        }
    }

    func textEntry(_ place: ControlPlace, _ text: ControlText) -> NodeEntry {
        NodeEntry(
            nodeID: place.id, attributes: attributes(place, text), entryTimeout: 0,
            attributeTimeout: 0)
    }

    // MARK: Listing

    /// The d_ino of a name that was not looked up, as libfuse defines it.
    static let unknownInode: UInt64 = 0xffff_ffff

    func list(
        _ place: ControlPlace, into buffer: inout DirectoryBuffer, cookie: UInt64, plus: Bool
    ) throws(Errno) {
        if cookie < 1, !add([0x2e], place.id, .directory, 1, &buffer, plus) { return }
        if cookie < 2, !add([0x2e, 0x2e], Self.unknownInode, .directory, 2, &buffer, plus) {
            return
        }
        switch place.node {
        case .fixed(.root): listFiles(place.workspace, cookie, &buffer, plus)
        case .fixed(.backups): try views.listBackups(place.workspace, cookie, &buffer, plus)
        case .fixed(.at): return
        case .fixed(let file) where file.isMirror:
            try views.listMirror(of: nil, workspace: place.workspace, cookie, &buffer, plus)
        case .mirror(_, let number, .directory):
            try views.listMirror(of: number, workspace: place.workspace, cookie, &buffer, plus)
        case .view(let tree, let node):
            try views.list(place.id, tree, node, cookie, &buffer, plus)
        default: throw .notDirectory
        }
    }

    /// Adds a name without a reference; the name is looked up when it is used.
    func add(
        _ name: [UInt8], _ inode: UInt64, _ type: FileType, _ next: UInt64,
        _ buffer: inout DirectoryBuffer, _ plus: Bool
    ) -> Bool {
        if !plus { return buffer.add(name, inode: inode, type: type, nextCookie: next) }
        let attributes = NodeAttributes(inode: inode, mode: type.modeBits)
        return buffer.addPlus(
            name, NodeEntry(nodeID: 0, attributes: attributes), nextCookie: next)
    }

    private func listFiles(
        _ workspace: UInt16, _ cookie: UInt64, _ buffer: inout DirectoryBuffer, _ plus: Bool
    ) {
        for file in ControlFile.listed(isList: workspace == 0) {
            let next = file.rawValue + 2
            guard next > cookie else { continue }
            let id = ControlID.fixed(file, in: workspace)
            let type: FileType = file.isDirectory ? .directory : .regular
            if !add(file.name.bytes, id, type, next, &buffer, plus) { return }
        }
    }
}

extension NamedText {
    init?(_ name: FileName, now: Int64) {
        if let sequence = HistoryName.sequence(controlFile: name) {
            self = .history(sequence)
        } else if DiffGround(controlFile: name, now: now) != nil {
            self = .diff(name)
        } else {
            return nil
        }
    }
}
