// PieceTreeModelTests: compares the piece tree with two simple models: the source of each byte of a small
// file, and a plain array of pieces for files of many pieces. Copies that were made on the way must not
// change.

import TestSupport
import Testing

@testable import Storage

@Suite("PieceTree: model")
struct PieceTreeModelTests {
    /// The source of each byte.
    private typealias Bytes = [PieceSource]

    private static func bytes(_ pieces: some Sequence<Piece>) -> Bytes {
        pieces.flatMap { piece in (0..<piece.length).map { piece.dropFirst($0).source } }
    }

    /// Returns a random piece. Its sources are close together, so that neighbours often merge.
    private static func randomPiece(
        _ longest: UInt64, _ generator: inout SeededGenerator
    ) -> Piece {
        let length = UInt64.random(in: 0...longest, using: &generator)
        let number = UInt64.random(in: 0..<2, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return .hole(length)
        case 1, 2:
            let offset = UInt64.random(in: 0..<64, using: &generator)
            return Piece(.base(file: number, offset: offset), length: length)
        default:
            let skip = UInt32.random(in: 0..<16, using: &generator)
            return Piece(.log(log: 1, record: number, skip: skip), length: length)
        }
    }

    private static func randomRange(
        _ length: UInt64, _ generator: inout SeededGenerator
    ) -> Range<UInt64> {
        let low = UInt64.random(in: 0...length + 5, using: &generator)
        let wide = Int.random(in: 0..<20, using: &generator) == 0
        return low..<low + UInt64.random(in: 0...(wide ? length / 2 + 1 : 12), using: &generator)
    }

    /// Makes one random change to the tree and the model.
    /// - Returns: the name of the change, for failure messages.
    private static func change(
        _ tree: inout PieceTree, _ model: inout Bytes, _ generator: inout SeededGenerator
    ) -> String {
        let length = UInt64(model.count)
        let range = randomRange(length, &generator)
        let low = Int(min(range.lowerBound, length))
        let high = Int(min(range.upperBound, length))
        let piece = randomPiece(12, &generator)
        switch Int.random(in: 0..<12, using: &generator) {
        case 0:
            tree.delete(range)
            model.removeSubrange(low..<high)
            return "delete \(range)"
        case 1:
            tree.punch(range)
            for index in low..<high { model[index] = .hole }
            return "punch \(range)"
        case 2:
            let target =
                Int.random(in: 0..<8, using: &generator) == 0
                ? range.lowerBound / 2 : length + UInt64(piece.length)
            tree.truncate(to: target)
            let kept = Int(min(target, length))
            model =
                Array(model[..<kept])
                + Bytes(repeating: .hole, count: Int(target) - kept)
            return "truncate \(target)"
        case 3, 4, 5:
            let count = Int.random(in: 0..<(piece.isHole ? 90 : 4), using: &generator)
            let fresh = (0..<count).map { _ in randomPiece(6, &generator) }
            tree.replace(range, with: fresh)
            model.replaceSubrange(low..<high, with: bytes(fresh))
            return "replace \(range) \(fresh)"
        case 6:
            // The bytes come from the file itself, so that pieces often merge at the seams.
            let copied = tree.pieces(in: range)
            tree.insert(at: range.upperBound, copied)
            model.insert(contentsOf: model[low..<high], at: high)
            return "duplicate \(range)"
        case 7, 8:
            tree.insert(at: range.lowerBound, [piece])
            model.insert(contentsOf: bytes([piece]), at: low)
            return "insert \(range.lowerBound) \(piece)"
        default:
            tree.overwrite(at: range.lowerBound, with: piece)
            if piece.length > 0 {
                let gap = Int(range.lowerBound) - low
                model += Bytes(repeating: .hole, count: gap)
                let start = Int(range.lowerBound)
                let end = min(model.count, start + Int(piece.length))
                model.replaceSubrange(start..<end, with: bytes([piece]))
            }
            return "overwrite \(range.lowerBound) \(piece)"
        }
    }

    private static func searchProblem(
        _ tree: PieceTree, _ model: Bytes, _ offset: Int
    ) -> String? {
        let data = model.indices.dropFirst(offset).first { model[$0] != .hole }
        if tree.nextData(from: UInt64(offset)) != data.map(UInt64.init) { return "nextData" }
        let hole = model.indices.dropFirst(offset).first { model[$0] == .hole } ?? model.count
        if tree.nextHole(from: UInt64(offset)) != UInt64(max(hole, offset)) { return "nextHole" }
        return nil
    }

    /// Returns what differs between the tree and the model, or nil. Each step compares a range, and the
    /// expensive comparisons take turns.
    private static func problem(
        _ tree: PieceTree, _ model: Bytes, _ range: Range<UInt64>, _ step: Int
    ) -> String? {
        if tree.length != UInt64(model.count) { return "length" }
        let low = Int(min(range.lowerBound, tree.length))
        let high = Int(min(range.upperBound, tree.length))
        if bytes(tree.pieces(in: range)) != Array(model[low..<high]) { return "pieces" }
        switch step % 8 {
        case 0: return bytes(tree.allPieces) == model ? nil : "all pieces"
        case 1: return searchProblem(tree, model, low)
        default: return tree.checkInvariants()
        }
    }

