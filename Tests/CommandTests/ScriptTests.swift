// The scripts that users run: the files that an installation makes, and exit statuses.

import TestSupport
import Testing

extension CommandTests {
    @Suite struct Scripts {
        private static func run(_ name: String, _ arguments: String...) throws -> ChildResult {
            try ChildProcess.run(
                ["\(TestEnvironment.packageRoot)/scripts/\(name)"] + arguments,
                environment: ["DRAFTFS_BINARY": Program.path])
        }

        @Test func `An installation is whole, and goes as a whole`() throws {
            let directory = try TemporaryDirectory("command")
            let installed = try Self.run("install", "--prefix", "/opt/d", "--destdir", directory.path)
            #expect(installed.status == 0, "\(installed.errorText)")
            for path in [
                "opt/d/bin/draftfs", "sbin/mount.fuse.draftfs", "opt/d/share/man/man1/draftfs.1",
                "opt/d/share/man/man1/draftfs-rollback.1",
                "opt/d/share/bash-completion/completions/draftfs",
                "opt/d/share/zsh/site-functions/_draftfs",
                "opt/d/share/fish/vendor_completions.d/draftfs.fish",
            ] {
                #expect(exists(directory(path)), "\(path)")
            }
            #expect(try readText(directory("sbin/mount.fuse.draftfs"))
                .contains("binary='/opt/d/bin/draftfs'\n"))
            let removed = try Self.run(
                "install", "--prefix", "/opt/d", "--destdir", directory.path, "--uninstall")
            #expect(removed.status == 0, "\(removed.errorText)")
            #expect(try ChildProcess.check(["find", directory.path, "-type", "f"]) == "")
        }

        @Test func `A second name is installed on request, and is the server for agents`() throws {
            let directory = try TemporaryDirectory("command")
            let place = ["--prefix", "/opt/d", "--destdir", directory.path]
            let installed = try ChildProcess.run(
                ["\(TestEnvironment.packageRoot)/scripts/install", "--mcp"] + place,
                environment: ["DRAFTFS_BINARY": Program.path])
            #expect(installed.status == 0, "\(installed.errorText)")
            let server = directory("opt/d/bin/mcp-server-filesystem")
            #expect(exists(server))
            // Its arguments are directories, as those of the reference server.
            let asked = try ChildProcess.shell(
                "echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":"
                    + "{\"protocolVersion\":\"2025-11-25\"}}' | '\(server)' '\(directory.path)'")
            #expect(asked.contains("\"serverInfo\":{\"name\":\"draftfs\""))
            #expect(try ChildProcess.run([server, directory("none")]).status == 1)
            #expect(try ChildProcess.run([server]).status == 2)
            #expect(
                try ChildProcess.run(
                    ["\(TestEnvironment.packageRoot)/scripts/install", "--uninstall"] + place,
                    environment: ["DRAFTFS_BINARY": Program.path]).status == 0)
            #expect(!exists(server))
        }

        /// Runs the lines of scripts/test that choose the program, for each way to call it.
        @Test(arguments: ["", "quick=1", "sanitizer=thread", "quick=1 sanitizer=address"])
        func `scripts/test tests the program that it is given`(_ options: String) throws {
            let script = try readText("\(TestEnvironment.packageRoot)/scripts/test")
            let start = try #require(script.firstRange(of: "if [[ -n $quick ]]; then\n"))
            let end = try #require(script.firstRange(of: "\ncache="))
            let lines = script[start.lowerBound..<end.lowerBound]
            let result = try ChildProcess.run(
                ["bash", "-euc", "quick='' sanitizer='' root=/r scratch=s DRAFTFS_BINARY=/given/draftfs\n"
                    + "\(options)\n\(lines)\necho $DRAFTFS_BINARY"])
            #expect(result.status == 0, "\(result.errorText)")
            #expect(result.text == "/given/draftfs\n")
        }

        @Test func `scripts/mount exits with 2 on wrong usage`() throws {
            #expect(try Self.run("mount", "only-one").status == 2)
            #expect(try Self.run("mount", "--help").status == 0)
        }
    }
}
