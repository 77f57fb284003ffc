// InodeNumberingTests: tests the parts of inode numbers, and that a file keeps its number through edits,
// renames and reopening.

import Overlay
import Storage
import TestSupport
import Testing

@Suite struct InodeNumberingTests {
    @Test("A base inode's number holds the workspace, the device and the base's number")
    func parts() throws {
        let numbers = InodeNumbering(workspace: 3)
        let number = try #require(numbers.natural(device: 2, inode: 77))
        #expect(number == 3 << 48 | 2 << 40 | 77)
        #expect(InodeNumbering.workspace(of: number) == 3)
    }

    @Test("A number or device that does not fit has no natural number")
    func overflow() {
        let numbers = InodeNumbering(workspace: 1)
        #expect(numbers.natural(device: 0, inode: 1 << 40) == nil)
        #expect(numbers.natural(device: 0, inode: 1 << 40 - 1) != nil)
        #expect(numbers.natural(device: 128, inode: 1) == nil)
        #expect(numbers.natural(device: 127, inode: 1) != nil)
    }

    @Test("Numbers of new inodes never equal those of base inodes")
    func disjoint() throws {
        let numbers = InodeNumbering(workspace: 1)
        let largest = try #require(numbers.natural(device: 127, inode: 1 << 40 - 1))
        #expect(largest < numbers.fixedRoot)
        #expect(numbers.fixedRoot < numbers.givenOut(1))
    }

    @Test("A file keeps its number through an edit, a rename, a clean reopening and a kill")
    func stability() throws {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/old", "base")
        }
        let old = try fixture.tree.resolve("d/old")
        let new = try fixture.tree.makeFile("new")
        try fixture.tree.write("d/old", "edit")
        try fixture.tree.rename("d/old", to: "moved")
        #expect(try fixture.tree.resolve("moved") == old)
        try fixture.reopen()
        #expect(try fixture.tree.resolve("moved") == old)
        #expect(try fixture.tree.resolve("new") == new)
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.resolve("moved") == old)
        #expect(try fixture.tree.resolve("new") == new)
        #expect(try fixture.tree.makeFile("newer") > new)
    }

    @Test("A number is never used twice, even after its file is gone")
    func noReuse() throws {
        let fixture = try WorkspaceFixture()
        let first = try fixture.tree.makeFile("f")
        try fixture.tree.unlink("f")
        fixture.tree.forget()
        try fixture.reopen()
        #expect(try fixture.tree.makeFile("f") != first)
        try fixture.tree.unlink("f")
        let second = try fixture.tree.makeFile("f")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.resolve("f") == second)
    }
}
