// CommitStage: prepares in a directory of the base's root what a commit puts in place: files with their
// content and attributes, and whole new directories. Nothing of it is visible in workspaces. What is kept is
// copied here too, where the store cannot take it by a rename.

internal import Dispatch
internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct CommitStage: Sendable {
    let base: CommitBase
    let table: EpochTable
    let view: TimeView

    /// In bytes: how much of a file is read at a time.
    private static let block = 1 << 20

    /// Makes the stage.
    /// - Returns: whether the store can take files of the base by a rename: it lies on the same mount.
    func begin() throws(Errno) -> Bool {
        let stage = try base.makeStage(Array(table.stageName.utf8))
        let kept = try KeptFiles(table).directory()
        let probe = Array("probe".utf8)
        _ = try File.open(probe, in: stage, flags: OpenFlags.createNew)
        // Names must not be taken from other programs (renameat2(2), RENAME_NOREPLACE).
        let other = Array("probed".utf8)
        do throws(Errno) {
            try stage.rename(probe, to: other, in: stage, replaces: false)
            try stage.rename(other, to: probe, in: stage, replaces: false)
        } catch {
            throw error == .invalid ? .notSupported : error
        }
        do throws(Errno) {
            try stage.rename(probe, to: probe, in: kept, replaces: false)
            try kept.remove(probe)
            return true
        } catch {
            try stage.remove(probe)
            return false
        }
    }

    /// Returns a file or directory of the base that this user may not change as planned; nil if there is
    /// none.
    func closedPath(_ plan: CommitPlan) throws(Errno) -> [UInt8]? {
        // The stage is this user's.
        let user = try base.status(Array(table.stageName.utf8)).user
        if user == 0 { return nil }
        for step in plan.steps {
            guard let status = step.status else { continue }
            switch step.kind {
            // A directory that moves gets another "..".
            case .moveOut, .remove:
                if status.type == .directory, !base.root.mayChangeNames(in: step.path) { return step.path }
            case .overwrite:
                if status.user != user || status.mode & 0o200 == 0 { return step.path }
            case .attributes: if status.user != user { return step.path }
            default: continue
            }
        }
        return nil
    }

    /// Makes everything, durably.
    func prepare(_ plan: CommitPlan) throws(Errno) {
        let stage = try base.directory(Array(table.stageName.utf8))
        let owner = try FileStatus(of: stage)
        try makeAll(plan.staged, owner)
        // A directory gets its mode and times once its contents are there.
        for item in plan.staged.reversed() {
            guard case .node(let node) = item.source, node.type == .directory else { continue }
            try setAttributes(of: item.path, node, owner)
        }
        for (path, id) in plan.copies {
            try KeptCopy(base: base, table: table).make(of: path, id)
        }
        try base.root.synchronizeFileSystem()
        if !plan.copies.isEmpty { try KeptFiles(table).directory().reopenedForSync().synchronizeFileSystem() }
    }

    /// The number of threads that make files, and of neighbouring files that one of them takes at a time.
    private static let makers = 2
    private static let neighbours = 32

    /// Makes directories from the top down, then files, then further names of these.
    private func makeAll(_ items: [StagedItem], _ owner: FileStatus) throws(Errno) {
        var files: [StagedItem] = []
        var links: [StagedItem] = []
        for item in items {
            switch item.source {
            case .link: links.append(item)
            case .node(let node) where node.type == .directory: try make(item, owner)
            case .node: files.append(item)
            }
        }
        try makeFiles(files, owner)
        for item in links { try make(item, owner) }
    }

    /// Makes files by several threads: most of the time of a commit is the making of small files.
    private func makeFiles(_ files: [StagedItem], _ owner: FileStatus) throws(Errno) {
        let next = Atomic<Int>(0)
        let failure = Mutex<Errno?>(nil)
        DispatchQueue.concurrentPerform(iterations: files.count > Self.neighbours ? Self.makers : 1) { _ in
            let stage = CommitStage(base: base.forThread(), table: table, view: view)
            while failure.withLock({ $0 }) == nil {
                let start = next.add(Self.neighbours, ordering: .relaxed).oldValue
                guard start < files.count else { return }
                do throws(Errno) {
                    for item in files[start..<min(start + Self.neighbours, files.count)] {
                        try stage.make(item, owner)
                    }
                } catch {
                    failure.withLock { if $0 == nil { $0 = error } }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func stagePath(_ path: [UInt8]) -> [UInt8] { table.stagePath("") + path }

    private func make(_ item: StagedItem, _ owner: FileStatus) throws(Errno) {
        let place = BasePlace(path: stagePath(item.path))
        let directory = try base.directory(place.directory)
        switch item.source {
        case .link(let other): try base.link(stagePath(other), to: stagePath(item.path))
        case .node(let node):
            switch node.type {
            case .directory: return try directory.makeDirectory(place.name, mode: 0o700)
            case .symlink: try directory.makeSymlink(place.name, to: view.symlinkTarget(node))
            case .regular:
                let file = try File.open(place.name, in: directory, flags: OpenFlags.createNew)
                try write(node, to: file)
            default:
                try directory.makeNode(
                    place.name, mode: node.record.mode, device: node.record.specialDevice)
            }
            try setAttributes(of: item.path, node, owner)
        }
    }

    private func setAttributes(
        of path: [UInt8], _ node: ViewNode, _ owner: FileStatus
    ) throws(Errno) {
        try base.setFirstAttributes(
            stagePath(path), FileStatus(node.record), try view.visibleXattrs(of: node), owner: owner)
    }

    // MARK: Content

    /// Writes the content of a file. Holes stay holes, and what is the base's is copied in the kernel, which
    /// shares extents where the file system can.
    private func write(_ node: ViewNode, to file: File) throws(Errno) {
        let size = node.record.size
        if size == 0 { return }
        var buffer: [UInt8] = []
        var at: UInt64 = 0
        var step = UInt64(Self.block) * 64
        // Holes stay. A size that the file system cannot have fails here.
        if size > step { try file.truncate(to: size) }
        while at < size {
            let end = at + min(size - at, step)
            let pieces = try view.content(of: node, in: at..<end)
            if end <= UInt64(Self.block), !pieces.contains(where: \.isHole) {
                // A small file, in one go.
                return try copy(0..<size, of: node, to: file, &buffer)
            }
            // A file may be a hole of exabytes.
            step = pieces.allSatisfy(\.isHole) ? step.multiplied(clamping: 2) : UInt64(Self.block) * 64
            for piece in pieces {
                try write(piece, of: node, to: file, at: at, &buffer)
                at += piece.length
            }
            at = end
        }
        try file.truncate(to: size)
    }

    private func write(
        _ piece: Piece, of node: ViewNode, to file: File, at offset: UInt64, _ buffer: inout [UInt8]
    ) throws(Errno) {
        if case .hole = piece.source { return }
        var done: UInt64 = 0
        if case .base(let number, let start) = piece.source, start == offset,
            piece.length >= UInt64(Self.block), let source = try view.unchangedBaseFile(number, of: node) {
            while done < piece.length {
                let count = try file.copyBytes(
                    of: source, at: offset.adding(clamping: done),
                    count: Int(min(piece.length - done, 1 << 30)))
                if count == 0 { break }
                done += UInt64(count)
            }
            // If the base file was changed meanwhile, the copy is not what the workspace has.
            if try view.unchangedBaseFile(number, of: node) == nil { done = 0 }
        }
        let end = offset.adding(clamping: piece.length)
        try copy(min(end, offset.adding(clamping: done))..<end, of: node, to: file, &buffer)
    }

    private func copy(
        _ range: Range<UInt64>, of node: ViewNode, to file: File, _ buffer: inout [UInt8]
    ) throws(Errno) {
        var at = range.lowerBound
        while at < range.upperBound {
            let count = Int(min(range.upperBound - at, UInt64(Self.block)))
            if buffer.count != count { buffer = [UInt8](repeating: 0, count: count) }
            let read = try view.read(node, over: &buffer, at: at)
            guard read == count else { throw .inputOutput }
            try file.writeBytes(buffer, at: at)
            at += UInt64(count)
        }
    }
}

extension Piece {
    fileprivate var isHole: Bool { if case .hole = source { true } else { false } }
}

extension FileStatus {
    /// The attributes of an inode of a workspace, as a file of the host is to have them.
    init(_ record: InodeRecord) {
        self.init(
            device: 0, inode: record.number, mode: record.mode, links: record.links, user: record.user,
            group: record.group, specialDevice: record.specialDevice, size: record.size, blocks: 0,
            accessTime: record.accessTime, modificationTime: record.modificationTime,
            changeTime: record.changeTime, birthTime: record.birthTime)
    }
}

extension TimeView {
    /// Returns the pieces of a file's content in a range.
    func content(of node: ViewNode, in range: Range<UInt64>) throws(Errno) -> [Piece] {
        if node.pieces == nil, !node.record.flags.contains(.hasLog), node.place != nil {
            let length = range.upperBound - range.lowerBound
            return [Piece(.base(file: node.number, offset: range.lowerBound), length: length)]
        }
        return try pieces(of: node, in: range)
    }

    /// Returns the base file that a piece is of, if it is unchanged since the workspace touched it.
    func unchangedBaseFile(_ number: InodeNumber, of node: ViewNode) throws(Errno) -> File? {
        guard let known = try knownOrigin(number) else { return nil }
        let place = BasePlace(path: known.path)
        guard let file = try? workspace.base.file(place),
            let status = try? workspace.base.status(of: file, at: place), known.fits(status)
        else { return nil }
        return file
    }
}
