// BlockCheck: the state of one block of a record's payload: damaged, or known as lost. A repair turns a
// damaged block into a lost one: zeros, with the complement of their checksum in the table. Every
// reader then returns EIO for the block, and a check does not report it as damage again.

internal import Platform

struct BlockCheck {
    enum State { case damaged, lost }
    var block: Int
    /// The bytes of the block in the log.
    var range: Range<UInt64>
    var state: State
}

extension RecordTable {
    /// Returns the blocks that are not as written. A read error counts as a damaged block.
    func checkBlocks(in file: any DiskFile) -> [BlockCheck] {
        var found: [BlockCheck] = []
        let size = 1 << blockShift
        let atOnce = max(size, 256 << 10)
        let start = position + UInt64(payloadStart)
        var at = 0
        while at < payloadLength {
            let count = min(atOnce, payloadLength - at)
            let bytes = (try? file.readBytes(count, at: start + UInt64(at))) ?? []
            for from in stride(from: 0, to: count, by: size) {
                let end = min(from + size, count)
                let block = (at + from) >> blockShift
                var state: BlockCheck.State? = .damaged
                if end <= bytes.count { state = self.state(of: bytes[from..<end], block) }
                guard let state else { continue }
                let first = start + UInt64(at + from)
                found.append(
                    BlockCheck(
                        block: block, range: first..<(first + UInt64(end - from)), state: state))
            }
            at += count
        }
        return found
    }

    private func state(of bytes: ArraySlice<UInt8>, _ block: Int) -> BlockCheck.State? {
        let found = Checksum.xxh3(bytes)
        if found == sum(of: block) { return nil }
        return found == ~sum(of: block) && bytes.allSatisfy { $0 == 0 } ? .lost : .damaged
    }

    /// Returns the ranges that must be zero and are not: before the payload, and after it up to the
    /// next record.
    func paddingFaults(
        in file: any DiskFile, upTo end: UInt64
    ) throws(Errno) -> [Range<UInt64>] {
        let payload = position + UInt64(payloadStart)
        let after = payload + UInt64(payloadLength)
        var faults: [Range<UInt64>] = []
        for range in [(position + UInt64(tableEnd))..<payload, after..<max(after, end)]
        where !range.isEmpty {
            let bytes = try file.readBytes(Int(range.count), at: range.lowerBound)
            guard let first = bytes.firstIndex(where: { $0 != 0 }),
                let last = bytes.lastIndex(where: { $0 != 0 }) else { continue }
            faults.append(
                (range.lowerBound + UInt64(first))..<(range.lowerBound + UInt64(last) + 1))
        }
        return faults
    }
}
