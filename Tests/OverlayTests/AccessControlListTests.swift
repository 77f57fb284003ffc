// AccessControlListTests: tests the binary form of ACLs, their relation to the mode, and the inheritance
// of a directory's default ACL.

import Overlay
import Past
import Platform
import TestSupport
import Testing

/// Returns the kernel's binary form: version 2, then tag, permissions and id of each entry.
private func list(_ entries: [(tag: UInt16, permissions: UInt16, id: UInt32)]) -> [UInt8] {
    var writer = ByteWriter()
    writer.integer(UInt32(2))
    for entry in entries {
        writer.integer(entry.tag)
        writer.integer(entry.permissions)
        writer.integer(entry.id)
    }
    return writer.bytes
}

private let none = UInt32.max

/// user::rwx, user:1234:rw-, group::r-x, mask::rw-, other::r--
private let named = list([
    (0x01, 7, none), (0x02, 6, 1234), (0x04, 5, none), (0x10, 6, none), (0x20, 4, none),
])
private let minimal = list([(0x01, 6, none), (0x04, 4, none), (0x20, 0, none)])

@Suite struct AccessControlListTests {
    @Test("The binary form is written as it was read")
    func roundTrip() {
        #expect(AccessControlList(named)?.bytes == named)
        #expect(AccessControlList(minimal)?.bytes == minimal)
    }

    @Test("Another version and an incomplete entry are refused")
    func falseForms() {
        var other = named
        other[0] = 3
        #expect(AccessControlList(other) == nil)
        #expect(AccessControlList(Array(named.dropLast())) == nil)
        #expect(AccessControlList([]) == nil)
    }

    @Test("Named entries need a mask, and each fixed entry occurs once")
    func validity() {
        #expect(AccessControlList(named)?.isValid == true)
        let withoutMask = list([
            (0x01, 7, none), (0x02, 6, 1), (0x04, 5, none), (0x20, 4, none),
        ])
        #expect(AccessControlList(withoutMask)?.isValid == false)
        let twice = list([(0x01, 7, none), (0x01, 7, none), (0x04, 5, none), (0x20, 4, none)])
        #expect(AccessControlList(twice)?.isValid == false)
        let tooMuch = list([(0x01, 8, none), (0x04, 5, none), (0x20, 4, none)])
        #expect(AccessControlList(tooMuch)?.isValid == false)
        #expect(AccessControlList(list([]))?.isValid == false)
    }

    @Test("The group permissions of the mode are the mask")
    func mode() {
        #expect(AccessControlList(named)?.mode == 0o764)
        #expect(AccessControlList(minimal)?.mode == 0o640)
        #expect(AccessControlList(minimal)?.isMinimal == true)
        #expect(AccessControlList(named)?.isMinimal == false)
    }

    @Test("chmod sets the mask if there is one, and does not change the owning group's entry")
    func changeMode() throws {
        var acl = try #require(AccessControlList(named))
        acl.setMode(0o711)
        let expected = list([
            (0x01, 7, none), (0x02, 6, 1234), (0x04, 5, none), (0x10, 1, none), (0x20, 1, none),
        ])
        #expect(acl.bytes == expected)
    }

    @Test("An inherited ACL grants no more than the creator asks for")
    func inheritance() throws {
        var acl = try #require(AccessControlList(named))
        #expect(acl.createMode(0o4640) == 0o4644 & ~0o004 | 0o000)
        #expect(acl.mode == 0o640)
    }

    @Test("A directory's default ACL replaces the umask and is inherited")
    func defaults() throws {
        let tree = try WorkspaceFixture().tree!
        tree.caller.umask = 0o077
        let directory = try tree.makeDirectory("d", mode: 0o777)
        #expect(try tree.mode("d") == 0o700)
        try tree.setXattr(AccessControlList.defaultName, of: directory, to: named, mode: .either)
        try tree.makeFile("d/f", mode: 0o666)
        #expect(try tree.mode("d/f") == 0o664)
        let file = try tree.resolve("d/f")
        #expect(try tree.xattrNames(of: file) == [AccessControlList.accessName])
        let inner = try tree.makeDirectory("d/e", mode: 0o777)
        #expect(try tree.xattr(AccessControlList.defaultName, of: inner) == named)
    }

    @Test("An ACL that a mode can express becomes the mode and is not kept")
    func minimalIsMode() throws {
        let tree = try WorkspaceFixture().tree!
        let file = try tree.makeFile("f", mode: 0o600)
        try tree.setXattr(AccessControlList.accessName, of: file, to: minimal, mode: .either)
        #expect(try tree.mode("f") == 0o640)
        #expect(try tree.xattrNames(of: file).isEmpty)
    }

    @Test("An ACL from a caller outside the file's group clears the set-group-id bit in one change")
    func clearsSetGroup() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        let file = try tree.makeFile("f", mode: 0o2750)
        let before = try fixture.workspace.changes.history(1...UInt64.max).count
        for (clears, mode) in [(false, 0o2764), (true, 0o764)] as [(Bool, UInt32)] {
            try fixture.workspace.setXattr(
                AccessControlList.accessName, of: file, to: named, mode: .either,
                clearsSetGroup: clears, caller: tree.caller)
            #expect(try tree.mode("f") == mode)
        }
        #expect(try fixture.workspace.changes.history(1...UInt64.max).count == before + 2)
    }

    @Test("An invalid ACL and a default ACL on a file are refused")
    func refusals() throws {
        let tree = try WorkspaceFixture().tree!
        let file = try tree.makeFile("f")
        #expect(throws: Errno.invalid) {
            try tree.setXattr(AccessControlList.accessName, of: file, to: [1], mode: .either)
        }
        #expect(throws: Errno.accessDenied) {
            try tree.setXattr(AccessControlList.defaultName, of: file, to: named, mode: .either)
        }
    }
}
