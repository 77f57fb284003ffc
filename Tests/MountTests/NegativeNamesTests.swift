// NegativeNames remembers, in bounded memory, names that the kernel was told do not exist. A refresh
// takes them back.

import Platform
import Testing

@testable import MountServer

@Suite struct NegativeNamesTests {
    private func name(_ index: Int) throws -> FileName { try FileName("n\(index)") }

    @Test("take returns each name once, for the selected directories")
    func taken() throws {
        let names = NegativeNames()
        for index in 0..<6 { #expect(names.note(UInt64(index % 2), try name(index)) == nil) }
        names.remove(0, try name(2))
        let found = names.take { $0 == 0 }
        #expect(Set(found.map(\.name)) == [try name(0), try name(4)])
        #expect(names.take { $0 == 0 }.isEmpty)
        #expect(names.take { _ in true }.count == 3)
    }

    @Test("note returns the name that it drops, so that the kernel drops it too")
    func bounded() throws {
        let names = NegativeNames(capacity: 3)
        for index in 0..<3 { #expect(names.note(7, try name(index)) == nil) }
        #expect(names.note(7, try name(0)) == nil)
        #expect(names.note(7, try name(3)) == NegativeNames.Key(parent: 7, name: try name(0)))
        #expect(names.take { _ in true }.count == 3)
    }
}
