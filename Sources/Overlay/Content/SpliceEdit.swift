// Byte splices anywhere in a file of any size: one record, however many bytes move.

internal import Platform
internal import Storage

extension WorkspaceContent {
    /// Applies splices to a file, all or none.
    /// - Parameter splices: their offsets are those before the edit; they must not overlap.
    /// - Throws: ENOENT, EISDIR, EINVAL for a splice that lies outside the file or overlaps another one,
    ///   EFBIG, ENOSPC.
    package func edit(
        _ path: [UInt8], _ splices: [Splice], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let name = path.isEmpty ? "the \(pathInWords(path))" : pathInWords(path)
        let ordered = try Self.ordered(splices, name)
        do throws(Errno) {
            // A reference is held, so that the inode is not forgotten between the two steps.
            let number = try workspace.withTree { (tree) throws(Errno) in
                let number = try tree.paths.number(at: path)
                tree.inodes[number]?.lookups += 1
                return number
            }
            defer { workspace.forget(number, count: 1) }
            if ordered.isEmpty { return CommandOutcome(sequence: workspace.sequence.last) }
            let inserted = ordered.reduce(0) { $0 + $1.insert.count }
            let size = try workspace.withTree { (tree) throws(Errno) in
                let inode = try tree.inode(number)
                if inode.isDirectory { throw .isDirectory }
                if inode.type != .regular { throw .notPermitted }
                return inode.record.size
            }
            let deleted = ordered.reduce(UInt64(0)) { $0 + min($1.delete, size) }
            try workspace.quota.admit(
                bytes: UInt64(inserted), end: size - min(size, deleted) + UInt64(inserted))
            var made: UInt64 = 0
            let hasCapability = try edit(number, caller: caller) { (log, stamp) throws(Errno) in
                let version = try splice(log, ordered, stamp)
                made = version.sequence
                return version
            }
            if hasCapability {
                try workspace.withTree { (tree) throws(Errno) in
                    _ = try tree.attributes.clearPrivileges(
                        of: tree.inode(number), setID: false, caller: caller)
                }
            }
            var outcome = CommandOutcome(sequence: made, changed: 1)
            outcome.stale.inodes[number] = true
            return outcome
        } catch {
            throw CommandError(
                error == .notPermitted ? .invalid : error, editFailure(error, name))
        }
    }

    /// Sorts splices by offset; those at the same offset keep their order.
    /// - Throws: EINVAL for two that overlap.
    private static func ordered(_ splices: [Splice], _ name: String) throws(CommandError) -> [Splice] {
        let ordered = splices.enumerated().sorted {
            ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
        }.map(\.element)
        for (one, next) in zip(ordered, ordered.dropFirst()) {
            let end = one.offset.addingReportingOverflow(one.delete)
            if end.partialValue > next.offset || end.overflow && one.delete > 0 {
                throw CommandError(
                    .invalid, "two edits of \(name) overlap at byte \(next.offset): put them into one")
            }
        }
        return ordered
    }

    /// Appends the record. The file's size is certain only here, within the edit.
    private func splice(
        _ log: EditLog, _ splices: [Splice], _ stamp: Stamp
    ) throws(Errno) -> ContentVersion {
        let size = log.version.size
        var ordered = splices
        for index in ordered.indices where ordered[index].offset == Splice.end {
            ordered[index].offset = size
        }
        for splice in ordered {
            let end = splice.offset.addingReportingOverflow(splice.delete)
            if end.overflow || end.partialValue > size { throw .invalid }
        }
        let inserted = ordered.reduce(UInt64(0)) { $0 + UInt64($1.insert.count) }
        let deleted = ordered.reduce(UInt64(0)) { $0 &+ $1.delete }
        // An edit that makes the file no longer is allowed above the limit too.
        try workspace.quota.admit(
            bytes: inserted, end: inserted > deleted ? size + (inserted - deleted) : 0)
        let (pieces, bytes) = PieceSplice.inserting(
            ordered.map { ($0.offset, $0.delete, $0.insert) }, log: log.id)
        return try log.splice(pieces, bytes: bytes, stamp: stamp, number: workspace.sequence.next)
    }

    private func editFailure(_ error: Errno, _ name: String) -> String {
        switch error {
        case .noEntry: "there is no file \(name)"
        case .isDirectory: "\(name) is a directory: only files can be edited"
        case .invalid: "an edit of \(name) lies outside the file: check its size"
        case .notPermitted: "\(name) is not a regular file: only files can be edited"
        case .quota: "the limit of bytes is reached: \(name) was not edited; raise the limit"
        case .fileTooBig: "\(name) would exceed the limit of the size of a file"
        case .noSpace: "the store is full: \(name) was not edited; make room and try again"
        case .inputOutput: "the log of \(name) is damaged: run verify to find the damage"
        default: "\(name) was not edited: \(error)"
        }
    }
}

/// One splice of an edit. Offsets are those of the file before the edit.
package struct Splice: Equatable, Sendable {
    /// The offset that stands for the end of the file at the time of the edit. No file is that long.
    package static let end: UInt64 = .max

    /// The offset in bytes, or `end`.
    package var offset: UInt64
    /// The number of bytes that are removed.
    package var delete: UInt64
    /// The bytes that are inserted in their place.
    package var insert: [UInt8]

    package init(offset: UInt64, delete: UInt64 = 0, insert: [UInt8] = []) {
        self.offset = offset
        self.delete = delete
        self.insert = insert
    }
}
