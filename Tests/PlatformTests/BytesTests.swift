// Tests of ByteReader, FileName and Errno: which values from the disk and the kernel are accepted, and
// which are refused.

import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct ByteReaderTests {
    @Test("A reader reads the values that a writer wrote")
    func roundTrip() {
        var writer = ByteWriter()
        writer.integer(UInt16(0xABCD))
        writer.integer(Int64.min)
        writer.string([1, 2, 3])
        writer.pad(to: 8)
        writer.patch(UInt16(0x1234), at: 0)
        #expect(writer.count % 8 == 0)
        var reader = ByteReader(writer.bytes)
        #expect(reader.integer(UInt16.self) == 0x1234)
        #expect(reader.integer(Int64.self) == Int64.min)
        #expect(reader.string() == [1, 2, 3])
    }

    @Test("Numbers are little-endian")
    func byteOrder() {
        var writer = ByteWriter()
        writer.integer(UInt32(0x0102_0304))
        #expect(writer.bytes == [4, 3, 2, 1])
    }

    @Test("A read past the end returns nil, and so does each later read")
    func pastTheEnd() {
        var reader = ByteReader([1, 2, 3])
        #expect(reader.integer(UInt32.self) == nil)
        #expect(reader.integer(UInt8.self) == nil)
        #expect(reader.atEnd)
    }

    @Test("A length that is negative or longer than the rest returns nil")
    func falseLengths() {
        var reader = ByteReader([255, 255, 255, 255, 7])
        #expect(reader.string() == nil)
        var second = ByteReader([1, 2])
        #expect(second.raw(-1) == nil)
        var third = ByteReader([1, 2, 3])
        third.skip(-5)
        #expect(third.atEnd)
        var fourth = ByteReader([1, 2, 3], from: 7, to: 99)
        #expect(fourth.raw(1) == nil)
        #expect(fourth.raw(0) == [])
    }
}

@Suite struct FileNameTests {
    @Test("Names are any bytes but slash and NUL")
    func accepted() throws {
        #expect(try FileName([0xFF, 0x01, 0x20]).bytes == [0xFF, 0x01, 0x20])
        #expect(try FileName("...").bytes.count == 3)
        #expect(try FileName([UInt8](repeating: 0x61, count: 255)).bytes.count == 255)
    }

    @Test("Invalid names are refused", arguments: ["", ".", "..", "a/b", "/", "a\0"])
    func refused(text: String) {
        #expect(throws: Errno.invalid) { try FileName(text) }
    }

    @Test("256 bytes are too long")
    func tooLong() {
        #expect(throws: Errno.nameTooLong) {
            try FileName([UInt8](repeating: 0x61, count: 256))
        }
    }

    @Test("Names that look the same and have different bytes are different")
    func normalization() throws {
        #expect(try FileName("\u{e9}") != FileName("e\u{301}"))
    }
}

@Suite struct ErrnoTests {
    @Test("The description of an error is the text of strerror(3)")
    func description() {
        #expect(Errno.noEntry.description == String(cString: strerror(ENOENT)))
        #expect(Errno.noEntry.code == ENOENT)
    }

    @Test("The last error is the calling thread's")
    func last() throws {
        let calls = Atomic<Int>(0)
        let found = Mutex<[Int: Errno]>([:])
        try onThreads(2) { index in
            _ = index == 0 ? close(-1) : access("/no/such/file", F_OK)
            calls.add(1, ordering: .sequentiallyConsistent)
            // Each looks after both calls have failed.
            while calls.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
            let last = Errno.last
            found.withLock { $0[index] = last }
        }
        #expect(found.withLock { $0 } == [0: .badDescriptor, 1: .noEntry])
    }
}
