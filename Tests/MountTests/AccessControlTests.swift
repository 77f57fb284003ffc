// ACLs with the past and with a base that changes: how commands, and changes behind the mount, affect the
// access of another user. The other ACL checks are in the table in Tests/TestSupport.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && Posix.canACL,
            "needs /dev/fuse, root, and a TMPDIR that keeps ACLs"))
    struct AccessControl {
        private static let bob: UInt32 = 54_001

        private func expectAccess(
            _ mount: TestMount, _ name: String, _ wanted: String, _ when: String
        ) throws {
            let found = try access(to: name, as: Self.bob, in: PosixPlace(mount.root))
            try same(found, wanted, "\(name) \(when)")
        }

        private func shell(_ mount: TestMount, _ script: String) throws {
            try ChildProcess.shell(script, directory: mount.root)
        }

        /// `old` denies bob all access, `open` lets him read.
        private func prepare(_ base: String) throws {
            try ChildProcess.shell(
                """
                echo x > old; chmod 644 old; setfacl -m u:\(Self.bob):- old
                echo x > open; chmod 600 open; setfacl -m u:\(Self.bob):r open
                mkdir dir; chmod 755 dir
                """, directory: base)
        }

        @Test("A rollback and an undo bring ACLs back, and nothing the kernel knew outlives them")
        func past() throws {
            try mounted(prepare: prepare) { mount in
                try shell(mount, "echo y > new; chmod 600 new; setfacl -m u:\(Self.bob):rw new")
                try mount.mustCommand("backup", "start")
                let names = [("old", "---"), ("open", "r--"), ("new", "rw-")]
                for (name, wanted) in names { try expectAccess(mount, name, wanted, "at first") }
                try shell(
                    mount, "setfacl -b old; setfacl -x u:\(Self.bob) open; chmod 600 new")
                for (name, wanted) in [("old", "r--"), ("open", "---"), ("new", "---")] {
                    try expectAccess(mount, name, wanted, "changed")
                }
                try mount.mustCommand("rollback", "start")
                for (name, wanted) in names { try expectAccess(mount, name, wanted, "rolled back") }
                try mount.mustCommand("undo", "1")
                for (name, wanted) in [("old", "r--"), ("open", "---"), ("new", "---")] {
                    try expectAccess(mount, name, wanted, "after an undo of the rollback")
                }
                try mount.mustCommand("rollback", "start old new")
                for (name, wanted) in [("old", "---"), ("open", "---"), ("new", "rw-")] {
                    try expectAccess(mount, name, wanted, "after a rollback of paths")
                }
                try mount.remount()
                for (name, wanted) in [("old", "---"), ("open", "---"), ("new", "rw-")] {
                    try expectAccess(mount, name, wanted, "mounted again")
                }
            }
        }

        @Test("An undo reverts the setxattr of an ACL that only changed the mode")
        func minimal() throws {
            try mounted(prepare: prepare) { mount in
                try shell(mount, "echo one > f; echo two >> f; chmod 604 f")
                try expectAccess(mount, "f", "r--", "at first")
                try shell(mount, "setfacl -m u::rwx,g::-,o::- f")
                try expectAccess(mount, "f", "---", "without others")
                let last = try readText(mount(".draft/history")).split(separator: "\n").last ?? ""
                try expect(last.contains("\"op\":\"setxattr\",\"path\":\"f\""), "history: \(last)")
                try mount.mustCommand("undo", "1 f")
                try expectAccess(mount, "f", "r--", "after the undo")
                try same(try readText(mount("f")), "one\ntwo\n", "content")
            }
        }

        @Test("A changed ACL of the base applies to files that no workspace has touched")
        func base() throws {
            try mounted(prepare: prepare) { mount in
                try expectAccess(mount, "old", "---", "at first")
                try expectAccess(mount, "dir", "r-x", "at first")
                try shell(mount, "echo x > dir/one; chmod 600 dir/one")
                try expectAccess(mount, "dir/one", "---", "without a default ACL")
                try ChildProcess.shell(
                    "setfacl -b old; setfacl -d -m u:\(Self.bob):rw dir", directory: mount.base)
                try mount.mustCommand("refresh", ".")
                try expectAccess(mount, "old", "r--", "after setfacl -b in the base")
                try shell(mount, "echo x > dir/two")
                let shown = try ChildProcess.check(["getfacl", "-nc", mount("dir")], seconds: 20)
                try expect(shown.contains("default:user:\(Self.bob):rw-"), "dir shows \(shown)")
                try expectAccess(mount, "dir/two", "rw-", "made under the base's new default ACL")
            }
        }

        @Test("A base whose file system knows no ACLs lets others in as modes say")
        func baseWithoutACLs() throws {
            var ramfs = ""
            defer { if !ramfs.isEmpty { detach(ramfs) } }
            try mounted(prepare: { base in
                try ChildProcess.check(["mount", "-t", "ramfs", "ramfs", base])
                ramfs = base
                try ChildProcess.shell(
                    "chmod 755 .; mkdir d; echo x > d/f; chmod 664 d/f; chown 7:8 d d/f",
                    directory: base)
                let set = try ChildProcess.run(
                    ["setfacl", "-m", "u:1:r", "\(base)/d/f"], seconds: 20)
                try expect(!set.succeeded, "ramfs keeps ACLs")
            }) { mount in
                try expectAccess(mount, "d/f", "r--", "untouched")
                try shell(mount, "echo y > d/new; echo z >> d/f; setfacl -m u:\(Self.bob):rw d/f")
                try expectAccess(mount, "d/f", "rw-", "with an ACL of the workspace")
                try expectAccess(mount, "d/new", "r--", "made beside it")
            }
        }
    }
}
