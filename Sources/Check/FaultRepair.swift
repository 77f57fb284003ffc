// FaultRepair: reports what the faults of a log mean, and repairs them. Bytes that are overwritten are
// first kept beside the log.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

/// Reports what the faults of a log mean, and repairs them.
struct FaultRepair {
    let scan: WorkspaceCheck
}

extension FaultRepair {
    /// Reports the faults of one log, and repairs them.
    /// - Parameter atLeast: the last sequence number that the log is known to have had.
    func report(
        _ check: LogCheck, _ path: String, _ id: UInt64, atLeast: UInt64, _ kind: LogKind
    ) {
        let name = kind != .edit ? nil : scan.database?.path(of: id)
        var lostBlocks: [UInt64: (record: ScannedRecord, blocks: [Int])] = [:]
        var tries = LogRepair.blocksToTry
        let isUsed = kind != .edit || check.faults.isEmpty || scan.isUsed(id)
        for fault in check.faults {
            var finding = self.finding(fault, path, name, kind, atLeast, check)
            if !isUsed, finding.severity == .error {
                finding.severity = .warning
                finding.advice = "no existing file uses this log; fsck --repair closes the gap"
            }
            if scan.repairs, finding.severity == .error {
                if case .block(let record, let block) = fault.kind {
                    tries -= 1
                    if tries >= 0, flipBack(block, record, path, id) {
                        finding.advice = "one wrong bit was corrected: nothing is lost"
                    } else {
                        lostBlocks[record.position, default: (record, [])].blocks.append(block)
                    }
                    finding.isRepaired = true
                } else {
                    repair(fault, path, id, atLeast, kind, &finding)
                }
            }
            scan.log.add(finding)
        }
        for (_, lost) in lostBlocks.sorted(by: { $0.key < $1.key }) {
            giveUp(lost.record, lost.blocks, path, id)
        }
        if check.isPartial {
            scan.log.add(
                Finding(.error, path, "it has more damage than is listed", advice: "check it again"))
        }
    }

    private func finding(
        _ fault: LogFault, _ path: String, _ name: [UInt8]?, _ kind: LogKind, _ atLeast: UInt64,
        _ check: LogCheck
    ) -> Finding {
        let rewrite = "truncate the file to 0 and rewrite it, or roll back"
        let replay = kind == .start
            ? "a repair makes it again from the database, if that is whole and over no layer of its own"
            : "a repair puts a filler there; the database or later records have the current state"
        var finding = Finding(.error, path, path: name, range: fault.range, "")
        switch fault.kind {
        case .header:
            finding.what = "its header has a wrong checksum"
            finding.advice = kind == .start ? replay : kind == .tree ? "" : "the file answers EIO: \(rewrite)"
        case .lostRecords:
            finding.what = "records are unreadable"
            finding.advice = kind != .edit ? replay : "the file answers EIO: \(rewrite)"
        case .block(let record, _):
            finding.what = "a block of the record at byte \(record.position) has a wrong checksum"
            finding.advice = kind != .edit ? replay : "reads of its bytes answer EIO: \(rewrite)"
        case .padding:
            finding.what = "bytes that must be zero are not zero; no content is affected"
        case .tornTail:
            let isKnown = kind == .tree ? check.end < scan.position.treeLog : atLeast > check.lastSequence
            // A state is whole before it gets its name.
            let isLost = kind == .start || scan.situation == .closed || scan.situation == .inUse
                || (scan.situation == .killed && isKnown)
            finding.severity = isLost ? .error : .warning
            finding.what = isLost
                ? "its last records are unreadable" : "a write at its end was not finished"
            finding.advice = !isLost
                ? "the next start cuts it off" : kind != .edit ? replay : "the file answers EIO: \(rewrite)"
        case .knownLoss:
            finding.severity = .notice
            finding.what = "records or bytes were lost here, and a repair has closed the gap"
            finding.advice = kind != .edit ? "" : rewrite
        }
        if scan.situation == .afterPowerCut, kind != .start, finding.severity == .error {
            switch fault.kind {
            case .lostRecords, .block:
                finding.severity = .warning
                finding.what += ", as after a power cut"
                finding.advice = "the next start ends the log there"
            default: break
            }
        }
        return finding
    }

    private func flipBack(
        _ block: Int, _ record: ScannedRecord, _ path: String, _ id: UInt64
    ) -> Bool {
        var isFound = false
        return scan.mendFile("repair", path) { () throws(Errno) in
            let file = try scan.disk.open(path, .readWrite)
            isFound = try LogRepair(file, log: id, key: scan.key, time: scan.now)
                .flipBack(block: block, of: record)
            if isFound { try file.synchronize() }
        } && isFound
    }

