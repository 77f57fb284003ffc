// The table of POSIX checks on plain directories, which validates the checks, and on mounts.

import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized)
    struct Posix {
        static let unprivileged = PosixCheck.all(needing: .nothing)
        static let root = PosixCheck.all(needing: .root)
        static let acls = PosixCheck.all(needing: .acls)
        static let canACL = TestEnvironment.isRoot && TestEnvironment.keepsACLs

        @Test("A plain directory passes a check", arguments: unprivileged)
        func plainDirectory(check: PosixCheck) throws { try Self.runPlain(check) }

        @Test(
            "A plain directory passes a check that needs root",
            .enabled(if: TestEnvironment.isRoot, "needs root"), arguments: root)
        func plainDirectoryAsRoot(check: PosixCheck) throws { try Self.runPlain(check) }

        @Test(
            "A plain directory passes a check that needs ACLs",
            .enabled(if: canACL, "needs root, and a TMPDIR that keeps ACLs"), arguments: acls)
        func plainDirectoryWithACLs(check: PosixCheck) throws { try Self.runPlain(check) }

        @Test(
            "A workspace passes a check",
            .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"), arguments: unprivileged)
        func workspace(check: PosixCheck) throws { try Self.runMounted(check) }

        @Test(
            "A workspace passes a check that needs root",
            .enabled(
                if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"),
            arguments: root)
        func workspaceAsRoot(check: PosixCheck) throws { try Self.runMounted(check) }

        @Test(
            "A workspace passes a check that needs ACLs",
            .enabled(
                if: TestEnvironment.canMount && canACL,
                "needs /dev/fuse, root, and a TMPDIR that keeps ACLs"), arguments: acls)
        func workspaceWithACLs(check: PosixCheck) throws { try Self.runMounted(check) }

        private static func runPlain(_ check: PosixCheck) throws {
            let directory = try TemporaryDirectory("plain")
            try check.prepare(base: directory.path)
            if let failure = check.run(in: directory.path) { Issue.record("\(failure)") }
        }

        private static func runMounted(_ check: PosixCheck) throws {
            try mounted(limit: 120, prepare: { try check.prepare(base: $0) }) { mount in
                let before = try TreeWalk(mount.base).entries
                if let failure = check.run(in: mount.root) { throw CheckFailure(failure) }
                try same(try TreeWalk(mount.base).entries, before, "the base")
            }
        }
    }
}
