// Commits of workspaces to the base on a mount, by the control file and by the program.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Commits {
        private static func prepare(_ base: String) throws {
            for directory in ["src", "old", "old/deep"] { try makeDirectory("\(base)/\(directory)") }
            try writeFile("\(base)/read", "of the base")
            try writeFile("\(base)/src/main.c", "int main() {}\n")
            try writeFile("\(base)/old/deep/file", "deep")
            try must("link", link("\(base)/read", "\(base)/linked"))
            try must("symlink", symlink("read", "\(base)/symlink"))
        }

        /// Returns names, types, times, inode numbers and content of a tree.
        private static func image(_ path: String) throws -> String {
            let list = try ChildProcess.check(
                ["find", path, "-printf", "%P %y %i %m %U %G %s %n %T@ %l\\n"], seconds: 60)
            let sums = try ChildProcess.check(
                ["sh", "-c", "cd '\(path)' && find . -type f | sort | xargs md5sum"], seconds: 60)
            return list.split(separator: "\n").sorted().joined(separator: "\n") + sums
        }

        private static func change(_ root: String) throws {
            try writeFile("\(root)/read", "changed by one")
            try writeFile("\(root)/src/new.c", "new")
            try must("rename", rename("\(root)/old", "\(root)/older"))
            try writeFile("\(root)/older/deep/file", "deeper")
            try must("mkdir", mkdir("\(root)/made", 0o750))
            try must("symlink", symlink("../read", "\(root)/made/link"))
            try must("link", link("\(root)/src/new.c", "\(root)/made/second"))
            try must("chmod", chmod("\(root)/src/main.c", 0o755))
            try must("unlink", unlink("\(root)/symlink"))
        }

        private static func checkBase(_ base: String, _ when: String) throws {
            try same(try readText("\(base)/read"), "changed by one", when)
            try same(try readText("\(base)/linked"), "changed by one", "the other name, \(when)")
            try same(try status("\(base)/read").st_nlink, 2, when)
            try same(try readText("\(base)/older/deep/file"), "deeper", when)
            try same(try status("\(base)/made").st_mode & 0o7777, 0o750, when)
            try same(try status("\(base)/made/second").st_nlink, 2, when)
            try same(try status("\(base)/src/main.c").st_mode & 0o7777, 0o755, when)
            try same(
                try listing(base), ["linked", "made", "older", "read", "src"], "names, \(when)")
            try same(try listing("\(base)/src"), ["main.c", "new.c"], "names in src, \(when)")
        }

        @Test("A commit changes the base and nothing that a workspace shows, open files included")
        func isolation() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("two/own"), "of two")
                try Self.change(mount("one"))
                let (one, two) = (try Self.image(mount("one")), try Self.image(mount("two")))
                func check(_ when: String) throws {
                    try same(try Self.image(mount("two")), two, "two, \(when)")
                    try same(try Self.image(mount("one")), one, "one, \(when)")
                    try Self.checkBase(mount.base, when)
                }
                try withOpen(mount("two/old/deep/file"), O_RDONLY) { held in
                    try writeFile(mount("one/.draft/commit"), ".\n")
                    try check("after the commit")
                    try same(try readBytes(held, 10, at: 0), Array("deep".utf8), "an open file")
                }
                try makeDirectory(mount("three"))
                try Self.checkBase(mount("three"), "in a new workspace")
                try same(try readText(mount("one/.draft/diff")), "", "no change is left")
                try mount.remount()
                try check("after a remount")
                try mount.kill9()
                try mount.start()
                try check("after kill -9")
                try Self.checkBase(mount("three"), "in the new workspace after kill -9")
                // What was committed is no change: the workspace can be removed.
                try same(rmdir(mount("one")), 0, "rmdir of a committed workspace")
            }
        }

        @Test("Conflicts end a commit before anything is written, and a choice decides them")
        func conflicts() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] {
                    try makeDirectory(mount(name))
                    try writeFile(mount("\(name)/src/main.c"), "by \(name)\n")
                    try writeFile(mount("\(name)/of-\(name)"), name)
                }
                let first = try draftfs(["commit", "-C", mount("one")])
                try same(first.status, 0, first.errorText)
                try expect(first.text.contains("commit 1: 2 paths"), first.text)
                let refused = try draftfs(["commit", "-C", mount("two")])
                try same(refused.status, 1, "a conflict")
                try expect(refused.text.hasPrefix("C\tsrc/main.c\t"), refused.text)
                try expect(refused.errorText.contains("nothing was committed"), refused.errorText)
                try refuse(ENOENT, "nothing was written", access("\(mount.base)/of-two", F_OK))
                let dry = try draftfs(["commit", "-C", mount("two"), "--dry-run", "--json"])
                try same(dry.status, 0, dry.errorText)
                try expect(dry.text.contains("\"conflicts\":1"), dry.text)
                let theirs = try draftfs(["commit", "-C", mount("two"), "--theirs"])
                try same(theirs.status, 0, theirs.errorText)
                try same(try readText("\(mount.base)/src/main.c"), "by one\n", "theirs")
                try same(try readText("\(mount.base)/of-two"), "two", "the rest")
                try same(try readText(mount("two/src/main.c")), "by two\n", "the workspace keeps its change")
                let ours = try draftfs(["commit", mount("two/src"), "--ours"])
                try same(ours.status, 0, ours.errorText)
                try same(try readText("\(mount.base)/src/main.c"), "by two\n", "ours")
                try same(try readText(mount("one/src/main.c")), "by one\n", "the other workspace")
                try writeFile("\(mount.base)/of-two", "by hand")
                try writeFile(mount("two/of-two"), "again")
                let outside = try draftfs(["commit", "-C", mount("two")])
                try same(outside.status, 1, "a change of the base by another program")
                try same(try readText("\(mount.base)/of-two"), "by hand", "it stays")
            }
        }

        @Test("What another program wrote to the base is not overwritten by a file that was replaced")
        func replacedFiles() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                try ChildProcess.check(["sed", "-i", "s/main/start/", mount("one/src/main.c")], seconds: 10)
                try writeFile(mount("one/both"), "of the workspace")
                try makeDirectory(mount("one/dir"))
                try writeFile(mount("one/dir/mine"), "mine")
                usleep(20_000)
                try writeFile("\(mount.base)/src/main.c", "by hand")
                try writeFile("\(mount.base)/both", "by hand")
                try makeDirectory("\(mount.base)/dir")
                try writeFile("\(mount.base)/dir/theirs", "theirs")
                let refused = try draftfs(["commit", "-C", mount("one")])
                try same(refused.status, 1, "a conflict")
                for path in ["src/main.c", "both"] {
                    try expect(refused.text.contains("C\t\(path)\t"), "\(path): \(refused.text)")
                    try same(try readText("\(mount.base)/\(path)"), "by hand", path)
                }
                try same(try draftfs(["commit", "--theirs", "-C", mount("one")]).status, 0, "theirs")
                try same(try listing("\(mount.base)/dir"), ["mine", "theirs"], "a directory of both")
            }
        }

        @Test("A directory that is renamed after a commit takes what was committed in it along")
        func renamedAfterCommit() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                let diff = mount("one/.draft/diff")
                try writeFile(mount("one/src/main.c"), "edited")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the edit")
                try must("rename", rename(mount("one/src"), mount("one/lib")))
                try same(try readText(diff), "R\t-\t-\tsrc\tlib\n", "before the commit of the rename")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the rename")
                try same(try readText(diff), "", "after it")
                try must("rename", rename(mount("one/lib"), mount("one/src")))
                try writeFile(mount("one/src/main.c"), "once more")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "both")
                try same(try readText(diff), "", "after both")
                try same(try readText(mount.base + "/src/main.c"), "once more", "in the base")
            }
        }

        @Test("Two directories that changed places keep apart what was removed in one of them")
        func exchangedAfterCommit() throws {
            let prepare = { (base: String) in
                for directory in ["a", "b"] { try makeDirectory("\(base)/\(directory)") }
                for file in ["a/f", "b/f"] { try writeFile("\(base)/\(file)", file) }
            }
            try mounted(workspace: nil, prepare: prepare) { mount in
                try makeDirectory(mount("one"))
                try writeFile(mount("one/a/f"), "edited")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the edit")
                try must("unlink", unlink(mount("one/a/f")))
                try must("rename", rename(mount("one/a"), mount("one/c")))
                try must("rename", rename(mount("one/b"), mount("one/a")))
                try must("rename", rename(mount("one/c"), mount("one/b")))
                try same(
                    try readText(mount("one/.draft/diff")),
                    "R\t-\t-\tb\ta\nD\t-\t-\ta/f\nR\t-\t-\ta\tb\n", "before the commit")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit")
                try same(try listing(mount.base + "/b"), [], "what was a")
                try same(try readText(mount.base + "/a/f"), "b/f", "what was b")
                try same(try readText(mount("one/.draft/diff")), "", "after the commit")
            }
        }

        @Test("A file that was changed under a name that is gone is committed under its others")
        func otherName() throws {
            let prepare = { (base: String) in
                for directory in ["a", "a/b", "c"] { try makeDirectory("\(base)/\(directory)") }
                try writeFile("\(base)/name", "of the base")
                try must("link", link("\(base)/name", "\(base)/a/b/other"))
                try must("link", link("\(base)/name", "\(base)/c/third"))
            }
            try mounted(workspace: nil, prepare: prepare) { mount in
                try makeDirectory(mount("one"))
                try writeFile(mount("one/name"), "changed")
                try must("unlink", unlink(mount("one/name")))
                try makeDirectory(mount("one/d"))
                try must("rename", rename(mount("one/a"), mount("one/d/a")))
                try same(
                    try readText(mount("one/.draft/diff")),
                    "M\t11\t7\tc/third\nA\t-\t-\td\nR\t-\t-\ta\td/a\nM\t11\t7\td/a/b/other\n"
                        + "D\t11\t-\tname\n", "before")
                let result = try draftfs(["commit", "-C", mount("one")])
                try same(result.status, 0, result.errorText)
                try same(try readText(mount.base + "/c/third"), "changed", "in the base")
                try same(try readText(mount.base + "/d/a/b/other"), "changed", "in the renamed directory")
                try same(try status(mount.base + "/c/third").st_nlink, 2, "its names")
                try same(try listing(mount.base), ["c", "d"], "the base")
                try same(try readText(mount("one/.draft/diff")), "", "after")
            }
        }

        @Test("Single paths are committed, with the new directories above them")
        func paths() throws {
            try mounted(prepare: Self.prepare) { mount in
                try Self.change(mount.root)
                try ChildProcess.check(["mkdir", "-p", mount("a/b")], seconds: 10)
                try writeFile(mount("a/b/c"), "c")
                try writeFile(mount("a/other"), "other")
                let result = try draftfs(["commit", mount("a/b"), mount("src/new.c")])
                try same(result.status, 0, result.errorText)
                try same(try listing("\(mount.base)/a"), ["b"], "a")
                let unknown = try draftfs(["commit", mount("nosuch")])
                try same(unknown.status, 1, "a path that is not there")
                try expect(unknown.errorText.contains("nothing to commit at nosuch"), unknown.errorText)
                try same(try readText("\(mount.base)/a/b/c"), "c", "a/b/c")
                try same(try readText("\(mount.base)/src/new.c"), "new", "src/new.c")
                try same(try readText("\(mount.base)/read"), "of the base", "not named")
                let left = try readText(mount(".draft/diff"))
                try expect(!left.contains("src/new.c") && left.contains("a/other"), left)
            }
        }

        @Test("A commit in the middle of which the daemon is killed is completed at the next start")
        func killed() throws {
            for round in 0..<3 {
                try mounted(workspace: nil, prepare: { base in
                    for index in 0..<1_500 { try writeFile("\(base)/file\(index)", "old \(index)") }
                }) { mount in
                    for name in ["one", "two"] { try makeDirectory(mount(name)) }
                    for index in 0..<1_500 {
                        if index % 3 == 0 {
                            try must("unlink", unlink(mount("one/file\(index)")))
                        } else {
                            try writeFile(mount("one/file\(index)"), "new \(index)")
                        }
                    }
                    let two = try Self.image(mount("two"))
                    let writer = try ChildProcess(
                        ["sh", "-c", "echo . > '\(mount("one/.draft/commit"))'"])
                    usleep(UInt32(120_000 + 90_000 * round))
                    try mount.kill9()
                    writer.kill()
                    try mount.start()
                    try same(try Self.image(mount("two")), two, "the other workspace")
                    let names = try listing(mount.base)
                    if names.count == 1_500 {
                        try same(try readText("\(mount.base)/file1"), "old 1", "nothing was committed")
                    } else {
                        try same(names.count, 1_000, "all was committed")
                        for index in [1, 2, 1_498, 1_499] where index % 3 != 0 {
                            try same(try readText("\(mount.base)/file\(index)"), "new \(index)", "content")
                        }
                    }
                    try expect(!names.contains { $0.hasPrefix(".draftfs") }, "a stage is left")
                    let again = try draftfs(["commit", "-C", mount("one")])
                    try same(again.status, 0, again.errorText)
                    try same(try listing(mount.base).count, 1_000, "after the next commit")
                }
            }
        }

        @Test("A work tree of git that was committed is one that git finds as the agent left it")
        func git() throws {
            try mounted(workspace: nil, prepare: { base in
                try ChildProcess.check(
                    ["sh", "-c", "cd '\(base)' && git init -q && echo a > a && mkdir d && echo b > d/b "
                        + "&& git add . && git -c user.name=n -c user.email=e commit -qm one"], seconds: 60)
            }) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try ChildProcess.check(
                    ["sh", "-c", "cd '\(mount("one"))' && git mv d/b c && echo more >> a && git add -A "
                        + "&& git -c user.name=n -c user.email=e commit -qm two"], seconds: 60)
                let result = try draftfs(["commit", "-C", mount("one")])
                try same(result.status, 0, result.errorText)
                let log = try ChildProcess.check(
                    ["sh", "-c", "cd '\(mount.base)' && git status --porcelain && git log --format=%s "
                        + "&& git fsck"], seconds: 60)
                try expect(log.hasPrefix("two\none\n"), log)
                let other = try ChildProcess.check(
                    ["sh", "-c", "cd '\(mount("two"))' && git status --porcelain && git log --format=%s"],
                    seconds: 60)
                try same(other, "one\n", "the other workspace")
            }
        }
    }
}
