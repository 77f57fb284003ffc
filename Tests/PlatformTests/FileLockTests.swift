// The lock of a store: held while its object lives, and not a moment longer.

import Glibc
import Platform
import TestSupport
import Testing

@Suite struct FileLockTests {
    @Test("A lock that is let go is free, also while a child still has the open file")
    func inherited() throws {
        let directory = try TemporaryDirectory("lock")
        func open() throws(Errno) -> File {
            try File.open(directory("lock"), flags: O_RDWR | O_CREAT)
        }
        var lock = try FileLock(try open())
        #expect(lock != nil)
        // As a child of fork(2) has it until its execve(2).
        let inherited = dup(try #require(lock).file.descriptor)
        defer { close(inherited) }
        #expect(try FileLock(try open()) == nil)
        lock = nil
        #expect(try FileLock(try open()) != nil)
    }
}
