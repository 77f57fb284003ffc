// TreeChange: one key of the tree with its value before and after. A transaction of the tree log is a
// list of changes that happen together. Replay uses "after", undo and rollback use "before".
//
// transaction payload: operation u8 | zeros, 3 bytes | count u32 | changes (of a long one only those
//     that are not in its parts, see TransactionReader)
// change: tag u8 | flags u8 (1 = has before, 2 = has after) | zero u16 | key | before | after

package import Platform

/// The state of a name in a directory: an inode, or a whiteout that hides the base's name.
package struct Entry: Equatable, Sendable {
    /// 0 for a whiteout.
    package var inode: InodeNumber
    package var type: FileType

    package init(inode: InodeNumber, type: FileType) {
        self.inode = inode
        self.type = type
    }

    package static let whiteout = Entry(inode: 0, type: .unknown)
    package var isWhiteout: Bool { inode == 0 }
}

/// The state of an extended attribute in the workspace: a value, or that the base's attribute is hidden.
package enum XattrValue: Equatable, Sendable {
    case value([UInt8])
    case hidden
}

package enum TreeChange: Equatable, Sendable {
    case inode(InodeNumber, before: InodeRecord?, after: InodeRecord?)
    case entry(InodeNumber, FileName, before: Entry?, after: Entry?)
    case xattr(InodeNumber, [UInt8], before: XattrValue?, after: XattrValue?)
    /// Set when the workspace first touches a base file. Reverted when that is rolled back.
    case origin(InodeNumber, before: Origin?, after: Origin?)
    /// A device of the base other than its root's, and the path below the base at which it was found.
    case device(UInt32, path: [UInt8])
    /// A number given to a base inode whose own number does not fit or was reused.
    case alias(InodeNumber, device: UInt32, inode: UInt64, birthTime: Int64)
    /// A named moment. Backups are not part of the state that a rollback restores.
    case backup(FileName, before: BackupRecord?, after: BackupRecord?)
    /// The file's content becomes that of the log of `source` after change `sequence`. The file's own
    /// log has a record with this transaction's number for it. If recovery finds no such record, it
    /// makes one.
    case content(InodeNumber, source: InodeNumber, sequence: UInt64)
    /// The transaction gives a name of another content to a file whose edits up to `sequence` are not
    /// durable. After a power cut it counts only if they survived.
    case due(InodeNumber, sequence: UInt64)
    /// The values up to this transaction are the layer of that generation. Later ones go into the database
    /// of the next generation.
    case freeze(generation: UInt32)
}

extension TreeChange {
    /// Whether it only marks a moment, and changes no file.
    package var isMark: Bool {
        switch self {
        case .backup, .freeze: true
        default: false
        }
    }