    @Test(arguments: TestSeeds.all())
    func `Random changes agree with an array of bytes`(seed: TestSeed) {
        var generator = seed.generator
        var tree = PieceTree()
        var model: Bytes = []
        var kept: [(PieceTree, Bytes)] = []
        for step in 0..<800 {
            let name = Self.change(&tree, &model, &generator)
            if model.count > 4000 {
                tree.truncate(to: 2500)
                model.removeSubrange(2500...)
            }
            let range = Self.randomRange(tree.length, &generator)
            if let problem = Self.problem(tree, model, range, step) {
                Issue.record("\(seed), step \(step), \(name): \(problem)")
                return
            }
            if step % 100 == 50 { kept.append((tree, model)) }
        }
        #expect(tree.allocatedBytes == UInt64(model.count { $0 != .hole }), "\(seed)")
        for (index, (copy, bytes)) in kept.enumerated() {
            #expect(copy.checkInvariants() == nil, "\(seed), copy \(index)")
            #expect(Self.bytes(copy.allPieces) == bytes, "\(seed), copy \(index)")
        }
    }

    /// Returns the pieces after a splice, computed in the simplest way.
    private static func spliced(
        _ pieces: [Piece], _ range: Range<UInt64>, _ fresh: [Piece]
    ) -> [Piece] {
        var result: [Piece] = []
        func add(_ piece: Piece) {
            if piece.length == 0 { return }
            if let merged = result.last?.merged(with: piece) {
                result[result.count - 1] = merged
            } else {
                result.append(piece)
            }
        }
        var tail: [Piece] = []
        var start: UInt64 = 0
        for piece in pieces {
            let end = start + piece.length
            if start < range.lowerBound { add(piece.prefix(range.lowerBound - start)) }
            if end > range.upperBound {
                tail.append(
                    start >= range.upperBound ? piece : piece.dropFirst(range.upperBound - start))
            }
            start = end
        }
        for piece in fresh + tail { add(piece) }
        return result
    }

    @Test(arguments: TestSeeds.all())
    func `Random changes of many pieces agree with an array of pieces`(seed: TestSeed) {
        var generator = seed.generator
        let start = (0..<9000).map { _ in Self.randomPiece(1000, &generator) }
        var tree = PieceTree(start)
        var model = Self.spliced([], 0..<0, start)
        var kept: [(PieceTree, [Piece])] = [(tree, model)]
        for step in 0..<60 {
            let length = tree.length
            let low = UInt64.random(in: 0...length, using: &generator)
            let kind = Int.random(in: 0..<10, using: &generator)
            let width = kind == 0 ? length / 3 : kind < 4 ? length / 50 : 2000
            let range = low..<min(length, low + UInt64.random(in: 0...width, using: &generator))
            let count = kind == 1 ? 3000 : kind < 6 ? 30 : 2
            let fresh = (0..<Int.random(in: 0...count, using: &generator)).map { _ in
                Self.randomPiece(1000, &generator)
            }
            tree.replace(range, with: fresh)
            model = Self.spliced(model, range, fresh)
            let problem =
                tree.checkInvariants()
                ?? (Array(tree.allPieces) == model ? nil : "pieces differ")
            if let problem {
                Issue.record("\(seed), step \(step), \(range), \(fresh.count): \(problem)")
                return
            }
            if step % 40 == 20 { kept.append((tree, model)) }
        }
        for (index, (copy, pieces)) in kept.enumerated() {
            #expect(copy.checkInvariants() == nil, "\(seed), copy \(index)")
            #expect(Array(copy.allPieces) == pieces, "\(seed), copy \(index)")
        }
    }

    @Test(arguments: TestSeeds.all().suffix(4))
    func `A tree of many pieces shrinks in order to nothing by small deletions`(seed: TestSeed) {
        var generator = seed.generator
        var tree = PieceTree(
            (0..<9000).map { Piece(.log(log: 1, record: $0 * 100, skip: 0), length: 10) })
        let full = tree
        var step = 0
        while tree.length > 0 {
            let low = UInt64.random(in: 0..<tree.length, using: &generator)
            let expected = tree.length - min(tree.length - low, 25)
            tree.delete(low..<low + 25)
            #expect(tree.length == expected, "\(seed), step \(step)")
            if step % 50 == 0 || tree.length < 2000 {
                #expect(tree.checkInvariants() == nil, "\(seed), step \(step)")
            }
            step += 1
        }
        #expect(full.pieceCount == 9000 && full.checkInvariants() == nil)
    }

    @Test func `Bulk loads of every size are well formed`() {
        let pieces = (0..<4300).map { Piece(.log(log: 1, record: $0 * 100, skip: 0), length: 10) }
        for count in Array(0...200) + Array(2040...2060) + Array(4090...4200) {
            let tree = PieceTree(pieces[..<count])
            #expect(tree.checkInvariants() == nil, "\(count) pieces")
            #expect(tree.pieceCount == count)
        }
    }
}
