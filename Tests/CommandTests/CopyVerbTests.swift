// copy and edit-copy with real files, in a plain directory and in a workspace: what is copied, existing
// files, dry runs, and the errors of failures.

import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct CopyVerbs {
        enum Kind: String, CaseIterable {
            case plain, workspace

            static let all: [Kind] = TestEnvironment.canMount ? [.plain, .workspace] : [.plain]
        }

        /// A directory with a tree to copy.
        private struct Bench {
            let root: String
            private let directory: TemporaryDirectory?
            private let mount: TestMount?

            init(_ kind: Kind) throws {
                switch kind {
                case .plain:
                    let directory = try TemporaryDirectory("command")
                    (self.directory, mount, root) = (directory, nil, directory.path)
                case .workspace:
                    let mount = try TestMount()
                    (directory, self.mount, root) = (nil, mount, mount.root)
                }
                for name in ["s", "s/d", "s/empty"] { try makeDirectory(self(name)) }
                for name in ["s/a.txt", "s/b.c", "s/d/c.txt"] { try writeFile(self(name), "\(name)\n") }
                try writeFile(self("s/d/large.txt"), String(repeating: "x", count: 5_000))
                try must("symlink", symlink("a.txt", self("s/link")))
                try must("chmod", chmod(self("s/a.txt"), 0o640))
                let old = timeval(tv_sec: 1_000_000_000, tv_usec: 0)
                try must("utimes", utimes(self("s/b.c"), [old, old]))
            }

            func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

            func run(_ arguments: [String]) throws -> ChildResult {
                try Program.run(arguments, directory: root)
            }

            /// Returns all names below a directory.
            func tree(_ name: String) throws -> [String] {
                let text = try ChildProcess.shell(
                    "cd '\(self(name))'; find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort")
                return text.split(separator: "\n").map(String.init)
            }

            /// Runs a command that must fail with one sentence and change nothing.
            func fail(_ arguments: [String], with words: String) throws {
                let before = try ChildProcess.shell("cd '\(root)'; find . -ls; grep -r . . | LC_ALL=C sort")
                let result = try run(arguments)
                #expect(result.status == 1 && result.text.isEmpty, "\(result.text)")
                #expect(result.errorText.hasPrefix("draftfs: ") && result.errorText.contains(words))
                #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
                let after = try ChildProcess.shell("cd '\(root)'; find . -ls; grep -r . . | LC_ALL=C sort")
                #expect(before == after)
            }
        }

        private static func json(_ result: ChildResult) throws -> JSONValue {
            #expect(result.status == 0, "\(result.errorText)")
            return try #require(JSONValue(parsing: result.text.utf8))
        }

        @Test(arguments: Kind.all)
        func `A tree is copied as it is, and JSON says what came`(kind: Kind) throws {
            let bench = try Bench(kind)
            let plain = try bench.run(["copy", "s", "new/t"])
            #expect(plain.status == 0 && plain.text.isEmpty && plain.errorText.isEmpty)
            #expect(try bench.tree("new/t") == bench.tree("s"))
            #expect(try readText(bench("new/t/d/c.txt")) == "s/d/c.txt\n")
            #expect(try status(bench("new/t/a.txt")).st_mode & 0o777 == 0o640)
            #expect(try status(bench("new/t/b.c")).st_mtim.tv_sec == 1_000_000_000)
            let json = try Self.json(try bench.run(["copy", "s", "t", "--json"]))
            #expect(json["files"]?.unsigned == 4 && json["directories"]?.unsigned == 3)
            #expect(json["links"]?.unsigned == 1 && json["bytes"]?.unsigned == 5_024)
            #expect(json["dry_run"]?.boolean == false && json["skipped"]?.unsigned == 0)
            if kind == .workspace { #expect(json["shared_bytes"]?.unsigned == 5_024) }
        }

        @Test(
            arguments: Kind.all,
            [
                (["--include", "*.txt", "--exclude", "large*"], "a.txt d d/c.txt"),
                (["--include", "*.txt", "--flatten", "--rename", "{nn}-{stem}{ext}"],
                    "01-a.txt 02-c.txt 03-large.txt"),
                (["--min-size", "1000", "--symlinks", "skip"], "d d/large.txt empty"),
                (["--max-size", "8", "--include", "*.txt"], "a.txt"),
                (["--older-than", "10w", "--include", "*.c"], "b.c"),
                (["--newer-than", "1h", "--include", "*.c"], ""),
                (["--include", "link", "--symlinks", "follow"], "link"),
            ])
        func `Options choose and name what is copied`(
            kind: Kind, item: (options: [String], names: String)
        ) throws {
            let bench = try Bench(kind)
            let result = try bench.run(["copy", "s", "t"] + item.options)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(try bench.tree("t").joined(separator: " ") == item.names)
        }

        @Test(arguments: Kind.all)
        func `What is in the way stays, or goes as it is said`(kind: Kind) throws {
            let bench = try Bench(kind)
            try makeDirectory(bench("t"))
            try writeFile(bench("t/a.txt"), "mine\n")
            try bench.fail(["copy", "s", "t"], with: "exists already")
            func copy(_ rule: String) throws -> JSONValue {
                try Self.json(try bench.run(["copy", "s", "t", "--on-conflict", rule, "--json"]))
            }
            let skipped = try copy("skip")
            #expect(skipped["files"]?.unsigned == 3 && skipped["skipped"]?.unsigned == 1)
            #expect(try readText(bench("t/a.txt")) == "mine\n")
            #expect(try copy("newer")["replaced"]?.unsigned == 0)
            let renamed = try bench.run(["copy", "s/a.txt", "t/a.txt", "--on-conflict", "rename"])
            #expect(renamed.status == 0, "\(renamed.errorText)")
            #expect(try readText(bench("t/a (2).txt")) == "s/a.txt\n")
            #expect(try copy("overwrite")["replaced"]?.unsigned == 5)
            #expect(try readText(bench("t/a.txt")) == "s/a.txt\n")
            #expect(try bench.tree(".").filter { $0.contains(".draftfs") } == [])
        }

        @Test(arguments: Kind.all)
        func `A dry run says what would be copied and copies nothing`(kind: Kind) throws {
            let bench = try Bench(kind)
            let dry = try bench.run(["copy", "s", "t", "--include", "*.txt", "--dry-run"])
            #expect(dry.status == 0 && !exists(bench("t")))
            #expect(dry.text.contains("s/d/c.txt -> ") && dry.text.contains("t/d/c.txt\n"))
            #expect(dry.text.hasSuffix("would copy 3 files, 2 directories, 0 links, 5018 bytes\n"))
            let json = try Self.json(try bench.run(["copy", "s", "t", "--dry-run", "--json"]))
            #expect(json["dry_run"]?.boolean == true && json["files"]?.unsigned == 4)
            #expect(!exists(bench("t")))
            try makeDirectory(bench("t"))
            try writeFile(bench("t/a.txt"), "")
            try bench.fail(["copy", "s", "t", "--dry-run"], with: "exists already")
        }

        @Test(arguments: Kind.all)
        func `Templates are filled in, and names that other systems lack are warned of`(
            kind: Kind
        ) throws {
            let bench = try Bench(kind)
            try writeFile(bench("s/{{name}}.md"), "# {{name}}: {{what}}\n")
            try bench.fail(["copy", "s", "t", "--var", "name=x"], with: "line 1: {{what}}")
            let json = try Self.json(
                try bench.run(["copy", "s", "t", "--var", "name=x", "--var", "what=a=b", "--json"]))
            #expect(json["templates"]?.unsigned == 1)
            #expect(try readText(bench("t/x.md")) == "# x: a=b\n")
            try writeFile(bench("s/con"), "")
            let odd = try bench.run(["copy", "s", "u", "--portable"])
            #expect(odd.status == 0 && odd.errorText.contains("draftfs: con"))
        }

        @Test(arguments: Kind.all)
        func `What cannot be copied is said in one sentence`(kind: Kind) throws {
            let bench = try Bench(kind)
            try bench.fail(["copy", "none", "t"], with: "No such file")
            try bench.fail(["copy", "s", "s/d/x"], with: "a copy cannot contain itself")
            try bench.fail(["copy", "s/d", "s/a.txt"], with: "directory")
            try bench.fail(["copy", "s/link", "t", "--symlinks", "skip"], with: "symlink")
            try bench.fail(["copy", "s", "t", "--rename", "{what}"], with: "{what} is not known")
            try bench.fail(["copy", "s", "t", "--include", "["], with: "[")
            for wrong in [
                ["copy", "s"], ["copy", "s", "t", "--on-conflict", "never"],
                ["copy", "s", "t", "--symlinks", "never"], ["copy", "s", "t", "--older-than", "old"],
                ["copy", "s", "t", "--preserve", "name"], ["copy", "s", "t", "--var", "x"],
            ] {
                #expect(try bench.run(wrong).status == 2, "\(wrong)")
            }
        }

        @Test(arguments: Kind.all)
        func `A copy is edited before it gets its name`(kind: Kind) throws {
            let bench = try Bench(kind)
            let text = String(repeating: "a line\n", count: 20_000) + "port = 80\n"
            try writeFile(bench("conf"), text)
            let plain = try bench.run(
                ["edit-copy", "conf", "out/a", "--old", "port = 80", "--new", "port = 81"])
            #expect(plain.status == 0 && plain.text.isEmpty && plain.errorText.isEmpty)
            #expect(try readText(bench("out/a")) == text.dropLast(3) + "81\n")
            #expect(try readText(bench("conf")) == text)
            let json = try Self.json(
                try bench.run(
                    ["edit-copy", "conf", "b", "--regex", "port = (\\d+)", "--new", "$1", "--json"]))
            #expect(json["edited"]?.unsigned == 1 && json["replaced"]?.boolean == false)
            #expect(json["size"]?.unsigned == UInt64(text.utf8.count - 7))
            #expect(json["diff"]?.text?.contains("+80\n") == true)
            if kind == .workspace { #expect((json["shared_bytes"]?.unsigned ?? 0) > 100_000) }
            try bench.fail(
                ["edit-copy", "conf", "b", "--lines", "1:1", "--new", "x"], with: "exists already")
            let over = try Self.json(
                try bench.run(
                    ["edit-copy", "s/a.txt", "b", "--lines", "1:1", "--new", "x", "--overwrite", "--json"]))
            #expect(over["replaced"]?.boolean == true)
            #expect(try readText(bench("b")) == "x\n")
            #expect(try bench.tree(".").filter { $0.contains(".draftfs") } == [])
        }

        @Test(arguments: Kind.all)
        func `A dry run of an edited copy shows the change, and a failure leaves no copy`(
            kind: Kind
        ) throws {
            let bench = try Bench(kind)
            let change = ["edit-copy", "s/a.txt", "b", "--old", "s/a", "--new", "A"]
            let dry = try bench.run(change + ["--dry-run"])
            #expect(dry.status == 0 && dry.text.contains("-s/a.txt\n+A.txt\n") && !exists(bench("b")))
            try bench.fail(
                ["edit-copy", "s/a.txt", "b", "--old", "none", "--new", ""], with: "not in the file")
            try bench.fail(
                ["edit-copy", "s/d/large.txt", "b", "--old", "x", "--new", ""], with: "several places")
            try bench.fail(["edit-copy", "none", "b", "--old", "x", "--new", ""], with: "No such file")
            try bench.fail(["edit-copy", "s/a.txt", "s/d", "--old", "a", "--new", ""], with: "directory")
            for wrong in [
                ["edit-copy", "s/a.txt", "b"], ["edit-copy", "s/a.txt", "b", "--old", "a"],
                ["edit-copy", "s/a.txt", "--old", "a", "--new", "b"],
            ] {
                #expect(try bench.run(wrong).status == 2, "\(wrong)")
            }
        }
    }
}
