// Merges of workspaces on a mount: the other workspace gets what was changed, conflicts end a merge before
// anything is done, and one step takes it back.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Merges {
        private static func prepare(_ base: String) throws {
            for directory in ["src", "old", "old/deep"] { try makeDirectory("\(base)/\(directory)") }
            try writeFile("\(base)/read", "of the base")
            try writeFile("\(base)/src/main.c", (1...20).map { "line \($0)\n" }.joined())
            try writeFile("\(base)/src/gone.c", "gone")
            try writeFile("\(base)/old/deep/file", "deep")
            try must("link", link("\(base)/read", "\(base)/other"))
        }

        /// Returns names, modes, links and content of a tree.
        private static func image(_ path: String) throws -> String {
            try ChildProcess.check(
                ["sh", "-c", "cd '\(path)' && find . -printf '%P %y %m %n %l\\n' | sort; "
                    + "find . -type f | sort | xargs -d '\\n' md5sum"], seconds: 60)
        }

        private static func merge(_ mount: TestMount, _ words: [String]) throws -> ChildResult {
            try draftfs(["merge"] + words + ["-C", mount.root])
        }

        /// A trunk, and two forks of it.
        private static func withTrunk(_ body: (TestMount) throws -> Void) throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("trunk"))
                try writeFile(mount("trunk/common"), "made in the trunk\n")
                for name in ["one", "two"] {
                    try same(try draftfs(["fork", mount("trunk"), name]).status, 0, "fork \(name)")
                }
                try body(mount)
            }
        }

        private static func change(_ root: String) throws {
            try shell(
                """
                sed -i 's/line 3$/line three/' src/main.c; mv old older; echo new > older/new
                rm src/gone.c; ln read third; ln -s src/main.c link; mkdir -p made/deep; echo q > made/deep/q
                echo more >> common; chmod 711 src; : > empty; mkfifo fifo; truncate -s 1M sparse
                """, in: root)
        }

        private static func shell(_ script: String, in directory: String) throws {
            try ChildProcess.check(["sh", "-ec", "cd '\(directory)'; \(script)"], seconds: 60)
        }

        @Test("A merge gives another workspace all changes, keeps its open files, and one undo takes it back")
        func whole() throws {
            try Self.withTrunk { mount in
                let (one, trunk) = (mount("one"), mount("trunk"))
                // The kernel knows all of it, and names that are not there.
                let before = try Self.image(trunk)
                var found = stat()
                try refuse(ENOENT, "not yet", lstat("\(trunk)/link", &found))
                try Self.change(one)
                let source = try Self.image(one)
                let dry = try Self.merge(mount, ["one", "--into", "trunk", "--dry-run"])
                try same(dry.status, 0, dry.errorText)
                try expect(dry.text.contains("R\told\tolder") && dry.text.contains("M\tcommon"), dry.text)
                try same(try Self.image(trunk), before, "after a dry run")
                try withOpen("\(trunk)/common", O_RDONLY) { common in
                    let done = try Self.merge(mount, ["one", "--into", "trunk"])
                    try same(done.status, 0, done.errorText)
                    try same(done.text, "merged 14 changed paths into trunk\n", "the report")
                    let content = Array("made in the trunk\nmore\n".utf8)
                    try same(try readBytes(common, 30, at: 0), content, "open file")
                }
                try same(try Self.image(trunk), source, "the trunk")
                try same(try Self.image(one), source, "what was merged")
                let again = try Self.merge(mount, ["one", "--into", "trunk"])
                try same(again.text, "nothing to merge\n", "again")
                try mount.kill9()
                try mount.start()
                try same(try Self.image(trunk), source, "after kill -9")
                let undone = try draftfs(["undo", "-C", trunk])
                try same(undone.status, 0, undone.errorText)
                try same(try Self.image(trunk), before, "after the undo")
                try same(try Self.merge(mount, ["one", "--into", "trunk"]).status, 0, "once more")
                try same(try Self.image(trunk), source, "merged once more")
                for name in ["one", "trunk"] {
                    try same(try draftfs(["verify", "-C", mount(name)]).status, 0, "verify \(name)")
                }
            }
        }

        @Test("Agents work towards a trunk: merges in both directions, texts merged, conflicts decided")
        func team() throws {
            try Self.withTrunk { mount in
                let (one, two, trunk) = (mount("one"), mount("two"), mount("trunk"))
                try Self.change(one)
                try same(try Self.merge(mount, ["one", "--into", "trunk"]).status, 0, "one")
                try Self.shell(
                    "sed -i 's/line 17$/line seventeen/' src/main.c; chmod 750 src/main.c; echo two > two",
                    in: two)
                let before = try Self.image(trunk)
                let refused = try Self.merge(mount, ["two", "--into", "trunk"])
                try same(refused.status, 1, "both changed main.c")
                try expect(
                    refused.text.hasPrefix("C\tsrc/main.c\tit was changed in trunk"), refused.text)
                try same(try Self.image(trunk), before, "a refused merge")
                let merged = try Self.merge(mount, ["two", "--into", "trunk", "--merge"])
                try same(merged.status, 0, merged.errorText)
                try expect(merged.text.hasPrefix("merged\tsrc/main.c\n"), merged.text)
                let text = try readText("\(trunk)/src/main.c")
                try expect(text.contains("three") && text.contains("seventeen"), text)
                try same(try status("\(trunk)/src/main.c").st_mode & 0o777, 0o750, "its mode")
                try expect(merged.text.hasSuffix("merged 2 changed paths into trunk\n"), merged.text)
                try same(try readText("\(trunk)/two"), "two\n", "two's file")
                // Back into the forks: what they have given is no conflict.
                try same(try Self.merge(mount, ["trunk", "--into", "one"]).status, 0, "back into one")
                try same(try Self.image(one), try Self.image(trunk), "one has all of the trunk")
                try Self.shell("echo one >> src/main.c", in: one)
                try same(try Self.merge(mount, ["one", "--into", "trunk"]).status, 0, "one once more")
                try same(try Self.image(trunk), try Self.image(one), "the trunk has all of one")
                // Both make a file.
                try writeFile("\(one)/same", "one\n")
                try writeFile("\(trunk)/same", "trunk\n")
                try same(try Self.merge(mount, ["one", "--into", "trunk"]).status, 1, "both made it")
                try same(try Self.merge(mount, ["one", "--into", "trunk", "--theirs"]).status, 0, "theirs")
                try same(try readText("\(trunk)/same"), "trunk\n", "theirs")
                try writeFile("\(one)/same", "one again\n")
                try same(try Self.merge(mount, ["one", "--into", "trunk", "--ours"]).status, 0, "ours")
                try same(try readText("\(trunk)/same"), "one again\n", "ours")
                try same(try draftfs(["commit", "-C", trunk]).status, 0, "the trunk is committed")
                try same(try readText("\(mount.base)/same"), "one again\n", "in the base")
            }
        }

        @Test("A merge with a workspace that sees another state of the base, or with itself, is refused")
        func refusals() throws {
            try Self.withTrunk { mount in
                try writeFile(mount("one/file"), "one")
                let own = try Self.merge(mount, ["one", "--into", "one"])
                try same(own.status, 1, "into itself")
                try expect(own.errorText.contains("into itself"), own.errorText)
                try same(try Self.merge(mount, ["one", "--into", "nothing"]).status, 1, "no such workspace")
                try same(try draftfs(["commit", "-C", mount("two")]).status, 0, "commit")
                try makeDirectory(mount("late"))
                try writeFile(mount("late/late"), "late")
                let stale = try Self.merge(mount, ["late", "--into", "trunk"])
                try same(stale.status, 1, "another state of the base")
                try expect(stale.errorText.contains("trunk sees an older state"), stale.errorText)
                try same(try draftfs(["refresh", "-C", mount("trunk")]).status, 0, "refresh")
                try same(try Self.merge(mount, ["late", "--into", "trunk"]).status, 0, "after a refresh")
                try same(try readText(mount("trunk/late")), "late", "merged")
                try expect(try listing(mount("trunk")).allSatisfy { !$0.hasPrefix(".draftfs") }, "a stage")
            }
        }
    }
}
