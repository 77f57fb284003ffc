// PieceTreeTests: tests the edge cases of each operation of the piece tree.

import TestSupport
import Testing

@testable import Storage

@Suite("PieceTree: edges")
struct PieceTreeTests {
    private static let limit = PieceTree.maximumLength

    private func base(_ offset: UInt64, _ length: UInt64) -> Piece {
        Piece(.base(file: 1, offset: offset), length: length)
    }

    private func log(_ record: UInt64, _ length: UInt64, skip: UInt32 = 0) -> Piece {
        Piece(.log(log: 9, record: record, skip: skip), length: length)
    }

    private func expect(
        _ tree: PieceTree, _ pieces: [Piece], at location: SourceLocation = #_sourceLocation
    ) {
        #expect(Array(tree.allPieces) == pieces, sourceLocation: location)
        #expect(tree.pieces(in: 0..<UInt64.max) == pieces, sourceLocation: location)
        #expect(tree.pieceCount == pieces.count, sourceLocation: location)
        #expect(tree.checkInvariants() == nil, sourceLocation: location)
    }

    /// Returns a tree of pieces of which no two neighbours merge.
    private func scattered(_ count: Int, length: UInt64 = 10) -> PieceTree {
        PieceTree((0..<UInt64(count)).map { log($0 * 1000, length) })
    }

    @Test func `An empty tree has nothing to read and takes any edit`() {
        let empty = PieceTree()
        expect(empty, [])
        #expect(empty.length == 0)
        #expect(empty.allocatedBytes == 0)
        #expect(empty.nextData(from: 0) == nil)
        #expect(empty.nextHole(from: 0) == 0)
        #expect(empty.piece(at: 0) == nil)
        var tree = empty
        tree.delete(0..<100)
        tree.punch(0..<100)
        tree.truncate(to: 0)
        tree.replace(5..<9, with: [])
        expect(tree, [])
        tree.replace(5..<9, with: [base(0, 4)])
        expect(tree, [base(0, 4)])
        expect(empty, [])
    }

    @Test func `Empty pieces are ignored`() {
        var tree = PieceTree([base(0, 0), base(0, 4), .hole(0), base(4, 4)])
        expect(tree, [base(0, 8)])
        tree.insert(at: 4, [.hole(0), log(0, 0)])
        tree.overwrite(at: 100, with: log(0, 0))
        expect(tree, [base(0, 8)])
        tree.replace(2..<4, with: [.hole(0)])
        expect(tree, [base(0, 2), base(4, 4)])
    }

    @Test func `A replacement at the end appends`() {
        var tree = PieceTree([base(0, 8)])
        tree.replace(8..<8, with: [log(0, 3)])
        tree.replace(11..<500, with: [log(100, 3)])
        expect(tree, [base(0, 8), log(0, 3), log(100, 3)])
        #expect(tree.length == 14)
    }

    @Test func `An overwrite beyond the end leaves a hole`() {
        var tree = PieceTree([base(0, 8)])
        tree.overwrite(at: 10, with: log(0, 5))
        expect(tree, [base(0, 8), .hole(2), log(0, 5)])
        #expect(tree.allocatedBytes == 13)
        tree.overwrite(at: 13, with: log(50, 5))
        expect(tree, [base(0, 8), .hole(2), log(0, 3), log(50, 5)])
    }

    @Test func `An overwrite inside a piece splits it and its undoing merges all again`() {
        var tree = PieceTree([base(0, 100)])
        tree.overwrite(at: 40, with: log(0, 10))
        expect(tree, [base(0, 40), log(0, 10), base(50, 50)])
        tree.overwrite(at: 40, with: base(40, 10))
        expect(tree, [base(0, 100)])
    }

    @Test func `An insertion that continues both neighbours merges at both seams`() {
        var tree = PieceTree([log(0, 5), log(0, 5, skip: 10)])
        tree.insert(at: 5, [log(0, 5, skip: 5)])
        expect(tree, [log(0, 15)])
    }

    @Test func `A deletion between contiguous pieces merges them`() {
        var tree = PieceTree([base(0, 5), log(0, 7), base(5, 5)])
        tree.delete(5..<12)
        expect(tree, [base(0, 10)])
        tree.delete(2..<4)
        expect(tree, [base(0, 2), base(4, 6)])
    }

    @Test func `Seams merge across leaves`() {
        var tree = scattered(1000)
        for boundary in stride(from: UInt64(10), to: 9900, by: 10) {
            let piece = tree.pieces(in: boundary..<boundary + 10)
            tree.replace(boundary..<boundary + 10, with: [])
            tree.insert(at: boundary, [piece[0].prefix(5)])
            tree.insert(at: boundary + 5, [piece[0].dropFirst(5)])
        }
        expect(tree, Array(scattered(1000).allPieces))
    }

    @Test func `Everything can be deleted`() {
        for range in [UInt64(0)..<50_000, 0..<UInt64.max] {
            var tree = scattered(5000)
            let copy = tree
            tree.delete(range)
            expect(tree, [])
            #expect(copy.pieceCount == 5000)
            #expect(copy.checkInvariants() == nil)
        }
    }

