// Reading copies nothing: walks, searches and git over an untouched base leave no content in the store
// and no trace in the base, access times included.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct ReadOnlyBase {
        /// Is in every file of the base, so that a copy in the store is found.
        static let marker = "marker-7c1f90e2-of-base-content"

        static let tree = """
            for d in $(seq 20); do mkdir d$d
              for f in $(seq 50); do
                { echo "\(marker) $d $f"; seq $((f * 20)); } > d$d/f$f
              done
            done
            git init -q -b main; git add -A; git commit -qm all
            """

        @Test("find, grep -r and git status add no content to the store and change no access time")
        func readersPayNothing() throws {
            var paths: [String] = []
            var before: [String] = []
            try mounted(prepare: { base in
                try ChildProcess.shell(
                    Self.tree, environment: MountTests.Git.environment, directory: base)
                paths = try ChildProcess.check(["find", base])
                    .split(separator: "\n").map(String.init)
                // Older than any mtime: with relatime the first read would change the access time.
                let old = [
                    timespec(tv_sec: 1_000_000_000, tv_nsec: 7),
                    timespec(tv_sec: 1_400_000_000, tv_nsec: 8),
                ]
                for path in paths { try must("utimensat", utimensat(AT_FDCWD, path, old, 0)) }
                before = try Self.traces(paths)
            }) { mount in
                let stored = mount.storeBytes
                let script = """
                    find . > /dev/null; find . -ls > /dev/null
                    test $(grep -r "\(Self.marker)" . --exclude-dir=.git | wc -l) = 1000
                    test -z "$(git --no-optional-locks status --porcelain)"
                    git log --stat > /dev/null
                    tar cf - . | cat > /dev/null; du -s . > /dev/null
                    """
                try ChildProcess.shell(
                    script, environment: MountTests.Git.environment, directory: mount.root)
                let grown = mount.storeBytes - stored
                try expect(grown < 65_536, "the store grew by \(grown) bytes")
                try mount.unmount()
                let copies = try ChildProcess.run(["grep", "-rlaF", Self.marker, mount.store])
                try same(copies.text, "", "files of the store that hold base content")
                try same(try Self.traces(paths), before, "times of the base")
            }
        }

        /// Returns times, links and modes by lstat alone: a listing of the base would change its access
        /// times.
        private static func traces(_ paths: [String]) throws -> [String] {
            try paths.map { path in
                let seen = try status(path)
                return "\(path) \(seen.st_atim.tv_sec).\(seen.st_atim.tv_nsec) "
                    + "\(seen.st_mtim.tv_sec) \(seen.st_ctim.tv_sec).\(seen.st_ctim.tv_nsec) "
                    + "\(seen.st_nlink) \(seen.st_mode) \(seen.st_size)"
            }
        }
    }
}
