// The cursors through which every number on disk passes.

import Platform
import Testing

@Suite("Bytes")
struct BytesTests {
    @Test func `What is written is read back, little endian`() {
        var writer = ByteWriter()
        writer.integer(UInt32(0x0403_0201))
        writer.string([9, 8])
        #expect(writer.bytes == [1, 2, 3, 4, 2, 0, 0, 0, 9, 8])
        var reader = ByteReader(writer.bytes)
        #expect(reader.integer(UInt32.self) == 0x0403_0201)
        #expect(reader.string() == [9, 8])
        #expect(reader.atEnd)
    }

    @Test func `Reading past the end answers nil from then on`() {
        var reader = ByteReader([1, 2, 3])
        #expect(reader.integer(UInt64.self) == nil)
        #expect(reader.integer(UInt8.self) == nil)
        var prefixed = ByteReader([255, 255, 255, 255, 1])
        #expect(prefixed.string() == nil)
    }
}
