// MountHoldersTests: tests what is read from /proc about processes and about the processes that use a
// file system.

import Glibc
import Testing

@testable import Fuse

@Suite struct MountHoldersTests {
    @Test func `The file system of the root directory has users, and a sentence names some`() throws {
        let root = try #require(MountedFileSystem.on("/"))
        let holders = MountHolders(of: root, except: nil)
        // The process that started this test has its program or its libraries on this file system.
        #expect(!holders.processes.isEmpty)
        #expect(!holders.processes.contains { $0.pid == UInt32(getpid()) })
        #expect(holders.processes.allSatisfy { !$0.uses.isEmpty && !$0.name.isEmpty })
        let shown = holders.sentence.components(of: "(pid ")
        #expect(shown > 0 && shown <= 8)
    }

    @Test func `An unknown process holds nothing and is no daemon`() {
        let none = UInt32(Int32.max)
        #expect(ProcessTable.descriptors(of: none).isEmpty)
        #expect(ProcessTable.mappedDevices(of: none).isEmpty)
        #expect(ProcessTable.mountNamespace(of: "\(none)") == nil)
        #expect(MountedFileSystem.table(of: "\(none)").isEmpty)
        #expect(MountDaemon(pid: none) == nil)
    }

    @Test func `A process without a connection to FUSE serves no mount`() {
        #expect(MountDaemon(pid: UInt32(getpid())) == nil)
    }

    @Test func `This process maps files and sees itself in its mount namespace`() {
        let own = UInt32(getpid())
        #expect(!ProcessTable.mappedDevices(of: own).isEmpty)
        #expect(ProcessTable.processes.contains(own))
        #expect(ProcessTable.mountNamespace(of: "\(own)") == ProcessTable.mountNamespace(of: "self"))
        #expect(MountedFileSystem.table().count == MountedFileSystem.table(of: "\(own)").count)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
