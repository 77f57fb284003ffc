// RequestFuzzTests: tests random bytes as requests and replies. Nothing traps, and no byte outside the
// message is read or written.

import TestSupport
import Testing

@testable import Fuse

@Suite struct RequestFuzzTests {
    /// The number of bytes before and after the message, which must not change.
    private static let margin = 64

    /// Returns a message of random bytes between margins. Some messages have small words or only ones.
    private static func message(_ random: inout SeededGenerator) -> RawBytes {
        let length = Int.random(in: 0...240, using: &random)
        let raw = RawBytes(count: length + 2 * margin, filledWith: 0xa5)
        let style = Int.random(in: 0..<3, using: &random)
        for index in 0..<length {
            let byte: UInt8 = switch style {
            case 0: UInt8.random(in: 0...255, using: &random)
            case 1: index % 4 == 0 ? UInt8.random(in: 0...60, using: &random) : 0
            default: Bool.random(using: &random) ? 0xff : 0
            }
            raw.set(byte, at: margin + index)
        }
        return raw
    }

    private static func body(of raw: RawBytes) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: raw.all[margin..<(raw.all.count - margin)])
    }

    private static func marginsAreWhole(_ raw: RawBytes) -> Bool {
        (raw.bytes.prefix(margin) + raw.bytes.suffix(margin)).allSatisfy { $0 == 0xa5 }
    }

    @Test(arguments: TestSeeds.all())
    func `Random requests are taken apart within their bounds`(seed: TestSeed) {
        var random = seed.generator
        for step in 0..<300 {
            let raw = Self.message(&random)
            let length = raw.all.count - 2 * Self.margin
            let before = raw.bytes
            guard let request = RawRequest(Self.body(of: raw)) else {
                #expect(length < RawRequest.headerSize, "\(seed), step \(step)")
                continue
            }
            for offset in [0, 4, 8, 100, 236, 1 << 20] {
                let isInside = RawRequest.headerSize + offset + 4 <= length
                #expect((request.word(at: offset) != nil) == isInside, "\(seed), step \(step)")
            }
            let offered = request.offeredCapabilities
            #expect(offered.description.isEmpty == offered.isEmpty, "\(seed), step \(step)")
            _ = offered.libraryFlags
            _ = (request.opcode, request.unique)
            switch step % 3 {
            case 0: request.carryWriteFlags()
            case 1: request.carryAttributeFlags()
            default:
                let skipped = request.foldExtendedSetXattr()
                #expect(skipped == 0 || skipped == 8 && length >= 56, "\(seed), step \(step)")
            }
            // The header of the kernel is unchanged; foldExtendedSetXattr alone moves it.
            if step % 3 != 2 { #expect(raw.bytes.prefix(104) == before.prefix(104)) }
            #expect(Self.marginsAreWhole(raw), "\(seed), step \(step)")
        }
    }

    @Test(arguments: TestSeeds.all())
    func `Random replies to INIT hold the flags that were added, and no flag taken away`(
        seed: TestSeed
    ) {
        var random = seed.generator
        for step in 0..<300 {
            let raw = Self.message(&random)
            let before = raw.bytes
            let added = Capabilities(rawValue: random.next() & random.next())
            let removed = Capabilities(rawValue: random.next() & 0xffff_ffff).subtracting(added)
            let length = raw.all.count - 2 * Self.margin
            let flags = InitReply.amend(Self.body(of: raw), adding: added, removing: removed)
            #expect((flags == nil) == (length < 16), "\(seed), step \(step)")
            if flags == nil { #expect(raw.bytes == before, "\(seed), step \(step)") }
            if let flags {
                let lower: UInt64 = length >= 36 ? .max : 0xbfff_ffff
                let wanted = Capabilities(rawValue: added.rawValue & lower)
                #expect(flags.isSuperset(of: wanted), "\(seed), step \(step)")
                #expect(
                    flags.isDisjoint(with: removed.subtracting(.initExtended)),
                    "\(seed), step \(step)")
            }
            #expect(Self.marginsAreWhole(raw), "\(seed), step \(step)")
        }
    }
}
