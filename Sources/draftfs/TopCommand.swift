// draftfs top: a table of the workspaces that is redrawn each second.

import ArgumentParser
import Glibc

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch the workspaces of a mount: changes a second, logs, memory, events.",
        discussion: """
            q or ^C ends it. Requests a second are those of the whole mount. If standard output \
            is not a terminal, one table is printed, as with --once.
            """)

    @Argument(help: "A mount point, or a directory below. Default: the current directory.")
    var path: String?

    @Flag(help: "Print one table, after a second, and end.")
    var once = false

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place(path.map { [$0] } ?? [])
        let first = try TopSample.read(place)
        if workspace.json {
            try printJSONLines(place, first)
        } else if once || isatty(STDOUT_FILENO) != 1 {
            usleep(1_000_000)
            printText(try TopSample.read(place).table(since: first))
        } else {
            try watch(place, first)
        }
    }

    private func printJSONLines(_ place: Place, _ first: TopSample) throws(Failure) {
        var earlier = first
        repeat {
            usleep(1_000_000)
            let sample = try TopSample.read(place)
            for line in sample.json(since: earlier) { print(line.line) }
            fflush(nil)
            earlier = sample
        } while !once
    }

    /// Draws on the terminal's alternate screen without a cursor, and restores it however the command
    /// ends.
    private func watch(_ place: Place, _ first: TopSample) throws {
        Interrupts.holdBack()
        defer { Interrupts.letIn() }
        printBytes("\u{1b}[?1049h\u{1b}[?25l".utf8)
        defer { printBytes("\u{1b}[?25h\u{1b}[?1049l".utf8) }
        try Terminal.withSingleKeys {
            var earlier = first
            var sample = first
            while true {
                show(sample.table(since: earlier))
                if Terminal.waitForEnd(milliseconds: 1000, keys: Set("qQ".utf8)) { return }
                earlier = sample
                sample = try TopSample.read(place)
            }
        }
    }

    private func show(_ table: String) {
        let width = Terminal.width(STDOUT_FILENO)
        let lines = table.split(separator: "\n", omittingEmptySubsequences: false)
            .prefix(max(1, Terminal.height(STDOUT_FILENO) - 1))
            .map { $0.prefix(width) + "\u{1b}[K" }
        printBytes(("\u{1b}[H" + lines.joined(separator: "\r\n") + "\u{1b}[J").utf8)
    }
}
