// draftfs progress: shows the running jobs.

import ArgumentParser
import Glibc

struct ProgressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "progress",
        abstract: "Show the jobs that run in a workspace or in the store.")

    @Flag(help: "Show them again each second until none runs.")
    var follow = false

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place()
        while true {
            let jobs = try place.objects("progress")
            for job in jobs {
                print(workspace.json ? job.line : ProgressLine.render(job.value, width: 100))
            }
            fflush(nil)
            if !follow || jobs.isEmpty { return }
            sleep(1)
        }
    }
}
