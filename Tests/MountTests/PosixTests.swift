// The POSIX table on plain directories, which checks the checks, and on mounts.

import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized)
    struct Posix {
        static var table: [PosixCheck] {
            PosixCheck.all.filter { TestEnvironment.isRoot || !$0.needsRoot }
        }

        @Test("A plain directory passes", arguments: table)
        func plainDirectory(check: PosixCheck) throws {
            let directory = try TemporaryDirectory("plain")
            try check.prepare(base: directory.path)
            if let failure = check.run(in: directory.path) { Issue.record("\(failure)") }
        }

        @Test(
            "A workspace passes", .enabled(if: TestEnvironment.canMount), arguments: table)
        func workspace(check: PosixCheck) throws {
            try mounted(limit: 120, prepare: { try check.prepare(base: $0) }) { mount in
                let before = try TreeWalk(mount.base).entries
                if let failure = check.run(in: mount.root) { throw CheckFailure(failure) }
                try same(try TreeWalk(mount.base).entries, before, "the base")
            }
        }
    }
}
