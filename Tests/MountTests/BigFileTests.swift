// A 500 MB file of the base: small edits cost little, copies store no data, the base does not change.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canRun, "needs /dev/fuse"))
    struct BigFile {
        static let size = 500_000_000

        static func prepare(_ base: String) throws {
            try ChildProcess.shell(
                "head -c \(size) /dev/urandom > big; touch -d 2020-02-02T02:02:02.02 big",
                directory: base)
        }

        static func expectEqual(_ path: String, _ reference: String) throws {
            try ChildProcess.check(["cmp", path, reference], seconds: 60)
        }

        @Test("One byte changed in 500 MB costs the store less than 16 KiB")
        func oneByte() throws {
            try mounted(prepare: Self.prepare) { mount in
                let original = "\(mount.base)/big"
                let before = try fingerprint(original)
                let reference = mount.directory("reference")
                try ChildProcess.check(["cp", original, reference])
                let stored = mount.storeBytes
                let edit = "printf X | dd of=big bs=1 seek=250000000 conv=notrunc status=none"
                try ChildProcess.shell(edit, directory: mount.root)
                let grown = mount.storeBytes - stored
                try expect(grown < 16_384, "the store grew by \(grown) bytes")
                try ChildProcess.shell(
                    edit.replacing("of=big", with: "of=reference"), directory: mount.directory.path)
                try Self.expectEqual(mount("big"), reference)
                try mount.kill9()
                try mount.remount()
                try Self.expectEqual(mount("big"), reference)
                try same(try fingerprint(original), before, "the base file")
            }
        }

        @Test("cp of 500 MB takes no data, and edits of one do not show in the other")
        func copies() throws {
            try mounted(prepare: Self.prepare) { mount in
                let original = "\(mount.base)/big"
                let before = try fingerprint(original)
                try ChildProcess.shell(
                    "printf edited | dd of=big bs=1 seek=1000 conv=notrunc status=none",
                    directory: mount.root)
                let stored = mount.storeBytes
                try ChildProcess.check(["cp", mount("big"), mount("big2")])
                let grown = mount.storeBytes - stored
                try expect(grown < 65_536, "the store grew by \(grown) bytes")
                try Self.expectEqual(mount("big"), mount("big2"))
                try withOpen(mount("big"), O_WRONLY) {
                    try writeAll($0, Array("one".utf8), at: 300_000_000)
                }
                try withOpen(mount("big2"), O_WRONLY) {
                    try writeAll($0, Array("two".utf8), at: 300_000_000)
                    try must("ftruncate", ftruncate($0, 400_000_000))
                }
                try mount.remount()
                let expected = [("big", "one", Self.size), ("big2", "two", 400_000_000)]
                for (name, text, size) in expected {
                    try withOpen(mount(name), O_RDONLY) { held in
                        let found = try readBytes(held, 3, at: 300_000_000)
                        try same(found, Array(text.utf8), "bytes of \(name)")
                        let edited = try readBytes(held, 6, at: 1_000)
                        try same(edited, Array("edited".utf8), "first edit in \(name)")
                        try same(Int(try status(held).st_size), size, "size of \(name)")
                    }
                }
                try same(try fingerprint(original), before, "the base file")
            }
        }
    }
}

extension TestMount {
    /// The bytes that the store holds; 0 for a plain directory, which has no store.
    var storeBytes: Int {
        TestEnvironment.isPlain ? 0 : (try? bytesOnDisk(store)) ?? 0
    }
}
