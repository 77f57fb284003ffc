// WorkspaceContent: reads the bytes of a file, assembled from holes, the base and edit logs.

package import Platform
package import Storage
internal import Synchronization

/// Reads and edits the bytes of files.
package struct WorkspaceContent: Sendable {
    let workspace: Workspace
}

extension WorkspaceContent {
    /// Reads up to `buffer.count` bytes from `offset`, and fewer only at the end of the file.
    /// - Returns: the number of bytes that were read.
    /// - Throws: EIO if a checksum does not match or the base changed below an edited file.
    package func read(
        _ number: InodeNumber, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        var (source, isBehind) = try workspace.withTree { (tree) throws(Errno) in
            (try tree.edits.source(number), try tree.baseFiles.newGround(tree.inode(number)) != nil)
        }
        // Follows the base only once: a further change during the read is reported as drift.
        if isBehind, try workspace.baseFiles.follow(number) {
            source = try workspace.withTree { (tree) throws(Errno) in try tree.edits.source(number) }
        }
        let wanted = Range(at: offset, count: UInt64(buffer.count))
        switch source {
        case .empty:
            return 0
        case .base(let place, let size):
            guard offset < size else { return 0 }
            let count = Int(min(wanted.upperBound, size) - offset)
            return try workspace.base.read(
                place, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        case .origin(let number, let size):
            guard offset < size else { return 0 }
            let count = Int(min(wanted.upperBound, size) - offset)
            try readOrigin(
                number, try origin(number),
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
            return count
        case .log(let log):
            return try read(try log.pieces(in: wanted), into: buffer, originOf: origin)
        }
    }

    /// Reads into an array, over its present bytes.
    /// - Returns: the number of bytes that were read; less than the array holds only at the end of the
    ///   file.
    package func read(
        _ number: InodeNumber, over bytes: inout [UInt8], at offset: UInt64
    ) throws(Errno) -> Int {
        try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try read(number, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// Reads pieces into a buffer.
    /// - Parameter originOf: returns the origin from which pieces of a base inode are read.
    /// - Throws: EIO for a record that cannot be read, and for drift.
    package func read(
        _ pieces: [Piece], into buffer: UnsafeMutableRawBufferPointer,
        originOf: (InodeNumber) throws(Errno) -> Origin
    ) throws(Errno) -> Int {
        var done = 0
        var table: RecordTable?
        // A fragmented file has many pieces of one base file: its origin is looked up once.
        var known: (file: InodeNumber, origin: Origin)?
        for piece in pieces {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[done..<(done + Int(piece.length))])
            switch piece.source {
            case .hole:
                part.initializeMemory(as: UInt8.self, repeating: 0)
            case .base(let file, let offset):
                let origin: Origin
                if let known, known.file == file {
                    origin = known.origin
                } else {
                    origin = try originOf(file)
                }
                known = (file, origin)
                try readOrigin(file, origin, into: part, at: offset)
            case .log(let log, let record, let skip):
                do throws(Errno) {
                    try LogFile.readPayload(
                        into: part, skip: Int(skip), from: try workspace.logs.file(log), log: log,
                        key: workspace.logs.key, at: record, cache: &table)
                } catch {
                    workspace.events.post(
                        .error,
                        "\(LogDirectory.path(log)): the record at byte \(record) cannot be read "
                            + "(\(error)); reads of its range answer EIO")
                    throw .inputOutput
                }
            }
            done += Int(piece.length)
        }
        return done
    }

    /// Reads base content below a touched file, if it is unchanged since the file was touched.
    /// - Throws: EIO for drift.
    package func readOrigin(
        _ number: InodeNumber, _ origin: Origin, into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(Errno) {
        // A pin that a power cut took is replaced by the base file, as long as that is unchanged.
        if origin.isPinned, readPin(origin, into: buffer, at: offset) { return }
        let place = BasePlace(path: origin.path)
        var reason = "has changed"
        // A commit may put something else in its place between the two looks at it.
        var attempts = workspace.base.hiddenCommits > 0 ? 2 : 1
        while attempts > 0 {
            attempts -= 1
            do throws(Errno) {
                let file = try workspace.base.file(place)
                // The status is read after the content: a file that is unchanged now was unchanged during the
                // read.
                let count = try file.read(into: buffer, at: offset)
                if origin.fits(try workspace.base.status(of: file, at: place)) {
                    if count == buffer.count { return }
                    reason = "is shorter than it was"
                }
            } catch {
                reason = "cannot be read (\(error))"
            }
            workspace.base.forget(place)
        }
        workspace.baseFiles.noteDrift(number)
        workspace.events.post(
            .error,
            "the base file \(EpochPath.shown(origin.path)) \(reason) since it was "
                + "edited here; reads of its content answer EIO: rewrite the file, or remove it")
        throw .inputOutput
    }

    /// Reads from the pool; returns false if the pool lacks the content or has it damaged.
    private func readPin(
        _ origin: Origin, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) -> Bool {
        let identity = workspace.baseFiles.pinIdentity(origin)
        guard offset <= identity.size, UInt64(buffer.count) <= identity.size - offset else {
            return false
        }
        do throws(PinFile.Fault) {
            try workspace.logs.pool.file(identity).read(into: buffer, at: offset)
            return true
        } catch {
            workspace.logs.pool.forget(identity)
            workspace.events.post(
                .error,
                "\(identity.path), the content of the base file "
                    + EpochPath.shown(origin.path)
                    + ", \(error.reason); the base file is read instead if it is unchanged")
            return false
        }
    }

    func origin(_ number: InodeNumber) throws(Errno) -> Origin {
        try workspace.withTree { (tree) throws(Errno) in
            guard let found = try tree.knownOrigin(number) else { throw .inputOutput }
            return found
        }
    }
}

// MARK: Other content

extension WorkspaceContent {
    /// Returns bytes of the base file below a touched one, as they were when it was touched.
    package func bytes(
        _ range: Range<UInt64>, of number: InodeNumber, _ origin: Origin
    ) throws(Errno) -> [UInt8] {
        try bytes(range) { (raw) throws(Errno) in
            try readOrigin(number, origin, into: raw, at: range.lowerBound)
        }
    }

    /// Returns bytes of a content that need not be the current one.
    /// - Parameter place: the base file whose current content is read; nil to read the pieces.
    package func bytes(
        _ range: Range<UInt64>, of pieces: PieceTree, orOf place: BasePlace?
    ) throws(Errno) -> [UInt8] {
        try bytes(range) { (raw) throws(Errno) in
            if let place {
                let count = try workspace.base.read(place, into: raw, at: range.lowerBound)
                if count != raw.count { throw .inputOutput }
            } else {
                _ = try read(pieces.pieces(in: range), into: raw, originOf: origin)
            }
        }
    }

    private func bytes(
        _ range: Range<UInt64>, _ fill: (UnsafeMutableRawBufferPointer) throws(Errno) -> Void
    ) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(range.upperBound - range.lowerBound))
        try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try fill(UnsafeMutableRawBufferPointer(buffer))
        }
        return bytes
    }
}
