// LogFile: appends records to a log and reads payloads back with their checksums verified. It does not
// lock: the owner of a log serialises appends, and reads need no lock since a log only grows. Unsafe
// buffers are confined to this file and LogScanner.

package import Platform

/// Appends to an open log and reads from it.
package enum LogFile {
    /// Appends one record at `position`, the end of the log, and returns the position after it.
    /// `header.payloadStart` is chosen here. On an error the log is truncated to `position` again.
    /// - Parameters:
    ///   - needsCut: Set if that truncation failed too. The next append then truncates first, or fails.
    ///     Otherwise the remaining bytes would follow a shorter record and be taken for damage.
    ///   - prefix: Bytes written before the record in the same write: the header of a new log.
    package static func append(
        _ header: RecordHeader, payload: UnsafeRawBufferPointer, to file: any DiskFile,
        log: UInt64, key: ChecksumKey, at position: UInt64, needsCut: inout Bool,
        prefix: [UInt8] = []
    ) throws(Errno) -> UInt64 {
        if needsCut {
            try file.truncate(to: position - UInt64(prefix.count))
            needsCut = false
        }
        var header = header
        header.place(at: position)
        let start = Int(header.payloadStart)
        let placed = header
        let front = prefix.count
        let failure: Errno? = withUnsafeTemporaryAllocation(
            byteCount: front + start, alignment: 8
        ) { whole in
            whole.initializeMemory(as: UInt8.self, repeating: 0)
            whole.copyBytes(from: prefix)
            let head = UnsafeMutableRawBufferPointer(rebasing: whole[front...])
            placed.encode(into: head)
            let block = 1 << Int(placed.blockShift)
            var at = 0
            var slot = Format.recordHeaderLength
            while at < payload.count {
                let end = min(at + block, payload.count)
                let sum = Checksum.xxh3(UnsafeRawBufferPointer(rebasing: payload[at..<end]))
                head.storeBytes(of: sum.littleEndian, toByteOffset: slot, as: UInt64.self)
                at = end
                slot += 8
            }
            RecordHeader.seal(
                head, tableEnd: placed.tableEnd, log: log, key: key, position: position)
            do throws(Errno) {
                try file.write(
                    UnsafeRawBufferPointer(whole), payload, at: position - UInt64(front))
                return nil
            } catch {
                return error
            }
        }
        if let failure {
            needsCut = (try? file.truncate(to: position - UInt64(front))) == nil
            throw failure
        }
        // Padding is not written. The next record starts after it and leaves zeros there.
        return position + header.recordLength
    }

    /// Appends one record with a payload from an array, as above.
    /// - Throws: `Errno.fileTooBig` if the payload is longer than readers accept.
    static func append(
        _ header: RecordHeader, payload: [UInt8], to file: any DiskFile, log: UInt64,
        key: ChecksumKey, at position: UInt64, needsCut: inout Bool
    ) throws(Errno) -> UInt64 {
        guard payload.count <= Format.maximumPayloadLength else { throw .fileTooBig }
        var isCut = needsCut
        let result: Result<UInt64, Errno> = payload.withUnsafeBytes { raw in
            do throws(Errno) {
                return .success(
                    try append(
                        header, payload: raw, to: file, log: log, key: key, at: position,
                        needsCut: &isCut))
            } catch {
                return .failure(error)
            }
        }
        needsCut = isCut
        return try result.get()
    }

    /// Reads `buffer.count` bytes of the payload of the record at `position`, starting `skip` bytes
    /// into it.
    /// - Throws: `Errno.inputOutput` if a checksum is wrong. Wrong bytes are never returned.
    package static func readPayload(
        into buffer: UnsafeMutableRawBufferPointer, skip: Int, from file: any DiskFile,
        log: UInt64, key: ChecksumKey, at position: UInt64, cache: inout RecordTable?
    ) throws(Errno) {
        let table: RecordTable
        if let known = cache, known.position == position, known.log == log {
            table = known
        } else {
            table = try RecordTable(reading: file, log: log, key: key, at: position)
            cache = table
        }
        guard skip >= 0, skip + buffer.count <= table.payloadLength else { throw .inputOutput }
        if buffer.isEmpty { return }
        let block = 1 << table.blockShift
        let firstBlock = skip >> table.blockShift
        let lastBlock = (skip + buffer.count - 1) >> table.blockShift
        let from = firstBlock << table.blockShift
        let to = min((lastBlock + 1) << table.blockShift, table.payloadLength)
        let at = position + UInt64(table.payloadStart) + UInt64(from)
        if from == skip, to == skip + buffer.count {
            let count = try file.read(into: buffer, at: at)
            guard count == buffer.count,
                table.verify(UnsafeRawBufferPointer(buffer), firstBlock: firstBlock, block: block)
            else { throw .inputOutput }
            return
        }
        let failure: Errno? = withUnsafeTemporaryAllocation(byteCount: to - from, alignment: 16) { scratch in
            do throws(Errno) {
                let count = try file.read(into: scratch, at: at)
                guard count == scratch.count,
                    table.verify(UnsafeRawBufferPointer(scratch), firstBlock: firstBlock, block: block)
                else { throw .inputOutput }
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: scratch[(skip - from)..<(skip - from + buffer.count)]))
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Returns the header of the record at `position`, or nil if there is no valid header.
    static func header(
        at position: UInt64, in file: any DiskFile, log: UInt64, key: ChecksumKey
    ) -> RecordHeader? {
        guard let bytes = try? file.readBytes(Format.recordHeaderLength, at: position),
            let header = RecordHeader(bytes)
        else { return nil }
        let fits = bytes.withUnsafeBytes {
            RecordHeader.headerFits($0, log: log, key: key, position: position)
        }
        return fits ? header : nil
    }

    /// Returns the whole payload of a record.
    /// - Throws: `Errno.inputOutput` if a checksum is wrong.
    package static func payload(
        of record: ScannedRecord, in file: any DiskFile, log: UInt64, key: ChecksumKey
    ) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(record.header.payloadLength))
        let failure: Errno? = bytes.withUnsafeMutableBytes { raw in
            var cache: RecordTable?
            do throws(Errno) {
                try readPayload(
                    into: raw, skip: 0, from: file, log: log, key: key, at: record.position,
                    cache: &cache)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