    @Test func `Truncation cuts and extends by a hole`() {
        var tree = PieceTree([base(0, 8), log(0, 8)])
        tree.truncate(to: 10)
        expect(tree, [base(0, 8), log(0, 2)])
        tree.truncate(to: 20)
        tree.truncate(to: 30)
        expect(tree, [base(0, 8), log(0, 2), .hole(20)])
        #expect(tree.allocatedBytes == 10)
        tree.truncate(to: 0)
        expect(tree, [])
    }

    @Test func `Punching does not extend the file`() {
        var tree = PieceTree([base(0, 8), log(0, 8)])
        tree.punch(12..<100)
        expect(tree, [base(0, 8), log(0, 4), .hole(4)])
        tree.punch(100..<200)
        tree.punch(4..<12)
        expect(tree, [base(0, 4), .hole(12)])
    }

    @Test func `Offsets up to the greatest length work`() {
        var tree = PieceTree()
        tree.overwrite(at: Self.limit - 1, with: log(0, 1))
        expect(tree, [.hole(Self.limit - 1), log(0, 1)])
        #expect(tree.length == Self.limit)
        #expect(tree.nextData(from: 0) == Self.limit - 1)
        #expect(tree.nextHole(from: Self.limit - 1) == Self.limit)
        tree.overwrite(at: 1 << 62, with: base(0, 4096))
        tree.punch(Self.limit - 1..<UInt64.max)
        let rest = Self.limit - (1 << 62) - 4096
        expect(tree, [.hole(1 << 62), base(0, 4096), .hole(rest)])
        tree.delete(1 << 62..<UInt64.max)
        expect(tree, [.hole(1 << 62)])
        tree.truncate(to: Self.limit)
        expect(tree, [.hole(Self.limit)])
    }

    @Test func `Pieces from a disk that are not valid or too long together are refused`() {
        #expect(PieceTree(validating: [.hole(Self.limit), base(0, 1)]) == nil)
        #expect(PieceTree(validating: [base(0, 5), .hole(0)]) == nil)
        #expect(PieceTree(validating: [base(.max, 5)]) == nil)
        #expect(PieceTree(validating: [.hole(Self.limit - 1), base(0, 1)])?.pieceCount == 2)
    }

    @Test func `Data and holes are found`() {
        let tree = PieceTree([.hole(10), base(0, 10), log(0, 10), .hole(10), log(50, 10)])
        #expect(tree.nextData(from: 3) == 10)
        #expect(tree.nextData(from: 15) == 15)
        #expect(tree.nextData(from: 30) == 40)
        #expect(tree.nextData(from: 50) == nil)
        #expect(tree.nextHole(from: 3) == 3)
        #expect(tree.nextHole(from: 10) == 30)
        #expect(tree.nextHole(from: 40) == 50)
        #expect(tree.nextHole(from: 77) == 77)
        #expect(PieceTree([.hole(10)]).nextData(from: 2) == nil)
    }

    @Test func `A hole is found behind many pieces`() {
        var tree = scattered(10_000)
        tree.punch(70_003..<70_005)
        #expect(tree.nextHole(from: 7) == 70_003)
        #expect(tree.nextHole(from: 70_004) == 70_004)
        #expect(tree.nextHole(from: 70_005) == 100_000)
        #expect(tree.nextData(from: 70_003) == 70_005)
    }

    @Test func `A visit gives cut pieces with offsets and stops when told`() {
        let tree = scattered(300)
        var seen: [UInt64] = []
        let complete = tree.forEach(in: 15..<2000) { offset, piece in
            #expect(piece.length == (offset == 15 ? 5 : 10))
            seen.append(offset)
            return seen.count < 4
        }
        #expect(!complete)
        #expect(seen == [15, 20, 30, 40])
        #expect(tree.forEach(in: 5000..<6000) { _, _ in false })
        #expect(tree.pieces(in: 20..<20).isEmpty)
        #expect(tree.pieces(in: 2995..<UInt64.max) == [log(299_000, 5, skip: 5)])
    }

    @Test func `A tree that is not shared changes in place`() {
        var tree = scattered(5000)
        tree.overwrite(at: 12, with: log(1, 2))
        let before = ObjectIdentifier(tree.root)
        let child = ObjectIdentifier(tree.root.children[0])
        for offset in UInt64(1)..<20 { tree.overwrite(at: offset * 1000, with: log(1, 2)) }
        #expect(ObjectIdentifier(tree.root) == before)
        #expect(ObjectIdentifier(tree.root.children[0]) == child)
    }

    @Test func `Appending and scattered overwriting leave well filled leaves`() {
        var appended = PieceTree()
        for index in UInt64(0)..<20_000 {
            appended.overwrite(at: index * 10, with: log(index * 1000, 10))
        }
        #expect(appended.checkInvariants() == nil)
        #expect(appended.memoryBytes < 48 * appended.pieceCount)
        var generator = SeededGenerator(seed: 1)
        var split = PieceTree([base(0, 1 << 40)])
        for record in UInt64(0)..<10_000 {
            let offset = UInt64.random(in: 0..<1 << 40, using: &generator)
            split.overwrite(at: offset, with: log(record * 100, 1))
        }
        #expect(split.checkInvariants() == nil)
        #expect(split.memoryBytes < 52 * split.pieceCount)
    }
}
