// Message: a request as the kernel writes it (linux/fuse.h, byte order of this machine), and the reply to
// it.

import Fuse
import Platform

/// A sequence of little-endian words, names and data.
struct MessageBody {
    private(set) var bytes: [UInt8] = []

    mutating func add<Word: FixedWidthInteger>(_ word: Word) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ name: String) {
        bytes += Array(name.utf8) + [0]
    }

    mutating func add(_ data: [UInt8]) { bytes += data }
}

struct Message {
    /// The numbers of enum fuse_opcode.
    enum Opcode: UInt32 {
        case lookup = 1
        case forget = 2
        case getAttributes = 3
        case setAttributes = 4
        case makeNode = 8
        case makeDirectory = 9
        case unlink = 10
        case rename = 12
        case read = 15
        case write = 16
        case initialize = 26
        case readDirectoryPlus = 44
    }

    var opcode: Opcode
    var node: UInt64
    var body = MessageBody()
    var isAnswered: Bool { opcode != .forget }
    /// Whether the request changes something, so that the daemon looks up the calling process.
    var isChange: Bool {
        [.setAttributes, .makeNode, .makeDirectory, .unlink, .rename, .write].contains(opcode)
    }

    init(_ opcode: Opcode, _ node: UInt64) {
        self.opcode = opcode
        self.node = node
    }

    static let headerSize = 40

    /// Returns the whole message.
    /// - Parameter number: the `unique` of the header, which the reply repeats.
    func bytes(number: UInt64, user: UInt32, group: UInt32, process: UInt32) -> [UInt8] {
        var all = MessageBody()
        all.add(UInt32(Self.headerSize + body.bytes.count))
        all.add(opcode.rawValue)
        all.add(number)
        all.add(node)
        for word in [user, group, process, 0] { all.add(word) }
        all.add(body.bytes)
        return all.bytes
    }
}

extension Message {
    /// The INIT of a current kernel (protocol 7.40) that offers all capabilities that the daemon requests.
    static var initialize: Message {
        var message = Message(.initialize, 0)
        let wanted = Capabilities.wanted.union([.initExtended, .bigWrites, .maximumPages])
        for word in [7, 40, 128 << 10, UInt32(truncatingIfNeeded: wanted.rawValue)] { message.body.add(word) }
        message.body.add(UInt32(wanted.rawValue >> 32))
        message.body.add([UInt8](repeating: 0, count: 44))
        return message
    }

    static func lookup(_ name: String, in parent: UInt64) -> Message {
        var message = Message(.lookup, parent)
        message.body.add(name)
        return message
    }

    static func forget(_ node: UInt64) -> Message {
        var message = Message(.forget, node)
        message.body.add(UInt64(1))
        return message
    }

    static func getAttributes(_ node: UInt64) -> Message {
        var message = Message(.getAttributes, node)
        message.body.add([UInt8](repeating: 0, count: 16))
        return message
    }

    static func setMode(_ mode: UInt32, of node: UInt64) -> Message {
        var message = Message(.setAttributes, node)
        message.body.add(UInt32(1))  // FATTR_MODE
        message.body.add([UInt8](repeating: 0, count: 64))
        message.body.add(mode)
        message.body.add([UInt8](repeating: 0, count: 16))
        return message
    }

    /// Returns the MKNOD that creat(2) leads to, because the daemon does not implement CREATE.
    static func makeFile(_ name: String, in parent: UInt64) -> Message {
        var message = Message(.makeNode, parent)
        for word in [FileType.regular.modeBits | 0o644, 0, 0o022, 0] { message.body.add(word) }
        message.body.add(name)
        return message
    }

    static func unlink(_ name: String, in parent: UInt64) -> Message {
        var message = Message(.unlink, parent)
        message.body.add(name)
        return message
    }

    static func rename(_ name: String, to newName: String, in parent: UInt64) -> Message {
        var message = Message(.rename, parent)
        message.body.add(parent)
        message.body.add(name)
        message.body.add(newName)
        return message
    }

    static func read(_ node: UInt64, at offset: UInt64, count: UInt32) -> Message {
        reading(.read, node, at: offset, count: count)
    }

    static func readDirectoryPlus(_ node: UInt64, at cookie: UInt64, count: UInt32) -> Message {
        reading(.readDirectoryPlus, node, at: cookie, count: count)
    }

    private static func reading(
        _ opcode: Opcode, _ node: UInt64, at offset: UInt64, count: UInt32
    ) -> Message {
        var message = Message(opcode, node)
        message.body.add(UInt64(0))
        message.body.add(offset)
        message.body.add(count)
        message.body.add([UInt8](repeating: 0, count: 20))
        return message
    }

    static func write(_ data: [UInt8], to node: UInt64, at offset: UInt64) -> Message {
        var message = Message(.write, node)
        message.body.add(UInt64(0))
        message.body.add(offset)
        message.body.add(UInt32(data.count))
        message.body.add([UInt8](repeating: 0, count: 20))
        message.body.add(data)
        return message
    }
}

struct Reply {
    /// 0 or an errno.
    var error: Int32
    var body: [UInt8]

    /// Returns nil if the bytes are shorter than a header.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 16 else { return nil }
        error = -bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)
        body = Array(bytes[16...])
    }

    private init() {
        error = 0
        body = []
    }

    /// The result of a message that has no reply.
    static let none = Reply()

    /// The node of the entry in the reply, or 0 if the reply is too short for one.
    var node: UInt64 { body.withUnsafeBytes { $0.count < 8 ? 0 : $0.loadUnaligned(as: UInt64.self) } }
}