    private func repair(
        _ fault: LogFault, _ path: String, _ id: UInt64, _ atLeast: UInt64, _ kind: LogKind,
        _ finding: inout Finding
    ) {
        var isDone = true
        var isWhole = false
        let done = scan.mend { () throws(StorageError) in
            let file = try self.open(path)
            do throws(Errno) {
                switch fault.kind {
                case .header:
                    isDone = try self.repairHeader(file, path, id, kind)
                case .lostRecords, .tornTail:
                    do throws(StorageError) {
                        try KeptBytes.keep(fault.range, of: file, log: id, path: path, on: scan.disk)
                    } catch {
                        throw error.errno
                    }
                    (isDone, isWhole) = try self.fill(fault, file, id, atLeast, kind)
                case .padding:
                    try LogRepair(file, log: id, key: scan.key, time: scan.now).clear(fault.range)
                case .block, .knownLoss:
                    break
                }
                try file.synchronize()
            } catch {
                throw .system(error, doing: "repair", path: path)
            }
        }
        finding.isRepaired = done && isDone
        if isWhole { finding.advice = "one wrong bit was corrected: nothing is lost" }
    }

    /// Makes a range readable: flips one bit back if that helps, and puts a filler over the rest.
    private func fill(
        _ fault: LogFault, _ file: any DiskFile, _ id: UInt64, _ atLeast: UInt64, _ kind: LogKind
    ) throws(Errno) -> (isDone: Bool, isWhole: Bool) {
        let repair = LogRepair(file, log: id, key: scan.key, time: scan.now)
        var rest = fault
        // The last record's padding is not in the file.
        let end = (fault.range.upperBound + 7) & ~7
        if let found = try repair.flipBack(
            recordAt: fault.range.lowerBound..<end, before: fault.before, after: fault.after) {
            if found.end >= end { return (true, found.isWhole) }
            rest.range = found.end..<end
            rest.before = found.sequence
        }
        let isDone = try repair.fill(
            room(rest, kind), before: rest.before, after: rest.after, atLeast: atLeast)
        return (isDone, false)
    }

    /// Returns the range of a filler: whole multiples of 8; at the end of the log at least its header, and
    /// up to the position that the database knows of.
    private func room(_ fault: LogFault, _ kind: LogKind) -> Range<UInt64> {
        let start = fault.range.lowerBound
        if fault.after != nil { return fault.range }
        var end = max(fault.range.upperBound, start + UInt64(Format.recordHeaderLength))
        if kind == .tree { end = max(end, scan.position.treeLog) }
        return start..<((end + 7) & ~7)
    }

    func open(_ path: String) throws(StorageError) -> any DiskFile {
        do throws(Errno) {
            return try scan.disk.open(path, .readWrite)
        } catch {
            throw .system(error, doing: "open", path: path)
        }
    }

    /// Repairs the header of a log. One flipped bit can be found, since all other bits are right. Otherwise
    /// only the header of a tree log can be recreated, since it contains nothing that is not known
    /// elsewhere.
    private func repairHeader(
        _ file: any DiskFile, _ path: String, _ id: UInt64, _ kind: LogKind
    ) throws(Errno) -> Bool {
        let bytes = try file.readBytes(Format.logHeaderLength, at: 0)
        if let header = LogHeader(mending: bytes), header.kind == kind, header.id == id {
            try file.writeBytes(header.bytes, at: 0)
            return true
        }
        guard kind == .tree else { return false }
        try file.writeBytes(LogHeader(kind: .tree, id: id, created: scan.now).bytes, at: 0)
        return true
    }

    /// Gives up damaged blocks of a record, and keeps its bytes beside the log.
    private func giveUp(
        _ record: ScannedRecord, _ blocks: [Int], _ path: String, _ id: UInt64
    ) {
        _ = scan.mend { () throws(StorageError) in
            let file = try self.open(path)
            let end = record.position + record.header.recordLength
            try KeptBytes.keep(record.position..<end, of: file, log: id, path: path, on: scan.disk)
            let repair = LogRepair(file, log: id, key: scan.key, time: scan.now)
            do throws(Errno) {
                try repair.giveUp(blocks, of: record)
                try file.synchronize()
            } catch {
                throw .system(error, doing: "repair", path: path)
            }
        }
    }
}
