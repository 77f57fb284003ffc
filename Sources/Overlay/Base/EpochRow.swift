// EpochRow: what a name of the base led to before a commit changed the base, and where that is now.
//
// row: checksum u64 | id u64 | place kind u8 | flags u8 (1 = status, 2 = after, 4 = attributes) | zero u16
//     | place string | status | after | count u32, and of each attribute: name string, value string
// status: device, inode u64 | mode, links, user, group u32 | special device, size, blocks u64
//     | times of access, modification, change and birth i64

package import Platform
internal import Storage

package struct EpochRow: Equatable, Sendable {
    /// Where the file of before the commit is now.
    package enum Place: Equatable, Sendable {
        /// The name led to nothing.
        case nothing
        /// In the store: the file or directory of the row's id.
        case kept
        /// In the base, at this path. It was only changed in its attributes, or got another name.
        case base([UInt8])
        /// It was a directory. All its names have rows.
        case rows
        /// Below what a row of a directory above it leads to.
        case above
    }

    /// Names the row in its epoch, and what is kept for it.
    package var id: UInt64
    package var place: Place
    /// As it was. Nil if there was nothing.
    package var status: FileStatus?
    /// The status that the commit left, if it is in the base. Nil until the commit is done.
    package var after: FileStatus?
    /// All extended attributes as they were. Nil if the file still has them.
    package var xattrs: [[UInt8]: [UInt8]]?

    package init(
        id: UInt64, place: Place, status: FileStatus? = nil, xattrs: [[UInt8]: [UInt8]]? = nil
    ) {
        self.id = id
        self.place = place
        self.status = status
        self.xattrs = xattrs
    }

    /// Whether paths below it lead elsewhere than in the base of now.
    func isRelocated(from path: [UInt8]) -> Bool {
        switch place {
        case .base(let now): now != path
        case .nothing, .kept, .rows: true
        case .above: false
        }
    }
}

// MARK: Encoding

extension EpochRow {
    func encoded(_ key: ChecksumKey) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.integer(id)
        let path: [UInt8] = if case .base(let path) = place { path } else { [] }
        writer.integer(kind)
        writer.integer(UInt8((status == nil ? 0 : 1) | (after == nil ? 0 : 2) | (xattrs == nil ? 0 : 4)))
        writer.integer(UInt16(0))
        writer.string(path)
        status?.encode(into: &writer)
        after?.encode(into: &writer)
        if let xattrs { writer.xattrs(xattrs) }
        return Self.sealed(writer.bytes, key)
    }

    private var kind: UInt8 {
        switch place {
        case .nothing: 0
        case .kept: 1
        case .base: 2
        case .rows: 3
        case .above: 4
        }
    }

    /// Returns nil for damaged bytes.
    init?(decoding bytes: [UInt8], _ key: ChecksumKey) {
        guard let payload = Self.payload(bytes, key) else { return nil }
        var reader = ByteReader(payload)
        guard let id: UInt64 = reader.integer(), let kind: UInt8 = reader.integer(),
            let flags: UInt8 = reader.integer(), reader.integer(UInt16.self) != nil,
            let path = reader.string()
        else { return nil }
        self.id = id
        switch kind {
        case 0: place = .nothing
        case 1: place = .kept
        case 2: place = .base(path)
        case 3: place = .rows
        case 4: place = .above
        default: return nil
        }
        if flags & 1 != 0 {
            guard let status = FileStatus(decoding: &reader) else { return nil }
            self.status = status
        }
        if flags & 2 != 0 {
            guard let status = FileStatus(decoding: &reader) else { return nil }
            after = status
        }
        guard flags & 4 != 0 else { return }
        guard let xattrs = reader.xattrs() else { return nil }
        self.xattrs = xattrs
    }

    /// Puts a checksum before bytes.
    package static func sealed(_ bytes: [UInt8], _ key: ChecksumKey) -> [UInt8] {
        var writer = ByteWriter(capacity: bytes.count + 8)
        writer.integer(key.xxh3(bytes))
        writer.raw(bytes)
        return writer.bytes
    }

    /// Returns the bytes behind a checksum, or nil if they do not fit it.
    package static func payload(_ bytes: [UInt8], _ key: ChecksumKey) -> [UInt8]? {
        var reader = ByteReader(bytes)
        guard let sum: UInt64 = reader.integer() else { return nil }
        let payload = Array(bytes.dropFirst(8))
        return sum == key.xxh3(payload) ? payload : nil
    }
}

extension ByteWriter {
    /// Appends extended attributes: count u32, and of each its name and value as strings.
    package mutating func xattrs(_ xattrs: [[UInt8]: [UInt8]]) {
        integer(UInt32(xattrs.count))
        for (name, value) in xattrs {
            string(name)
            string(value)
        }
    }
}

extension ByteReader {
    package mutating func xattrs() -> [[UInt8]: [UInt8]]? {
        guard let count: UInt32 = integer() else { return nil }
        var found: [[UInt8]: [UInt8]] = [:]
        for _ in 0..<count {
            guard let name = string(), let value = string() else { return nil }
            found[name] = value
        }
        return found
    }
}

extension FileStatus {
    package func encode(into writer: inout ByteWriter) {
        writer.integer(device)
        writer.integer(inode)
        for value in [mode, links, user, group] { writer.integer(value) }
        for value in [specialDevice, size, blocks] { writer.integer(value) }
        for value in [accessTime, modificationTime, changeTime, birthTime] { writer.integer(value) }
    }

    package init?(decoding reader: inout ByteReader) {
        guard let device: UInt64 = reader.integer(), let inode: UInt64 = reader.integer(),
            let mode: UInt32 = reader.integer(), let links: UInt32 = reader.integer(),
            let user: UInt32 = reader.integer(), let group: UInt32 = reader.integer(),
            let special: UInt64 = reader.integer(), let size: UInt64 = reader.integer(),
            let blocks: UInt64 = reader.integer(), let accessed: Int64 = reader.integer(),
            let modified: Int64 = reader.integer(), let changed: Int64 = reader.integer(),
            let born: Int64 = reader.integer()
        else { return nil }
        self.init(
            device: device, inode: inode, mode: mode, links: links, user: user, group: group,
            specialDevice: special, size: size, blocks: blocks, accessTime: accessed,
            modificationTime: modified, changeTime: changed, birthTime: born)
    }

    /// Whether it is of the same file, changed or not.
    package func isSameFile(_ other: FileStatus) -> Bool {
        device == other.device && inode == other.inode && birthTime == other.birthTime
            && (mode ^ other.mode) >> 12 == 0
    }

    /// Whether the content is the same, as far as a status tells.
    package func hasContent(of other: FileStatus) -> Bool {
        isSameFile(other)
            && (type != .regular || size == other.size && modificationTime == other.modificationTime)
    }

    /// Whether it is of the same file with the same content and attributes, as far as a status tells. Access
    /// times and links do not count.
    package func isUnchanged(_ other: FileStatus) -> Bool {
        isSameFile(other) && size == other.size && modificationTime == other.modificationTime
            && changeTime == other.changeTime
    }
}
