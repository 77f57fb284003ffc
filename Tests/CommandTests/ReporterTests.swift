// The report of a background daemon to the process that started it.

import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Reports {
        /// Makes a pipe whose writing end has a number that no other file gets meanwhile.
        private static func makePipe(writingAt number: Int32?) throws -> (read: Int32, write: Int32) {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw CheckFailure("no pipe") }
            let write = try number.map { dup2(ends[1], $0) }
                ?? fcntl(ends[1], F_DUPFD_CLOEXEC, highest())
            close(ends[1])
            _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
            guard write >= 0 else { throw CheckFailure("no descriptor") }
            return (ends[0], write)
        }

        /// Returns a number near the limit of descriptors, because other tests, which run at the same
        /// time, take the lowest ones.
        private static func highest() throws -> Int32 {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
                throw CheckFailure("no limit")
            }
            return Int32(clamping: min(limit.rlim_cur, 1 << 20)) - 10
        }

        private static func text(_ descriptor: Int32) -> String {
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = read(descriptor, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }

        @Test func `A failure after the success goes to no file that has the number by then`() throws {
            let pipe = try Self.makePipe(writingAt: nil)
            defer { close(pipe.read) }
            let reporter = Background.Reporter(pipe.write)
            reporter.succeed()
            #expect(Self.text(pipe.read) == "ok\n")
            let other = try Self.makePipe(writingAt: pipe.write)
            defer { close(other.read) }
            reporter.fail("the connection failed")
            #expect(Self.text(other.read).isEmpty)
            #expect(close(other.write) == 0)
        }
    }
}
