// draftfs unmount: detaches a mount and waits until its daemon has closed the store. Success means
// that the daemon has ended.

import ArgumentParser
import Control
import Fuse
import Glibc
import Overlay
import Platform

struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Unmount, and wait until everything is written and the daemon has ended.",
        discussion: """
            While processes use the mount, or another mount namespace has it, the daemon keeps \
            running: then this command names them, and fails. With --force the daemon writes its data \
            and ends anyway; processes that still use the mount get errors.
            """)

    @Argument(help: "The mount point.")
    var mountPoint: String

    @Flag(help: "End the daemon even while the mount is in use.")
    var force = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        let path = Placement.resolve(mountPoint)
        guard let ending = MountEnd(path) else {
            throw fail("no draftfs is mounted on \(mountPoint)")
        }
        do throws(MountFailure) {
            try force ? ending.force() : ending.unmount()
        } catch {
            if json {
                let holders = ending.holders.processes.map { holder in
                    JSONValue.members([
                        "pid": .integer(holder.pid), "name": .text(holder.name),
                        "uses": .list(holder.uses.map { .text($0.rawValue) }),
                    ])
                }
                let answer = JSONValue.members([
                    "unmounted": .boolean(false), "holders": .list(holders),
                ])
                print(answer.line)
            }
            throw fail(error.message)
        }
        if json { print(#"{"unmounted": true}"#) }
    }
}
