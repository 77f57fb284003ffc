// MountOptionsTests: tests how the list after `-o` is divided into options of the product, of libfuse and
// of mount(8).

import Platform
import Testing

@testable import Fuse

@Suite struct MountOptionsTests {
    private func parse(_ text: String, privileged: Bool = false) throws -> MountOptions {
        try MountOptions(text, productKeys: ["store", "workspace", "quick"], privileged: privileged)
    }

    @Test func `Nothing given is fine`() throws {
        let options = try parse("")
        #expect(options.passed.isEmpty)
        #expect(options.product.isEmpty)
        #expect(!options.allowOther)
        #expect(!options.isReadOnly)
    }

    @Test func `Root gets suid, dev and allow_other unless told otherwise`() throws {
        let options = try parse("nosuid", privileged: true)
        #expect(options.passed == ["suid", "dev", "nosuid"])
        #expect(options.allowOther)
    }

    @Test func `Product options are handed back`() throws {
        let options = try parse("store=/a=b,ro,workspace=agent-7,quick")
        #expect(options.product == ["store": "/a=b", "workspace": "agent-7", "quick": ""])
        #expect(options.passed == ["ro"])
    }

    @Test func `The last of two contrary options wins`() throws {
        #expect(try parse("ro,rw").isReadOnly == false)
        #expect(try parse("rw,ro").isReadOnly)
        #expect(try parse("ro,defaults").isReadOnly == false)
        #expect(try parse("noatime").noAccessTime)
        #expect(try parse("noatime,atime").noAccessTime == false)
        #expect(try parse("sync").isSynchronous)
    }

    @Test func `What only mount(8) cares for is ignored`() throws {
        let options = try parse(
            "auto,noauto,nofail,_netdev,x-systemd.automount,X-y=1,comment=hi,relatime,,")
        #expect(options.passed.isEmpty)
    }

    @Test func `A user mount is without suid, dev and exec by default`() throws {
        let options = try parse("user,exec", privileged: true)
        #expect(options.passed == ["suid", "dev", "noexec", "nosuid", "nodev", "exec"])
    }

    @Test func `A quoted security context may hold commas`() throws {
        let options = try parse("context=\"system_u:object_r:t:s0:c1,c2\",ro")
        #expect(options.passed == ["context=\"system_u:object_r:t:s0:c1,c2\"", "ro"])
    }

    @Test(arguments: [
        ("store=\"/a,b\",ro", "/a,b"), ("store=\"\"", ""), ("store=\"", "\""),
        ("store=/a\"b,c\"", "/a\"b,c\""), ("store=\"/a b\"", "/a b"),
    ])
    func `Quotes around a product option's value are not part of it`(_ text: String, store: String) throws {
        #expect(try parse(text).product == ["store": store])
    }

    @Test(arguments: ["bogus", "ro=1", "remount", "context", "allow_root"])
    func `Anything else is refused by name`(_ option: String) {
        #expect {
            try parse("ro,\(option)")
        } throws: { error in
            guard let failure = error as? MountFailure else { return false }
            return failure.message.contains("\"\(option)\"") && failure.errno == .invalid
        }
    }

    @Test func `Arguments for libfuse escape commas and backslashes`() throws {
        let options = try parse("ro,allow_other")
        #expect(
            options.arguments(fsname: "a,b\\c", subtype: "t") == [
                "-oro", "-odefault_permissions", "-oallow_other", "-ofsname=a\\,b\\\\c",
                "-osubtype=t",
            ])
    }
}
