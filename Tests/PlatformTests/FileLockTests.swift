// FileLockTests: tests that the lock of a store is held exactly as long as its object lives.

import Glibc
import Platform
import TestSupport
import Testing

@Suite struct FileLockTests {
    @Test("A released lock is free, also while a child still has the open file")
    func inherited() throws {
        let directory = try TemporaryDirectory("lock")
        func open() throws(Errno) -> File {
            try File.open(directory("lock"), flags: O_RDWR | O_CREAT)
        }
        var lock = try FileLock(try open())
        #expect(lock != nil)
        // A child has such a descriptor between its fork(2) and its execve(2).
        let inherited = dup(try #require(lock).file.descriptor)
        defer { close(inherited) }
        #expect(try FileLock(try open()) == nil)
        lock = nil
        #expect(try FileLock(try open()) != nil)
    }
}
