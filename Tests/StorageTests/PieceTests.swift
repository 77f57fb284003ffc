// PieceTests: tests single pieces: slicing, merging and the encoding on disk.

import Platform
import Testing

@testable import Storage

@Suite("PieceTree: pieces")
struct PieceTests {
    static let limit = PieceTree.maximumLength

    static let samples: [Piece] = [
        .hole(1),
        .hole(limit),
        Piece(.base(file: 7, offset: 0), length: limit),
        Piece(.base(file: .max, offset: limit - 1), length: 1),
        Piece(.log(log: 3, record: 4096, skip: 12), length: 100),
        Piece(.log(log: 3, record: limit - 100, skip: 50), length: 50),
        Piece(.log(log: 1, record: 0, skip: 1), length: UInt64(UInt32.max) - 1),
    ]

    private func encoded(_ piece: Piece) -> [UInt8] {
        var writer = ByteWriter()
        piece.encode(into: &writer)
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8]) -> Piece? {
        var reader = ByteReader(bytes)
        return Piece.decode(&reader)
    }

    @Test(arguments: samples)
    func `A piece survives its form on disk`(piece: Piece) {
        #expect(piece.isValid)
        #expect(encoded(piece).count == Piece.encodedSize)
        #expect(decoded(encoded(piece)) == piece)
    }

    @Test func `The form on disk is the documented one`() {
        let piece = Piece(.log(log: 0x0102, record: 0x0304, skip: 5), length: 6)
        let expected: [UInt8] = [
            6, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0,
            2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0,
        ]
        #expect(encoded(piece) == expected)
    }

    @Test func `Decoding rejects an unknown kind and nonzero padding`() {
        let bytes = encoded(Self.samples[4])
        for index in 8..<12 {
            var damaged = bytes
            damaged[index] = 9
            #expect(decoded(damaged) == nil)
        }
    }

    @Test func `Decoding rejects every cut`() {
        let bytes = encoded(Self.samples[4])
        for count in 0..<bytes.count { #expect(decoded(Array(bytes[..<count])) == nil) }
    }

    @Test(arguments: [
        .hole(0), .hole(limit + 1), .hole(.max),
        Piece(.base(file: 1, offset: 1), length: limit),
        Piece(.base(file: 1, offset: .max), length: 1),
        Piece(.base(file: 1, offset: 0), length: 0),
        Piece(.log(log: 1, record: 0, skip: 2), length: UInt64(UInt32.max) - 1),
        Piece(.log(log: 1, record: limit - 1, skip: 1), length: 1),
        Piece(.log(log: 1, record: .max, skip: .max), length: .max),
    ])
    func `Decoding rejects empty pieces and pieces past the limits`(piece: Piece) {
        #expect(!piece.isValid)
        #expect(decoded(encoded(piece)) == nil)
    }

    @Test func `Decoding rejects values in fields the kind does not use`() {
        for index in 12..<32 {
            var damaged = encoded(.hole(5))
            damaged[index] = 1
            #expect(decoded(damaged) == nil)
        }
        var damaged = encoded(Piece(.base(file: 1, offset: 2), length: 3))
        damaged[12] = 1
        #expect(decoded(damaged) == nil)
    }

    @Test(arguments: samples)
    func `The two parts of a piece merge to the whole`(piece: Piece) {
        for cut in [1, piece.length / 2, piece.length - 1] where cut > 0 && cut < piece.length {
            let (head, tail) = (piece.prefix(cut), piece.dropFirst(cut))
            #expect(head.isValid && tail.isValid)
            #expect(head.merged(with: tail) == piece)
            #expect(piece.isHole || tail.merged(with: head) == nil)
        }
    }

    @Test func `Pieces that do not continue each other stay apart`() {
        let base = Piece(.base(file: 1, offset: 10), length: 5)
        let log = Piece(.log(log: 1, record: 10, skip: 0), length: 5)
        #expect(base.merged(with: Piece(.base(file: 2, offset: 15), length: 5)) == nil)
        #expect(base.merged(with: Piece(.base(file: 1, offset: 16), length: 5)) == nil)
        #expect(base.merged(with: Piece(.base(file: 1, offset: 10), length: 5)) == nil)
        #expect(base.merged(with: .hole(5)) == nil)
        #expect(base.merged(with: log) == nil)
        #expect(log.merged(with: Piece(.log(log: 2, record: 10, skip: 5), length: 5)) == nil)
        #expect(log.merged(with: Piece(.log(log: 1, record: 15, skip: 5), length: 5)) == nil)
        #expect(log.merged(with: Piece(.log(log: 1, record: 10, skip: 6), length: 5)) == nil)
        #expect(Piece.hole(Self.limit).merged(with: .hole(1)) == nil)
        #expect(Piece.hole(.max).merged(with: .hole(1)) == nil)
    }
}
