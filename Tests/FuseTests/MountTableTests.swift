// MountTableTests: tests how lines of /proc/self/mountinfo are parsed.

import Testing

@testable import Fuse

@Suite struct MountTableTests {
    @Test func `A line gives device and unescaped mount point`() throws {
        let line = Array("36 35 0:52 / /mnt\\040a\\134b rw,noatime - fuse.x x rw\n".utf8)
        let mount = try #require(MountedFileSystem(line: line))
        #expect(mount.major == 0)
        #expect(mount.minor == 52)
        #expect(mount.mountPoint == Array("/mnt a\\b".utf8))
    }

    @Test(arguments: ["", "36 35", "a b c d e f", "1 2 3:x / /m", "1 2 3:4:5 / /m"])
    func `A broken line is no mount`(_ line: String) {
        #expect(MountedFileSystem(line: Array(line.utf8)) == nil)
    }

    @Test func `A cut escape at the end stays as it is`() throws {
        let mount = try #require(MountedFileSystem(line: Array("1 2 3:4 / /m\\04".utf8)))
        #expect(mount.mountPoint == Array("/m\\04".utf8))
    }

    @Test func `The root file system is in the table`() {
        #expect(MountedFileSystem.on("/") != nil)
        #expect(MountedFileSystem.on("/no/such mount") == nil)
    }
}
