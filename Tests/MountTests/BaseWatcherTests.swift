// Changes that other processes make in the base are visible at once where fanotify is permitted, in spite
// of the kernel's caches.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.canWatchDirectories,
            "needs /dev/fuse, and fanotify(7) in the TMPDIR"))
    struct BaseWatching {
        private static func eventually(
            _ what: String, _ holds: () throws -> Bool
        ) throws {
            for _ in 0..<1_000 {
                if (try? holds()) == true { return }
                usleep(5_000)
            }
            throw CheckFailure("not within 5 seconds: \(what)")
        }

        private static func isWatched(_ mount: TestMount) throws -> Bool {
            try readText(mount(".draft/status")).contains("\"base_watched\": true")
        }

        @Test("Changes of the base show at once, in names, content and attributes")
        func atOnce() throws {
            try mounted(prepare: { base in
                try makeDirectory("\(base)/d")
                for name in ["a", "b", "d/c", "d/e", "edited"] {
                    try writeFile("\(base)/\(name)", "old")
                }
            }) { mount in
                try expect(try Self.isWatched(mount), "the base is not watched")
                for name in ["a", "b", "d/c", "d/e", "edited"] {
                    try same(try readText(mount(name)), "old", name)
                }
                try writeFile(mount("edited"), "mine")
                for name in ["new", "d/new"] { try same(access(mount(name), F_OK), -1, name) }
                _ = try names(in: mount("d"))

                try writeFile("\(mount.base)/a", "longer")
                try Self.eventually("content") { try readText(mount("a")) == "longer" }
                try must("chmod", chmod("\(mount.base)/b", 0o600))
                try Self.eventually("mode") { try status(mount("b")).st_mode & 0o777 == 0o600 }
                for name in ["new", "d/new"] {
                    try writeFile("\(mount.base)/\(name)", "new")
                    try Self.eventually("\(name) appears") { try readText(mount(name)) == "new" }
                }
                try Self.eventually("listing") { try names(in: mount("d")).contains(Array("new".utf8)) }
                try must("unlink", unlink("\(mount.base)/d/c"))
                try Self.eventually("removal") { access(mount("d/c"), F_OK) != 0 }
                try writeFile("\(mount.base)/d/tmp", "replaced")
                try must("rename", rename("\(mount.base)/d/tmp", "\(mount.base)/d/e"))
                try Self.eventually("replacement") { try readText(mount("d/e")) == "replaced" }
                try must("rename", rename("\(mount.base)/d", "\(mount.base)/moved"))
                try Self.eventually("move of a directory") {
                    try readText(mount("moved/e")) == "replaced" && access(mount("d"), F_OK) != 0
                }
                try writeFile("\(mount.base)/moved/e", "again and longer")
                try Self.eventually("content in the moved directory") {
                    try readText(mount("moved/e")) == "again and longer"
                }
                try same(try readText(mount("edited")), "mine", "the edited file")
            }
        }

        @Test("Thousands of changes in the base become visible")
        func many() throws {
            try mounted(prepare: { base in
                for directory in 0..<20 {
                    try makeDirectory("\(base)/d\(directory)")
                    for file in 0..<200 { try writeFile("\(base)/d\(directory)/f\(file)", "old") }
                }
            }) { mount in
                try expect(try Self.isWatched(mount), "the base is not watched")
                try ChildProcess.shell("grep -r old . | wc -l", seconds: 60, directory: mount.root)
                let script = """
                    for d in d*; do for f in $d/f*; do echo new$f > $f; done; rm $d/f7; done
                    for d in d*; do mv $d/f8 $d/g8; done
                    """
                try ChildProcess.shell(script, seconds: 60, directory: mount.base)
                try Self.eventually("all of it") {
                    let run = try ChildProcess.run(["diff", "-r", mount.base, mount.root], seconds: 60)
                    return run.succeeded
                }
            }
        }
    }
}
