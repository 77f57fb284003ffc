// The patch of two plain trees, applied by git apply: the result is the new tree, byte by byte.

import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Patches {
        /// A base and a workspace over it, with the lines of a diff.
        private struct Pair {
            let fake: FakeWorkspace
            var base: String { fake.directory("base") }

            init(_ script: String, diff: [String]) throws {
                fake = try FakeWorkspace()
                try makeDirectory(base)
                try must("symlink", symlink(base, fake(".draft/at/base")))
                try fake.set("diff", diff.joined(separator: "\n") + "\n")
                try ChildProcess.shell(
                    script, environment: ["B": base, "W": fake.root, "LC_ALL": "C.UTF-8"])
            }

            /// Applies the patch to a copy of the base. Returns the differences to the workspace.
            func applied(_ arguments: String...) throws -> String {
                let result = try Program.run(
                    ["diff", "--patch", "-C", fake.root] + arguments, directory: "/")
                guard result.status == 0 else { throw CheckFailure(result.errorText) }
                try writeFile(fake.directory("patch"), result.output)
                return try ChildProcess.shell(
                    """
                    cp -a base out; cd out
                    if [ -s ../patch ]; then
                        GIT_CEILING_DIRECTORIES=$(dirname "$PWD") git apply --whitespace=nowarn ../patch
                    fi
                    cd ..; mv ws/.draft draft
                    diff -r --no-dereference out ws || true
                    cd ws; find . -type f -perm -u+x | sort >../w; cd ../out
                    find . -type f -perm -u+x | sort >../o; cd ..; diff o w || true
                    """, directory: fake.directory.path)
            }
        }

        @Test(arguments: [
            ("printf '1\\n2\\n3\\n' >$B/a; printf '1\\nzwei\\n3' >$W/a", ["M\t6\t8\ta"]),
            ("printf 'a\\r\\nb\\r\\n' >$B/a; printf 'a\\r\\nc\\r\\n' >$W/a; "
                + "for t in $B $W; do echo '* text=auto eol=crlf' >$t/.gitattributes; done",
                ["M\t6\t6\ta"]),
            ("head -c 9000 /dev/zero >$B/a; printf 'x\\0y' >$W/a", ["M\t9000\t3\ta"]),
            ("head -c 90000 /dev/urandom >$W/a", ["A\t-\t90000\ta"]),
            ("head -c 90000 /dev/urandom >$B/a", ["D\t90000\t-\ta"]),
            (": >$W/a", ["A\t-\t0\ta"]),
            (": >$B/a", ["D\t0\t-\ta"]),
            ("echo x >$B/a; cp $B/a $W/a; chmod +x $W/a", ["P\t2\t2\ta"]),
            ("echo x >$B/a; echo y >$W/a; chmod +x $B/a", ["M\t2\t2\ta"]),
            ("ln -s 'to here' $W/a", ["A\t-\t7\ta"]),
            ("ln -s x $B/a; ln -s y $W/a", ["M\t1\t1\ta"]),
            ("ln -s x $B/a", ["D\t1\t-\ta"]),
            ("mkdir $B/d $W/d; ln -s d $W/a; ln -s 'd/..' $W/'b c'", ["A\t-\t1\ta", "A\t-\t4\tb c"]),
            ("mkdir $B/d $W/d; ln -s d $B/a", ["D\t1\t-\ta"]),
            ("mkdir $B/d $W/d; ln -s d $B/a; ln -s ./d $W/a", ["M\t1\t3\ta"]),
            ("mkdir $B/d $W/d; ln -s d $B/a; ln -s d $W/b", ["R\t1\t1\ta\tb"]),
            ("mkdir $B/d $W/d; ln -s d $B/a; ln -s x $W/a", ["M\t1\t1\ta"]),
            ("mkdir $B/d $W/d; ln -s d $B/a; echo x >$W/a", ["T\t1\t2\ta"]),
            ("echo x >$B/a; ln -s y $W/a", ["T\t2\t1\ta"]),
            ("mkdir $B/a; echo x >$B/a/in; echo y >$W/a", ["T\t-\t2\ta"]),
            ("mkdir $W/a; echo x >$W/a/in; echo y >$B/a", ["T\t2\t-\ta"]),
            ("mkdir $W/d; echo x >$W/d/x", ["A\t-\t-\td", "A\t-\t2\td/x"]),
            ("mkdir $B/d; echo x >$B/d/x", ["D\t-\t-\td"]),
            ("echo x >$B/a; echo x >$W/b", ["R\t2\t2\ta\tb"]),
            ("echo x >$B/a; echo y >\"$W/b c\"; chmod +x \"$W/b c\"", ["R\t2\t2\ta\tb c"]),
            ("mkdir $B/d $W/e; for f in 1 2 3; do echo $f >$B/d/$f; echo $f >$W/e/$f; done; "
                + "rm $B/d/1 $W/e/2; echo new >$W/e/3",
                ["R\t-\t-\td\te", "M\t2\t4\te/3", "A\t-\t2\te/1"]),
            ("mkdir $W/d; echo x >$B/a; echo x >$W/d/a", ["A\t-\t-\td", "R\t2\t2\ta\td/a"]),
        ] as [(String, [String])])
        func `git apply makes the workspace out of the base`(script: String, diff: [String]) throws {
            #expect(try Pair(script, diff: diff).applied() == "")
        }

        @Test(arguments: [
            "two words", " lead", "trail ", "tab\there", "quo\"te", "back\\slash", "grün", "it's",
            "a -> b", "{a,b}", "-dash", "[x]*?", "line\nend", "#x", "b", "a b", "dev",
        ])
        func `Any name is taken`(name: String) throws {
            let quoted = ShellWords.quoted(name)
            let path = GitQuoting.quoted(Array(name.utf8))
            for (script, line) in [
                ("echo x >$B/\(quoted); echo y >$W/\(quoted)", "M\t2\t2\t\(path)"),
                ("echo x >$B/\(quoted)", "D\t2\t-\t\(path)"),
                ("echo y >$W/\(quoted)", "A\t-\t2\t\(path)"),
                ("printf 'x\\0' >$W/\(quoted)", "A\t-\t2\t\(path)"),
                ("echo x >$B/o; echo x >$W/\(quoted)", "R\t2\t2\to\t\(path)"),
            ] {
                #expect(try Pair(script, diff: [line]).applied() == "", "\(line)")
            }
        }

        @Test func `A name that is no UTF-8 is taken`() throws {
            let pair = try Pair("echo x >$W/$'a\\377'", diff: ["A\t-\t2\t\"a\\377\""])
            #expect(try pair.applied() == "")
        }

        @Test func `Paths choose what is in the patch`() throws {
            let pair = try Pair(
                "mkdir $W/d; echo x >$W/d/x; echo y >$W/y", diff: ["A\t-\t2\td/x", "A\t-\t2\ty"])
            #expect(try pair.applied("y").hasPrefix("Only in ws: d\n"))
        }

        @Test func `Pipes and empty directories are no part of a patch, and nothing waits`() throws {
            let pair = try Pair(
                "mkfifo $W/p $B/q $W/q; mkdir $W/e",
                diff: ["A\t-\t-\tp", "P\t-\t-\tq", "A\t-\t-\te"])
            #expect(try pair.applied().contains("Only in ws: e"))
        }

        @Test func `Without git a sentence says so`() throws {
            let pair = try Pair("echo x >$W/a", diff: ["A\t-\t2\ta"])
            let result = try ChildProcess.run(
                [Program.path, "diff", "--patch", "-C", pair.fake.root],
                environment: ["PATH": "/nonexistent"])
            #expect(result.status == 1)
            #expect(result.errorText.hasPrefix("draftfs: this needs git"))
        }

        @Test func `Lines are counted, and the paths are listed alone`() throws {
            let script = """
                printf '1\\n2\\n3\\n' >$B/m; printf '1\\nx\\n3\\n4\\n' >$W/m
                printf 'a\\nb\\n' >$W/'new file'; printf 'gone' >$B/gone
                mkdir $B/d; printf '1\\n' >$B/d/old; printf '1\\n2\\n' >$W/moved
                printf '\\0\\1' >$W/binary; printf same >$B/mode; cp $B/mode $W/mode; chmod +x $W/mode
                """
            let pair = try Pair(
                script,
                diff: [
                    "M\t6\t8\tm", "A\t-\t4\tnew file", "D\t4\t-\tgone", "R\t2\t4\td/old\tmoved",
                    "A\t-\t2\tbinary", "P\t4\t4\tmode",
                ])
            let stat = try Program.run(["diff", "--stat", "-C", pair.fake.root])
            #expect(stat.text == """
                +1  -0  moved
                +2  -1  m
                +2  -0  new file
                +0  -1  gone
                 -   -  binary
                +0  -0  mode
                +5  -2  6 files

                """, "\(stat.errorText)")
            let json = try Program.run(["diff", "--stat", "--json", "-C", pair.fake.root, "binary"])
            #expect(json.text == #"{"path": "binary", "added": null, "removed": null}"# + "\n")
            let names = try Program.run(["diff", "--name-only", "-C", pair.fake.root])
            #expect(names.text == "m\nnew file\ngone\nmoved\nbinary\nmode\n")
        }

        @Test func `Nothing stays in the directory for temporary files`() throws {
            let pair = try Pair("echo x >$W/a", diff: ["A\t-\t2\ta"])
            let place = pair.fake.directory("tmp")
            try makeDirectory(place)
            let result = try ChildProcess.run(
                [Program.path, "diff", "--patch", "-C", pair.fake.root],
                environment: ["TMPDIR": place])
            #expect(result.status == 0)
            #expect(try names(in: place).filter { $0 != [0x2e] && $0 != [0x2e, 0x2e] } == [])
        }
    }
}
