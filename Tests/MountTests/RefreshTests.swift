// Refreshes of workspaces on a mount: what others committed comes, what is open and what was changed stays.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Refreshes {
        private static func prepare(_ base: String) throws {
            for directory in ["src", "old", "old/deep"] { try makeDirectory("\(base)/\(directory)") }
            try writeFile("\(base)/read", "of the base")
            try writeFile("\(base)/src/main.c", "int main() {}\n")
            try writeFile("\(base)/src/gone.c", "gone")
            try writeFile("\(base)/old/deep/file", "deep")
        }

        /// Returns names, modes and content of a tree.
        private static func image(_ path: String) throws -> String {
            try ChildProcess.check(
                ["sh", "-c", "cd '\(path)' && find . -printf '%P %y %m %s %n %l\\n' | sort; "
                    + "find . -type f | sort | xargs md5sum"], seconds: 60)
        }

        /// Changes a workspace and commits it.
        private static func commit(_ root: String) throws {
            try writeFile("\(root)/read", "by another")
            try writeFile("\(root)/src/new.c", "new")
            try must("unlink", unlink("\(root)/src/gone.c"))
            try must("rename", rename("\(root)/old", "\(root)/older"))
            try must("chmod", chmod("\(root)/src", 0o711))
            let result = try draftfs(["commit", "-C", root])
            try same(result.status, 0, result.errorText)
        }

        private static func checkRefreshed(_ root: String, _ when: String) throws {
            try same(try readText("\(root)/read"), "by another", when)
            try same(try readText("\(root)/src/new.c"), "new", when)
            try same(try readText("\(root)/older/deep/file"), "deep", when)
            try same(try readText("\(root)/src/main.c"), "edited here\n", when)
            try same(try readText("\(root)/src/mine"), "mine", when)
            try same(try status("\(root)/src").st_mode & 0o777, 0o711, when)
            try same(try listing(root), ["older", "own", "read", "src"], "names, \(when)")
            try same(try listing("\(root)/src"), ["main.c", "mine", "new.c"], "names in src, \(when)")
        }

        @Test("A refresh brings the commits of others, keeps changes and open files, and can be undone")
        func refresh() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two", "three"] { try makeDirectory(mount(name)) }
                let two = mount("two")
                try writeFile("\(two)/own", "own")
                try writeFile("\(two)/src/main.c", "edited here\n")
                try writeFile("\(two)/src/mine", "mine")
                // The kernel knows all of it, and names that are not there.
                let before = try Self.image(two)
                var found = stat()
                try refuse(ENOENT, "not yet", lstat("\(two)/src/new.c", &found))
                try same(try draftfs(["refresh", "-C", two]).status, 0, "nothing to do")
                try Self.commit(mount("one"))
                try same(try Self.image(two), before, "before the refresh")
                let third = try Self.image(mount("three"))
                try withOpen("\(two)/read", O_RDONLY) { read in
                    try withOpen("\(two)/own", O_WRONLY | O_APPEND) { own in
                        try withOpen("\(two)/old/deep", O_RDONLY | O_DIRECTORY) { deep in
                            let result = try draftfs(["refresh", "-C", two])
                            try same(result.status, 0, result.errorText)
                            try expect(result.text.contains("from commit 0 to 1"), result.text)
                            try same(try readBytes(read, 11, at: 0), Array("of the base".utf8), "open file")
                            try same(write(own, " more", 5), 5, "a write to an open file")
                            let file = try must("openat", openat(deep, "file", O_RDONLY))
                            close(file)
                        }
                    }
                }
                try same(try readText("\(two)/own"), "own more", "what was written after the refresh")
                try Self.checkRefreshed(two, "after the refresh")
                try same(try Self.image(mount("three")), third, "the other workspace")
                let diff = try readText("\(two)/.draft/diff")
                try same(
                    diff.split(separator: "\n").map { $0.split(separator: "\t").last ?? "" },
                    ["own", "src/main.c", "src/mine"], "the changes that are left")
                try mount.kill9()
                try mount.start()
                try Self.checkRefreshed(two, "after kill -9")
                try writeFile("\(two)/own", "own")
                // The write, its truncation, and the refresh with what was written after it.
                let undone = try draftfs(["rollback", "auto-\(try Self.backup(two))", "-C", two])
                try same(undone.status, 0, undone.errorText)
                try same(try Self.image(two), before, "after the rollback")
                try same(try draftfs(["refresh", "-C", two]).status, 0, "again")
                try Self.checkRefreshed(two, "after the second refresh")
                let commit = try draftfs(["commit", "-C", two])
                try same(commit.status, 0, commit.errorText)
                try Self.checkRefreshed(mount.base, "in the base")
                try same(try Self.image(mount("three")), third, "the other workspace")
                let fsck = try { () throws -> ChildResult in
                    try mount.unmount()
                    return try draftfs(["fsck", mount.store])
                }()
                try same(fsck.status, 0, fsck.text)
                try expect(!fsck.text.contains("warning"), fsck.text)
            }
        }

        /// Returns the number of the first backup before a refresh.
        private static func backup(_ root: String) throws -> UInt64 {
            let lines = try readText("\(root)/.draft/backup").split(separator: "\n")
            guard let line = lines.first(where: { $0.contains("before the refresh") }),
                let start = line.firstRange(of: "auto-")?.upperBound,
                let number = UInt64(line[start...].prefix { $0.isNumber })
            else { throw CheckFailure("no backup before a refresh: \(lines)") }
            return number
        }

        @Test("Conflicts end a refresh, and a choice decides them")
        func conflicts() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two", "three"] { try makeDirectory(mount(name)) }
                for name in ["two", "three"] {
                    try writeFile(mount("\(name)/read"), "by \(name)")
                    try writeFile(mount("\(name)/own"), name)
                }
                try Self.commit(mount("one"))
                let before = try Self.image(mount("two"))
                let dry = try draftfs(["refresh", "--dry-run", "-C", mount("two")])
                try same(dry.status, 0, dry.errorText)
                try expect(dry.text.contains("C\tread\t") && dry.text.contains("A\town"), dry.text)
                let refused = try draftfs(["refresh", "-C", mount("two")])
                try same(refused.status, 1, "a conflict")
                try expect(
                    refused.errorText.contains("nothing was refreshed: read conflicts"), refused.errorText)
                try same(try Self.image(mount("two")), before, "nothing was done")
                try same(try draftfs(["refresh", "--ours", "-C", mount("two")]).status, 0, "ours")
                try same(try readText(mount("two/read")), "by two", "ours")
                try same(try readText(mount("two/src/new.c")), "new", "the rest")
                try same(try draftfs(["refresh", "--theirs", "-C", mount("three")]).status, 0, "theirs")
                try same(try readText(mount("three/read")), "by another", "theirs")
                try same(try readText(mount("three/own")), "three", "the rest")
                let commit = try draftfs(["commit", "-C", mount("two")])
                try same(commit.status, 0, commit.errorText)
                try same(try readText("\(mount.base)/read"), "by two", "it conflicts no more")
            }
        }

        @Test("A committed file that is open in a refresh goes on taking what is written")
        func held() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try must("mkdir", mkdir(mount("one/logs"), 0o755))
                try writeFile(mount("one/logs/log"), "first\n")
                try writeFile(mount("one/src/main.c"), "mine\n")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the first commit")
                try writeFile(mount("two/read"), "by two")
                try same(try draftfs(["commit", "-C", mount("two")]).status, 0, "the second commit")
                let signal = try TemporaryDirectory("signal")
                try must("mkfifo", mkfifo(signal("go"), 0o600))
                let writer = try ChildProcess(
                    ["sh", "-c", "cd '\(mount("one/logs"))' && exec >> log && read line < '\(signal("go"))' "
                        + "&& echo second && echo beside > beside"])
                defer { writer.kill() }
                usleep(200_000)
                let result = try draftfs(["refresh", "-C", mount("one")])
                try same(result.status, 0, result.errorText)
                try ChildProcess.check(["sh", "-c", "echo go > '\(signal("go"))'"], seconds: 20)
                try same(writer.wait(seconds: 20), 0, "the writer")
                try same(try readText(mount("one/logs/log")), "first\nsecond\n", "the open file")
                try same(try readText(mount("one/logs/beside")), "beside\n", "a new file beside it")
                try same(try readText(mount("one/read")), "by two", "the other commit")
                let diff = try readText(mount("one/.draft/diff"))
                try expect(
                    ["logs/log", "logs/beside"].allSatisfy { diff.contains($0) } && !diff.contains("main.c"),
                    diff)
            }
        }

        @Test("A directory that conflicts by its mode takes nothing in it along")
        func directoryConflict() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try must("chmod", chmod(mount("two/src"), 0o700))
                try writeFile(mount("two/src/main.c"), "mine")
                try writeFile(mount("two/src/more.c"), "more")
                try Self.commit(mount("one"))
                let result = try draftfs(["refresh", "--theirs", "-C", mount("two")])
                try same(result.status, 0, result.errorText)
                try same(try status(mount("two/src")).st_mode & 0o777, 0o711, "the mode is the base's")
                try same(try readText(mount("two/src/main.c")), "mine", "a changed file in it")
                try same(try readText(mount("two/src/more.c")), "more", "a new file in it")
                try same(try readText(mount("two/src/new.c")), "new", "a new file of the base")
            }
        }

        @Test("A single path goes back over a refresh to what it was")
        func pathRollback() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("two/own"), "own")
                let moment = try mount.sequence("two")
                try Self.commit(mount("one"))
                try same(try draftfs(["refresh", "-C", mount("two")]).status, 0, "the refresh")
                let result = try draftfs(["rollback", "@\(moment)", mount("two/src"), mount("two/old")])
                try same(result.status, 0, result.errorText)
                try same(try listing(mount("two/src")), ["gone.c", "main.c"], "src as it was")
                try same(try readText(mount("two/src/gone.c")), "gone", "a file that the base has lost")
                try same(try readText(mount("two/old/deep/file")), "deep", "a directory that was renamed")
                try same(try readText(mount("two/read")), "by another", "the rest stays")
            }
        }

        @Test("What another program writes to the base after a refresh is not overwritten")
        func outside() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("one/read"), "mine")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the first commit")
                try writeFile(mount("two/src/new.c"), "of two")
                try same(try draftfs(["commit", "-C", mount("two")]).status, 0, "the second commit")
                // The kernel knows the file, so it keeps its inode.
                try withOpen(mount("one/read"), O_RDONLY) { _ in
                    try same(try draftfs(["refresh", "-C", mount("one")]).status, 0, "the refresh")
                }
                try writeFile("\(mount.base)/by-hand", "by hand")
                try must("rename", rename("\(mount.base)/by-hand", "\(mount.base)/read"))
                try writeFile(mount("one/other"), "other")
                let refused = try draftfs(["commit", "-C", mount("one")])
                let text = try readText("\(mount.base)/read")
                try same(text, "by hand", "the base's file, \(refused.text) \(refused.errorText)")
            }
        }

        @Test("A file that stays open through several refreshes goes on taking what is written")
        func heldTwice() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("one/log"), "first\n")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit")
                try withOpen(mount("one/log"), O_WRONLY | O_APPEND) { log in
                    for round in 1...3 {
                        try writeFile(mount("two/read"), "round \(round)")
                        try same(try draftfs(["commit", "-C", mount("two")]).status, 0, "a commit")
                        let result = try draftfs(["refresh", "-C", mount("one")])
                        try same(result.status, 0, result.errorText)
                        try same(try readText(mount("one/read")), "round \(round)", "the refresh")
                    }
                    try same(write(log, "last\n", 5), 5, "a write")
                }
                try same(try readText(mount("one/log")), "first\nlast\n", "the open file")
            }
        }

        @Test("A touched file that was renamed in the base comes back as a copy, not as a second name of it")
        func renamedRollback() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try ChildProcess.check(["touch", mount("two/read"), mount("two/old/deep")], seconds: 10)
                let moment = try mount.sequence("two")
                try must("rename", rename(mount("one/read"), mount("one/READ")))
                try must("rename", rename(mount("one/old"), mount("one/older")))
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit")
                try same(try draftfs(["refresh", "-C", mount("two")]).status, 0, "the refresh")
                let result = try draftfs(["rollback", "@\(moment)", mount("two/read"), mount("two/old")])
                try same(result.status, 0, result.errorText)
                try writeFile(mount("two/read"), "changed")
                try writeFile(mount("two/old/deep/file"), "changed")
                try same(try readText(mount("two/READ")), "of the base", "the file under its new name")
                try same(try readText(mount("two/older/deep/file")), "deep", "the directory, renamed")
            }
        }

        @Test("A second name of a file that was removed at the first shows what another committed")
        func otherName() throws {
            let prepare = { (base: String) in
                try writeFile("\(base)/name", "of the base")
                try must("link", link("\(base)/name", "\(base)/other"))
            }
            try mounted(workspace: nil, prepare: prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try must("unlink", unlink("\(mount("two"))/name"))
                try writeFile("\(mount("two"))/name", "of two")
                try writeFile("\(mount("one"))/name", "of one")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "commit")
                let result = try draftfs(["refresh", "--ours", "-C", mount("two")])
                try same(result.status, 0, result.errorText)
                try same(try readText("\(mount("two"))/name"), "of two", "the conflict")
                try same(try readText("\(mount("two"))/other"), "of one", "the other name")
                try same(try readText("\(mount("two"))/.draft/at/base/other"), "of one", "in the base")
                let diff = try readText("\(mount("two"))/.draft/diff")
                try expect(!diff.contains("other"), diff)
            }
        }

        @Test("Removals in a directory that was renamed in the base are conflicts, and not forgotten")
        func removalInRenamed() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try must("unlink", unlink(mount("two/old/deep/file")))
                try must("rename", rename(mount("one/old"), mount("one/older")))
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit")
                let refused = try draftfs(["refresh", "-C", mount("two")])
                try same(refused.status, 1, "a conflict")
                try expect(refused.errorText.contains("it was renamed in the base"), refused.errorText)
                try same(try draftfs(["refresh", "--ours", "-C", mount("two")]).status, 0, "ours")
                try same(try listing(mount("two/older/deep")), [], "it stays removed")
            }
        }

        @Test("A process finds its working directory after a refresh, and what came into it")
        func workingDirectory() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("two/src/mine"), "mine")
                let signal = try TemporaryDirectory("signal")
                try must("mkfifo", mkfifo(signal("go"), 0o600))
                let child = try ChildProcess(
                    ["sh", "-c", "cd '\(mount("two/src"))' && read line < '\(signal("go"))' "
                        + "&& /bin/pwd > '\(signal("pwd"))' && cat new.c mine > '\(signal("out"))'"])
                defer { child.kill() }
                usleep(200_000)
                try Self.commit(mount("one"))
                let result = try draftfs(["refresh", "-C", mount("two")])
                try same(result.status, 0, result.errorText)
                try ChildProcess.check(["sh", "-c", "echo go > '\(signal("go"))'"], seconds: 20)
                try same(child.wait(seconds: 20), 0, "the process")
                try expect(try readText(signal("pwd")).hasSuffix("two/src\n"), "the working directory")
                try same(try readText(signal("out")), "newmine", "its files")
                let backup = "auto-\(try Self.backup(mount("two")))"
                let undo = try draftfs(["rollback", backup, "-C", mount("two")])
                try same(undo.status, 0, undo.errorText)
                try same(try listing(mount("two/src")), ["gone.c", "main.c", "mine"], "after the rollback")
            }
        }
    }
}