    private enum Tag: UInt8 {
        case inode = 1, entry = 2, xattr = 3, origin = 4, device = 5, alias = 6,
            backup = 7, content = 8, due = 9, freeze = 10
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .inode(let number, let before, let after):
            Self.head(.inode, before != nil, after != nil, &writer)
            writer.integer(number)
            before?.encode(into: &writer)
            after?.encode(into: &writer)
        case .entry(let parent, let name, let before, let after):
            Self.head(.entry, before != nil, after != nil, &writer)
            writer.integer(parent)
            writer.string(name.bytes)
            for entry in [before, after] {
                guard let entry else { continue }
                writer.integer(entry.inode)
                writer.integer(entry.type.rawValue)
            }
        case .xattr(let number, let name, let before, let after):
            Self.head(.xattr, before != nil, after != nil, &writer)
            writer.integer(number)
            writer.string(name)
            for value in [before, after] {
                switch value {
                case nil: continue
                case .hidden: writer.integer(UInt8(0))
                case .value(let bytes):
                    writer.integer(UInt8(1))
                    writer.string(bytes)
                }
            }
        case .origin(let number, let before, let after):
            Self.head(.origin, before != nil, after != nil, &writer)
            writer.integer(number)
            before?.encode(into: &writer)
            after?.encode(into: &writer)
        default: encodeWithoutBefore(into: &writer)
        }
    }

    /// Encodes a change that has no value before, and one of a backup.
    private func encodeWithoutBefore(into writer: inout ByteWriter) {
        switch self {
        case .inode, .entry, .xattr, .origin: break
        case .device(let index, let path):
            Self.head(.device, false, true, &writer)
            writer.integer(index)
            writer.string(path)
        case .alias(let number, let device, let inode, let birthTime):
            Self.head(.alias, false, true, &writer)
            writer.integer(number)
            writer.integer(device)
            writer.integer(inode)
            writer.integer(birthTime)
        case .backup(let name, let before, let after):
            Self.head(.backup, before != nil, after != nil, &writer)
            writer.string(name.bytes)
            before?.encode(into: &writer)
            after?.encode(into: &writer)
        case .content(let number, let source, let sequence):
            Self.head(.content, false, true, &writer)
            writer.integer(number)
            writer.integer(source)
            writer.integer(sequence)
        case .due(let number, let sequence):
            Self.head(.due, false, true, &writer)
            writer.integer(number)
            writer.integer(sequence)
        case .freeze(let generation):
            Self.head(.freeze, false, true, &writer)
            writer.integer(generation)
        }
    }

    private static func head(
        _ tag: Tag, _ before: Bool, _ after: Bool, _ writer: inout ByteWriter
    ) {
        writer.integer(tag.rawValue)
        writer.integer(UInt8((before ? 1 : 0) | (after ? 2 : 0)))
        writer.integer(UInt16(0))
    }

    package init?(decoding reader: inout ByteReader) {
        guard let rawTag: UInt8 = reader.integer(), let tag = Tag(rawValue: rawTag),
            let flags: UInt8 = reader.integer(), reader.integer(UInt16.self) != nil
        else { return nil }
        switch tag {
        case .inode:
            guard let number: UInt64 = reader.integer(),
                let (before, after) = Self.values(flags, { InodeRecord(decoding: &reader) })
            else { return nil }
            self = .inode(number, before: before, after: after)
        case .entry:
            guard let parent: UInt64 = reader.integer(), let bytes = reader.string(),
                let name = try? FileName(bytes),
                let (before, after) = Self.values(flags, { Self.entry(&reader) })
            else { return nil }
            self = .entry(parent, name, before: before, after: after)
        case .xattr:
            guard let number: UInt64 = reader.integer(), let name = reader.string(),
                let (before, after) = Self.values(flags, { Self.xattr(&reader) })
            else { return nil }
            self = .xattr(number, name, before: before, after: after)
        case .origin:
            guard let number: UInt64 = reader.integer(),
                let (before, after) = Self.values(flags, { Origin(decoding: &reader) })
            else { return nil }
            self = .origin(number, before: before, after: after)
        default:
            guard let change = Self.withoutBefore(tag, flags, &reader) else { return nil }
            self = change
        }
    }

    /// Decodes a change that has no value before, and one of a backup.
    private static func withoutBefore(
        _ tag: Tag, _ flags: UInt8, _ reader: inout ByteReader
    ) -> TreeChange? {
        switch tag {
        case .inode, .entry, .xattr, .origin: return nil
        case .device:
            guard let index: UInt32 = reader.integer(), let path = reader.string() else { return nil }
            return .device(index, path: path)
        case .alias:
            guard let number: UInt64 = reader.integer(), let device: UInt32 = reader.integer(),
                let inode: UInt64 = reader.integer(), let birthTime: Int64 = reader.integer()
            else { return nil }
            return .alias(number, device: device, inode: inode, birthTime: birthTime)
        case .backup:
            guard let bytes = reader.string(), let name = try? FileName(bytes),
                let (before, after) = Self.values(flags, { BackupRecord(decoding: &reader) })
            else { return nil }
            return .backup(name, before: before, after: after)
        case .content:
            guard let number: UInt64 = reader.integer(), let source: UInt64 = reader.integer(),
                let sequence: UInt64 = reader.integer() else { return nil }
            return .content(number, source: source, sequence: sequence)
        case .due:
            guard let number: UInt64 = reader.integer(), let sequence: UInt64 = reader.integer()
            else { return nil }
            return .due(number, sequence: sequence)
        case .freeze:
            guard let generation: UInt32 = reader.integer() else { return nil }
            return .freeze(generation: generation)
        }
    }

    /// Reads the values that `flags` says are there: bit 0 the one before, bit 1 the one after.
    /// - Returns: nil if one of these cannot be read.
    private static func values<Value>(
        _ flags: UInt8, _ read: () -> Value?
    ) -> (before: Value?, after: Value?)? {
        let before = flags & 1 != 0 ? read() : nil
        if flags & 1 != 0, before == nil { return nil }
        let after = flags & 2 != 0 ? read() : nil
        if flags & 2 != 0, after == nil { return nil }
        return (before, after)
    }

    private static func entry(_ reader: inout ByteReader) -> Entry? {
        guard let inode: UInt64 = reader.integer(), let raw: UInt8 = reader.integer(),
            let type = FileType(rawValue: raw) else { return nil }
        return Entry(inode: inode, type: type)
    }

    private static func xattr(_ reader: inout ByteReader) -> XattrValue? {
        guard let kind: UInt8 = reader.integer() else { return nil }
        return kind == 0 ? .hidden : reader.string().map(XattrValue.value)
    }

    /// Returns the first bytes of the payload of a transaction's record.
    static func encodeHead(_ operation: TreeOperation, count: UInt32) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.integer(operation.rawValue)
        writer.raw([0, 0, 0])
        writer.integer(count)
        return writer.bytes
    }

    static func decodeHead(_ reader: inout ByteReader) -> (operation: TreeOperation, count: UInt32)? {
        guard let raw: UInt8 = reader.integer(), let operation = TreeOperation(rawValue: raw),
            reader.raw(3) != nil, let count: UInt32 = reader.integer()
        else { return nil }
        return (operation, count)
    }

    /// Returns the payload of a transaction that has no parts.
    package static func encode(_ operation: TreeOperation, _ changes: [TreeChange]) -> [UInt8] {
        var writer = ByteWriter(capacity: 160 * changes.count + 8)
        writer.raw(encodeHead(operation, count: UInt32(clamping: changes.count)))
        for change in changes { change.encode(into: &writer) }
        return writer.bytes
    }

    /// Decodes a payload. Returns nil if any part of it is not what `encode` writes.
    package static func decode(_ payload: [UInt8]) -> (TreeOperation, [TreeChange])? {
        var reader = ByteReader(payload)
        guard let (operation, count) = decodeHead(&reader) else { return nil }
        var changes: [TreeChange] = []
        for _ in 0..<count {
            guard let change = TreeChange(decoding: &reader) else { return nil }
            changes.append(change)
        }
        return reader.atEnd ? (operation, changes) : nil
    }
}
