// draftfs generate-manual: writes the manual pages for scripts/install.

import ArgumentParser
import Control
import Glibc
import Platform

struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate-manual",
        abstract: "Write the manual pages of section 1 into a directory.",
        shouldDisplay: false)

    @Argument(help: "The directory; it must exist.", completion: .directory)
    var directory: String

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        guard let description = JSONValue(parsing: Draftfs._dumpHelp().utf8) else {
            throw Failure("the description of the commands cannot be read")
        }
        let date = String(ISOTime.text(Clock.system.realtime()).prefix(10))
        let pages = ManualPage.all(description, version: Draftfs.version, date: date)
        for page in pages {
            let path = "\(directory)/\(page.file)"
            do throws(Errno) {
                let flags = O_WRONLY | O_CREAT | O_TRUNC
                let file = try File.open(path, flags: flags, mode: 0o644)
                try file.writeBytes(Array(page.text.utf8), at: 0)
            } catch {
                throw Failure("cannot write \(Text.printable(path)): \(error)")
            }
        }
        if json { printJSON(["pages": .list(pages.map { .text($0.file) })]) }
    }
}
