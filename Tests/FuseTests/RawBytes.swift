// RawBytes: builds messages as the kernel writes them, in buffers of exactly their length.

/// A buffer that is freed with its object, and helpers to read and write integers in it.
final class RawBytes {
    let all: UnsafeMutableRawBufferPointer

    init(count: Int, filledWith byte: UInt8 = 0) {
        all = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        all.initializeMemory(as: UInt8.self, repeating: byte)
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        all.copyBytes(from: bytes)
    }

    deinit { all.deallocate() }

    var bytes: [UInt8] { Array(all) }

    func set<Word: FixedWidthInteger>(_ word: Word, at offset: Int) {
        all.storeBytes(of: word, toByteOffset: offset, as: Word.self)
    }

    func get<Word: FixedWidthInteger>(_: Word.Type = Word.self, at offset: Int) -> Word {
        all.loadUnaligned(fromByteOffset: offset, as: Word.self)
    }
}
