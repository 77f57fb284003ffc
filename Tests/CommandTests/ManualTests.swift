// Manual pages and completion scripts, which are made from the commands' own descriptions.

import ArgumentParser
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Manual {
        static let pages = ManualPage.all(
            JSONValue(parsing: Draftfs._dumpHelp().utf8) ?? .null, version: "1.2.3",
            date: "2026-01-31")

        @Test func `There is a page for each verb, and none for hidden ones`() {
            let shown = Draftfs.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            #expect(Self.pages.map(\.file)
                == ["draftfs.1"] + shown.map { "draftfs-\($0._commandName).1" })
        }

        @Test(arguments: pages.map(\.file))
        func `A page begins with its title, and no line is a request by accident`(
            file: String
        ) throws {
            let text = try #require(Self.pages.first { $0.file == file }).text
            #expect(text.hasPrefix(".TH \"DRAFTFS"))
            let known = [".TH", ".SH", ".TP", ".HP", ".PP", ".BR"]
            for line in text.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
                #expect(known.contains { line.hasPrefix($0) }, "\(line)")
            }
        }

        @Test func `The pages are written where they are asked for`() throws {
            let directory = try TemporaryDirectory("command")
            #expect(try Program.run(["generate-manual", directory.path]).status == 0)
            #expect(exists(directory("draftfs-diff.1")))
            #expect(try Program.run(["generate-manual", directory("none")]).status == 1)
        }

        @Test(arguments: ["bash", "zsh", "fish"])
        func `Each shell has a completion script`(shell: String) throws {
            let script = try Program.run(["completion", shell])
            #expect(script.status == 0)
            #expect(script.text.contains("rollback"))
            #expect(!script.text.contains("generate-manual"))
            let json = try Program.run(["completion", shell, "--json"])
            #expect(JSONValue(parsing: json.output)?["script"]?.text == script.text)
        }
    }
}
