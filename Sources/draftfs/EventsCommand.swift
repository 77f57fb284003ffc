// draftfs events: shows the warnings of a mount, and waits for more.

import ArgumentParser
import Glibc

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show warnings: damage, drift, limits.")

    @Flag(help: "Keep running, and show new events.")
    var follow = false

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place()
        var known: [String] = []
        while true {
            let events = try place.objects("events")
            let lines = events.map(\.line)
            for event in events[Self.firstNew(in: lines, after: known)...] {
                print(workspace.json ? event.line : Self.sentence(event.value))
            }
            fflush(nil)
            known = lines
            if !follow { return }
            sleep(1)
        }
    }

    /// Returns the index of the first new event. The file keeps only the last events, so its current
    /// lines begin with a suffix of the lines read before.
    static func firstNew(in lines: [String], after known: [String]) -> Int {
        for dropped in 0...known.count {
            let rest = known[dropped...]
            if lines.starts(with: rest) { return rest.count }
        }
        return 0
    }

    static func sentence(_ event: JSONValue) -> String {
        let workspace = event["workspace"]?.text.map { "\(Text.printable($0)): " } ?? ""
        return "\(Text.short(event["time"]?.plain ?? ""))  "
            + "\(Text.printable(event["severity"]?.plain ?? ""))  "
            + workspace + Text.printable(event["message"]?.plain ?? "")
    }
}
