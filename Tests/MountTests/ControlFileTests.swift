// Control files: their names, which users may use them, what a write and a truncation do, what a failed
// command leaves, and that texts are current.

import CPlatform
import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct ControlFiles {
        static let all = [
            "at", "backup", "backups", "base-now", "base-then", "blame", "clone", "commit", "diff",
            "drift", "edit", "events", "fork", "gc", "history", "last-error", "limits", "merge",
            "metrics", "progress", "refresh", "rollback", "run", "status", "undo", "verify",
        ]
        static let directories: Set<String> = ["at", "backups", "base-now", "base-then", "blame"]
        static let readOnly: Set<String> = [
            "diff", "events", "history", "last-error", "metrics", "progress", "status",
        ]

        /// Writes a text to a control file by one write(2) and returns the errno.
        static func command(_ path: String, _ text: String) throws -> Int32 {
            try withOpen(path, O_WRONLY) { held in
                let bytes = Array(text.utf8)
                return code(write(held, bytes, bytes.count))
            }
        }

        static func asOther(_ words: [String]) throws -> ChildResult {
            try ChildProcess.run(
                ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] + words,
                seconds: 20)
        }

        @Test("A control directory has its files, with modes that fit their use")
        func files() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                try same(try listing(mount(".draft")), Self.all, "files")
                try same(try listing(mount.root), ["dir", "top"], "the root lists none")
                let root = try status(mount(".draft"))
                try same(root.st_mode, S_IFDIR | 0o700, "mode of the directory")
                var numbers: Set<UInt64> = []
                for name in Self.all {
                    let found = try status(mount(".draft/\(name)"))
                    let mode =
                        Self.directories.contains(name) ? S_IFDIR | 0o700
                        : S_IFREG | (Self.readOnly.contains(name) ? 0o400 : 0o600)
                    try same(found.st_mode, mode, "mode of \(name)")
                    try same(found.st_uid, geteuid(), "owner of \(name)")
                    numbers.insert(UInt64(found.st_ino))
                    if !Self.directories.contains(name) { _ = try readFile(mount(".draft/\(name)")) }
                }
                try same(numbers.count, Self.all.count, "distinct inode numbers")
                try same(try listing(mount(".draft/at")), [], "at")
            }
        }

        @Test("The list of workspaces has a control directory of its own")
        func listOfWorkspaces() throws {
            try mounted(workspace: nil, prepare: Workspaces.prepare) { mount in
                let names = [
                    "discard", "events", "gc", "last-error", "limits", "list", "metrics", "progress",
                    "restore", "status",
                ]
                try same(try listing(mount(".draft")), names, "files")
                try same(try listing(mount.root), [], "the root lists none")
                try refuse(ENOENT, "backup", access(mount(".draft/backup"), F_OK))
                try refuse(ENOENT, "diff.base", access(mount(".draft/diff.base"), F_OK))
                try makeDirectory(mount("x"))
                try same(try listing(mount("x/.draft")), Self.all, "files of a workspace")
            }
        }

        @Test("Invalid names return ENOENT, and no name can be made, changed or removed")
        func fixedNames() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                for name in ["nothing", "history.x", "diff.", "at/bogus", "backups/none"] {
                    try refuse(ENOENT, name, access(mount(".draft/\(name)"), F_OK))
                }
                let new = mount(".draft/new")
                try refuse(EPERM, "create", open(new, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
                try refuse(EPERM, "mkdir", mkdir(new, 0o700))
                try refuse(EPERM, "mkdir in backups", mkdir(mount(".draft/backups/x"), 0o700))
                try refuse(EPERM, "symlink", symlink("x", new))
                let status = mount(".draft/status")
                try refuse(EPERM, "unlink", unlink(status))
                try refuse(EPERM, "rename", rename(status, new))
                try refuse(EXDEV, "link", link(status, mount("link")))
                try refuse(EPERM, "chmod", chmod(status, 0o666))
                try refuse(EPERM, "rmdir", rmdir(mount(".draft/blame")))
            }
        }

        @Test("A read-only control file refuses writes, and truncation of others does nothing")
        func writes() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                for name in Self.readOnly {
                    try same(try Self.command(mount(".draft/\(name)"), "x\n"), EPERM, name)
                }
                for name in ["backup", "rollback", "undo", "edit"] {
                    let path = mount(".draft/\(name)")
                    let before = try readFile(path)
                    try withOpen(path, O_WRONLY | O_TRUNC) { held in
                        try must("ftruncate", ftruncate(held, 0))
                        try must("fsync", fsync(held))
                    }
                    try same(try readFile(path), before, name)
                }
                try withOpen(mount(".draft/status"), O_RDONLY) { held in
                    let size = try status(held).st_size
                    try same(cp_lseek(held, 0, CP_SEEK_DATA), 0, "data")
                    try same(Int(cp_lseek(held, 0, CP_SEEK_HOLE)), Int(size), "hole")
                    try refuse(ENXIO, "beyond", cp_lseek(held, Int64(size), CP_SEEK_DATA))
                }
                // The kernel still sends these requests for files of the workspace.
                try withOpen(mount("sparse"), O_RDWR | O_CREAT) { held in
                    try must("ftruncate", ftruncate(held, 1 << 20))
                    try refuse(ENXIO, "data of a hole", cp_lseek(held, 0, CP_SEEK_DATA))
                }
            }
        }

        @Test("A failed command fails its write and says why, and a success empties last-error")
        func lastError() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                let path = mount(".draft/last-error")
                try same(try readText(path), "", "at first")
                try same(try Self.command(mount(".draft/rollback"), "--bad\n"), EINVAL, "errno")
                let said = try readText(path)
                try expect(said.contains("--bad"), "the sentence is \(said)")
                try same(said.filter { $0 == "\n" }.count, 1, "lines of the sentence")
                try same(try Self.command(mount(".draft/backup"), "one\n"), 0, "a good one")
                try same(try readText(path), "", "afterwards")
                let shell = try ChildProcess.run(
                    ["sh", "-c", "echo one > .draft/backup"], directory: mount.root)
                try expect(shell.status != 0, "the shell takes a failed command for a good one")
                try expect(!(try readText(path)).isEmpty, "no sentence")
                let listed = try readText(mount(".draft/backup"))
                try expect(listed.contains("\"one\""), "backup shows \(listed)")
            }
        }

        @Test("Only the daemon's user may read or write control files",
            .enabled(if: TestEnvironment.isRoot, "needs root"))
        func permissions() throws {
            try mounted(options: ["-o", "allow_other"], prepare: Workspaces.prepare) { mount in
                try same(try Self.asOther(["cat", mount("top")]).text, "top", "a plain file")
                // First without and then with cached entries.
                for _ in 0..<2 {
                    for path in ["status", "backup", "backups", "at/0", "at/0/top", "blame/top"] {
                        let found = try Self.asOther(["stat", mount(".draft/\(path)")])
                        try expect(found.status != 0, "\(path) is seen by another user")
                        try expect(
                            found.errorText.contains("Permission denied"), found.errorText)
                    }
                    let written = try Self.asOther(
                        ["sh", "-c", "echo x > '\(mount(".draft/backup"))'"])
                    try expect(written.status != 0, "another user makes a backup")
                    _ = try status(mount(".draft/at/0/top"))
                }
                try same(try readText(mount(".draft/backup")), "", "backups")
            }
        }

        @Test("A page that is written through a mapping is not a command")
        func mapping() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                try same(try Self.command(mount(".draft/backup"), "one\n"), 0, "backup")
                try withOpen(mount(".draft/backup"), O_RDWR) { held in
                    let memory = mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                    guard let memory, memory != MAP_FAILED else {
                        throw CheckFailure("mmap: \(words(errno))")
                    }
                    memory.storeBytes(of: UInt8(ascii: "x"), as: UInt8.self)
                    try expect(msync(memory, 4_096, MS_SYNC) < 0, "msync succeeds")
                    munmap(memory, 4_096)
                }
                try same(try listing(mount(".draft/backups")), ["one"], "backups")
            }
        }
    }
}
