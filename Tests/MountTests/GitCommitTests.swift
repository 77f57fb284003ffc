// Commits of workspaces to a repository of git, merges of texts, the log and the list of a team's mount.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct GitCommits {
        private static let names = "git config user.name Ada && git config user.email ada@example.org"

        private static func shell(_ directory: String, _ text: String) throws -> String {
            try ChildProcess.check(["sh", "-ec", "cd '\(directory)' && \(text)"], seconds: 60)
        }

        private static func prepare(_ base: String) throws {
            _ = try shell(
                base, "git init -q -b main && \(names) && mkdir src docs && seq 1 40 > src/numbers "
                    + "&& echo a > docs/a && echo b > docs/b && echo '*.o' > .gitignore && git add . "
                    + "&& git commit -qm first && echo staged > staged && git add staged "
                    + "&& echo dirty >> docs/b")
        }

        private static func change(_ root: String) throws {
            _ = try shell(
                root, "sed -i 's/^7$/seven/' src/numbers && mv docs moved && echo new > src/new "
                    + "&& echo object > src/x.o && rm moved/a && cp src/x.o src/y.txt "
                    + "&& chmod +x src/y.txt")
        }

        @Test("A commit of git has the files of the workspace and the names of its processes")
        func head() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("agent"))
                try Self.change(mount("agent"))
                _ = try Self.shell(mount("agent"), "\(Self.names) && git log -1 > /dev/null")
                let before = try Self.shell(mount.base, "git ls-files -s")
                let result = try draftfs(["commit", "--git", "-m", "The work", "-C", mount("agent")])
                try same(result.status, 0, result.errorText)
                try expect(result.text.contains("git commit"), result.text)
                try same(try Self.shell(mount.base, "git ls-files -s"), before, "the user's index")
                let log = try Self.shell(mount.base, "git log -1 --format=%B%an && git log --oneline | wc -l")
                try expect(log.hasPrefix("The work\n") && log.contains("\nAda\n2\n"), log)
                try expect(log.contains("Co-authored-by: sed in agent <sed@agent.draftfs.invalid>"), log)
                let files = try Self.shell(mount.base, "git ls-tree -r HEAD | sed 's/ [^\t]*//'")
                try same(
                    files, "100644\t.gitignore\n100644\tmoved/b\n100644\tsrc/new\n100644\tsrc/numbers\n"
                        + "100755\tsrc/y.txt\n", "the files")
                try same(try Self.shell(mount.base, "git fsck 2>&1"), "", "git fsck")
                try same(try readText("\(mount.base)/src/x.o"), "object\n", "an ignored file")
                let again = try draftfs(["commit", "--git", "-C", mount("agent")])
                try same(again.status, 1, "nothing but .git is left")
            }
        }

        @Test("A branch is made beside the base, which stays as it is")
        func branch() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["agent", "other"] { try makeDirectory(mount(name)) }
                try Self.change(mount("agent"))
                let before = try Self.shell(mount.base, "find . -path ./.git -prune -o -type f -print | sort")
                let result = try draftfs(["commit", "--branch", "work/agent", "-C", mount("agent")])
                try same(result.status, 0, result.errorText)
                try same(
                    try Self.shell(mount.base, "find . -path ./.git -prune -o -type f -print | sort"), before,
                    "the base")
                let log = try Self.shell(
                    mount.base, "git log -1 --format=%s work/agent "
                        + "&& git rev-parse work/agent^ main | uniq | wc -l && git branch --show-current")
                try expect(log.hasPrefix("Changes of the workspace agent\n"), log)
                try expect(log.hasSuffix("\n1\nmain\n"), log)
                let taken = try draftfs(["commit", "--branch", "work/agent", "-C", mount("agent")])
                try same(taken.status, 1, "the branch exists")
                try expect(taken.errorText.contains("already"), taken.errorText)
                let wrong = try draftfs(["commit", "--branch", "a..b", "-C", mount("agent")])
                try same(wrong.status, 1, "no name for a branch")
                // What others have committed in the meantime would be lost in it.
                try writeFile(mount("other/src/numbers"), "other")
                try same(try draftfs(["commit", "-C", mount("other")]).status, 0, "the other's commit")
                let stale = try draftfs(["commit", "--branch", "stale", "-C", mount("agent")])
                try same(stale.status, 1, "a conflict")
                try expect(stale.errorText.contains("src/numbers conflicts"), stale.errorText)
            }
        }

        @Test("A base that is no work tree of git is refused with a sentence")
        func noRepository() throws {
            try mounted(prepare: { try writeFile("\($0)/f", "f") }) { mount in
                try writeFile(mount("f"), "changed")
                let result = try draftfs(["commit", "--git", "-C", mount.root])
                try same(result.status, 1, "no repository")
                try expect(result.errorText.contains("is not the root of a work tree"), result.errorText)
                try same(try readText("\(mount.base)/f"), "f", "nothing was committed")
            }
        }

        @Test("Texts that two workspaces changed at different lines are merged, and others are not")
        func merge() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two", "three"] { try makeDirectory(mount(name)) }
                _ = try Self.shell(mount("one"), "sed -i 's/^3$/three/' src/numbers")
                _ = try Self.shell(mount("two"), "sed -i 's/^30$/thirty/' src/numbers && echo own > own")
                _ = try Self.shell(mount("three"), "sed -i 's/^3$/drei/' src/numbers && echo own > mine")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the first commit")
                let three = try draftfs(["refresh", "--merge", "-C", mount("three")])
                try same(three.status, 1, "the same line")
                try expect(three.errorText.contains("same lines in /src/numbers"), three.errorText)
                try same(
                    try Self.shell(mount("three"), "sed -n 3p src/numbers; sed -n 1p .draft/diff | cut -c1"),
                    "drei\nA\n", "nothing was done")
                let two = try draftfs(["commit", "--merge", "-C", mount("two")])
                try same(two.status, 0, two.errorText)
                try expect(two.text.contains("merged\tsrc/numbers"), two.text)
                try same(
                    try Self.shell(mount.base, "sed -n '3p;30p' src/numbers; cat own"),
                    "three\nthirty\nown\n", "both changes")
                try same(try readText(mount("two/.draft/diff")), "", "nothing is left")
                // What it has committed is no change, also when another has changed it since.
                try same(try readText(mount("one/.draft/diff")), "", "the first one has no change")
                let one = try draftfs(["refresh", "-C", mount("one")])
                try same(one.status, 0, one.errorText)
                try same(
                    try Self.shell(mount("one"), "sed -n '3p;30p' src/numbers"), "three\nthirty\n", "both")
                _ = try Self.shell(mount("three"), "sed -i 's/^drei$/3/' src/numbers && sed -i 's/^9$/neun/' "
                        + "src/numbers")
                let again = try draftfs(["refresh", "--merge", "-C", mount("three")])
                try same(again.status, 0, again.errorText)
                try same(
                    try Self.shell(mount("three"), "sed -n '3p;9p;30p' src/numbers; cat own mine"),
                    "three\nneun\nthirty\nown\nown\n", "three changes")
            }
        }

        @Test("A merged text takes what only the base has changed of its attributes")
        func mergedAttributes() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two", "three"] { try makeDirectory(mount(name)) }
                _ = try Self.shell(
                    mount("one"), "sed -i 's/^3$/three/' src/numbers && chmod 750 src/numbers && "
                        + "setfattr -n user.k -v v src/numbers")
                _ = try Self.shell(mount("two"), "sed -i 's/^30$/thirty/' src/numbers")
                _ = try Self.shell(
                    mount("three"), "sed -i 's/^9$/neun/' src/numbers && chmod 700 src/numbers")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the first commit")
                let two = try draftfs(["commit", "--merge", "-C", mount("two")])
                try same(two.status, 0, two.errorText)
                let look = "sed -n '3p;30p' src/numbers; stat -c %a src/numbers; getfattr -d src/numbers"
                try same(
                    try Self.shell(mount.base, look),
                    "three\nthirty\n750\n# file: src/numbers\nuser.k=\"v\"\n\n", "all changes")
                let three = try draftfs(["refresh", "--merge", "-C", mount("three")])
                try same(three.status, 1, "both changed the mode")
                try expect(three.errorText.contains("both changed the mode"), three.errorText)
                try same(
                    try Self.shell(mount("three"), "sed -n '3p;9p' src/numbers; stat -c %a src/numbers"),
                    "3\nneun\n700\n", "nothing was done")
                // An access ACL of the base would set the mode that a workspace has changed.
                try makeDirectory(mount("four"))
                _ = try Self.shell(mount("four"), "sed -i 's/^9$/nine/' src/numbers && chmod 700 src/numbers")
                try same(try draftfs(["refresh", "-C", mount("one")]).status, 0, "a refresh")
                _ = try Self.shell(
                    mount("one"), "sed -i 's/^20$/twenty/' src/numbers && setfacl -m u:1:r src/numbers")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit of an ACL")
                let four = try draftfs(["refresh", "--merge", "-C", mount("four")])
                try same(four.status, 1, "an ACL and a mode")
                try same(try Self.shell(mount("four"), "stat -c %a src/numbers"), "700\n", "its mode")
            }
        }

        @Test("The log has steps, and the list tells how far each workspace is behind")
        func logAndList() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two", "three"] {
                    try makeDirectory(mount(name))
                    try writeFile(mount("\(name)/\(name)"), name)
                }
                _ = try Self.shell(mount("one"), "for i in 1 2 3 4 5; do echo $i > src/file$i; done; "
                        + "sed -i 's/^3$/three/' src/numbers; sleep 2.2; echo late > late")
                let log = try draftfs(["log", "--pause", "1", "--limit", "3", "-C", mount("one")])
                let lines = log.text.split(separator: "\n")
                try same(lines.count, 4, log.text)
                try expect(lines[1].contains("sh[") && lines[1].contains("and 2 more"), log.text)
                try expect(lines[2].contains("sed[") && lines[2].contains("rename"), log.text)
                try expect(lines[3].contains("late"), log.text)
                let json = try draftfs(["log", "--json", "--limit", "1", "-C", mount("one")])
                try expect(json.text.contains("\"path_count\": 1"), json.text)
                try writeFile(mount("two/src/numbers"), "1\n2\n")
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "the commit")
                func row(_ name: String) throws -> [Substring] {
                    let list = try draftfs(["list", "--lines", "-C", mount.root])
                    try same(list.status, 0, list.errorText)
                    let line = list.text.split(separator: "\n").first { $0.hasPrefix(name + " ") } ?? ""
                    return line.split(separator: " ")
                }
                // NAME ID FILES SIZE UNIT BEHIND ADDED MODIFIED DELETED RENAMED CONFLICTS DRIFT + -
                try same(try row("two")[5...].prefix(9).map(String.init), [
                    "1", "1", "1", "0", "0", "1", "0", "1", "38",
                ], "two")
                try same(try draftfs(["refresh", "--ours", "-C", mount("two")]).status, 0, "the refresh")
                try same(try row("two")[5...].prefix(7).map(String.init), [
                    "0", "1", "1", "0", "0", "0", "0",
                ], "two after the refresh")
                try mount.remount()
                let list = try draftfs(["list", "--json", "-C", mount.root])
                try expect(
                    list.text.contains("\"name\":\"two\"") && list.text.contains("\"behind\":0"), list.text)
                try expect(list.text.contains("\"behind\":1"), "three is behind: \(list.text)")
            }
        }
    }
}
