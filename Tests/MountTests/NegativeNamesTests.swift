// What the kernel was told does not exist is remembered, bounded, and given back for a refresh.

import Platform
import Testing

@testable import MountServer

@Suite struct NegativeNamesTests {
    private func name(_ index: Int) throws -> FileName { try FileName("n\(index)") }

    @Test("Names are given back once, for the directories asked for")
    func taken() throws {
        let names = NegativeNames()
        for index in 0..<6 { #expect(names.note(UInt64(index % 2), try name(index)) == nil) }
        names.remove(0, try name(2))
        let found = names.take { $0 == 0 }
        #expect(Set(found.map(\.name)) == [try name(0), try name(4)])
        #expect(names.take { $0 == 0 }.isEmpty)
        #expect(names.take { _ in true }.count == 3)
    }

    @Test("What falls out is told, so that the kernel drops it")
    func bounded() throws {
        let names = NegativeNames(capacity: 3)
        for index in 0..<3 { #expect(names.note(7, try name(index)) == nil) }
        #expect(names.note(7, try name(0)) == nil)
        #expect(names.note(7, try name(3)) == NegativeNames.Key(parent: 7, name: try name(0)))
        #expect(names.take { _ in true }.count == 3)
    }
}
