// The calls that deal with extents: fallocate(2), lseek(2) with SEEK_DATA and SEEK_HOLE,
// copy_file_range(2).

package import Platform
package import Storage

extension WorkspaceContent {
    /// Serves fallocate(2) with mode 0, keep size, punch hole and zero range. No space is reserved: a log
    /// takes space when bytes are written.
    /// - Throws: EOPNOTSUPP for other modes, EINVAL for length 0, EFBIG.
    package func allocate(
        _ number: InodeNumber, mode: AllocationMode, offset: UInt64, length: UInt64,
        caller: Caller
    ) throws(Errno) {
        guard length > 0 else { throw .invalid }
        let end = offset.adding(clamping: length)
        guard end <= EditLog.maximumSize else { throw .fileTooBig }
        let size = try workspace.withTree { (tree) throws(Errno) in
            try tree.edits.regular(number).record.size
        }
        // A call that changes no byte still counts as a change (file_modified of the kernel).
        var isTouchOnly = false
        switch mode {
        case [.punchHole, .keepSize], [.zeroRange], [.zeroRange, .keepSize]:
            if offset < size {
                try edit(number, isRelease: true, caller: caller) { (log, stamp) throws(Errno) in
                    // A command in `.draft/edit` takes no lock of the kernel, so the file may be shorter now.
                    let end = min(end, log.version.size)
                    if offset >= end { return nil }
                    return try log.punch(offset..<end, stamp: stamp, sequence: workspace.sequence)
                }
            }
            isTouchOnly = offset >= size && (mode != [.zeroRange] || end <= size)
            if mode == [.zeroRange] { try extend(number, to: end, from: size, caller: caller) }
        case []:
            isTouchOnly = end <= size
            try extend(number, to: end, from: size, caller: caller)
        case [.keepSize]:
            isTouchOnly = true
        default:
            throw .notSupported
        }
        if isTouchOnly {
            try workspace.withTree { (tree) throws(Errno) in
                try tree.attributes.touchTimes(number, caller: caller)
            }
        }
    }

    private func extend(
        _ number: InodeNumber, to end: UInt64, from size: UInt64, caller: Caller
    ) throws(Errno) {
        guard end > size else { return }
        try workspace.quota.admit(bytes: 0, end: end)
        try edit(number, caller: caller) { (log, stamp) throws(Errno) in
            try log.truncate(to: max(end, log.version.size), stamp: stamp, sequence: workspace.sequence)
        }
    }

    /// Returns the offset of the next data (or hole) at or after `offset`.
    /// - Throws: ENXIO past the end of the file, or if no data follows.
    package func seek(
        _ number: InodeNumber, from offset: UInt64, data: Bool
    ) throws(Errno) -> UInt64 {
        let (source, size) = try workspace.withTree { (tree) throws(Errno) in
            (try tree.edits.source(number), try tree.inode(number).record.size)
        }
        guard offset < size else { throw .noDevice }
        let found: UInt64?
        switch source {
        case .empty:
            found = data ? nil : offset
        case .base(let place, _):
            found = try workspace.base.file(place).seek(from: offset, data: data).map { min($0, size) }
        case .origin:
            found = data ? offset : size
        case .log(let log):
            let pieces = try log.snapshot()
            found = data ? pieces.nextData(from: offset) : min(pieces.nextHole(from: offset), size)
        }
        guard let found else { throw .noDevice }
        return found
    }

    /// Serves copy_file_range(2) by sharing extents: one small record, whatever the length. Ranges may
    /// overlap within one file; the bytes copied are those from before the call.
    /// - Returns: the number of bytes copied, less than `length` if the source ends.
    package func copyRange(
        from source: InodeNumber, at sourceOffset: UInt64, to target: InodeNumber,
        at targetOffset: UInt64, length: UInt64, caller: Caller
    ) throws(Errno) -> UInt64 {
        let end = sourceOffset.addingReportingOverflow(length)
        guard !end.overflow, end.partialValue <= EditLog.maximumSize,
            targetOffset <= EditLog.maximumSize - length
        else { throw .fileTooBig }
        for _ in 0..<Self.attempts {
            do throws(Errno) {
                return try share(
                    source, sourceOffset..<end.partialValue, with: target, at: targetOffset, caller: caller)
            } catch {
                // A release of history took what the source had at first.
                if error != .again { throw error }
            }
        }
        throw .busy
    }

    /// How often a copy is tried beside releases of history. They are seconds apart.
    private static let attempts = 8

    /// - Throws: EAGAIN if a release of history came in between, and the source was changed meanwhile.
    private func share(
        _ source: InodeNumber, _ range: Range<UInt64>, with target: InodeNumber, at targetOffset: UInt64,
        caller: Caller
    ) throws(Errno) -> UInt64 {
        let (pieces, seen) = try workspace.baseFiles.withPin(source) { (tree, kept) throws(Errno) in
            _ = try tree.edits.regular(target)
            let seen = tree.sequence.last
            return (try tree.edits.piecesToShare(source, range, kept: kept, caller: caller), seen)
        }
        if pieces.isEmpty { return 0 }
        let count = pieces.reduce(0) { $0 + $1.length }
        try workspace.quota.admit(
            bytes: UInt64(pieces.count * Piece.encodedSize), end: targetOffset.adding(clamping: count))
        // The target's record must not outlive the records that it refers to: after a power cut other
        // records could be at their positions. If they are durable already, this does nothing.
        let pointsToSource = pieces.contains {
            if case .log(source, _, _) = $0.source { true } else { false }
        }
        if source != target, pointsToSource { try workspace.synchronize(source) }
        try edit(target, caller: caller) { (log, stamp) throws(Errno) in
            // The horizon does not move while an edit is under way.
            if workspace.horizon.record.first > seen { throw .again }
            return try log.share(pieces, at: targetOffset, stamp: stamp, sequence: workspace.sequence)
        }
        return count
    }
}
