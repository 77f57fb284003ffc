// draftfs unmount: detaches a mount and waits until its daemon has closed the store.

import ArgumentParser
import Fuse
import Glibc
import Overlay
import Platform

struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Unmount, and wait until everything is written.")

    @Argument(help: "The mount point.")
    var mountPoint: String

    @Flag(help: "Detach even while files are in use.")
    var force = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        let path = Placement.resolve(mountPoint)
        guard Session.mountedType(on: path) == "fuse.draftfs" else {
            throw fail("no draftfs is mounted on \(mountPoint)")
        }
        let status = StatusText.read(path).flatMap { JSONValue(parsing: $0.utf8) }
        let daemon = (status?["daemon_pid"]?.unsigned).flatMap(pid_t.init(exactly:))
        do throws(MountFailure) {
            try Session.forceUnmount(path, lazily: force)
        } catch {
            throw fail(error.message)
        }
        if let daemon { waitForEnd(daemon) }
        if json { print(#"{"unmounted": true}"#) }
    }

    /// The daemon writes its last checkpoint after the mount is gone; a minute bounds the wait.
    private func waitForEnd(_ daemon: pid_t) {
        for _ in 0..<6000 {
            if !isRunning(daemon) { return }
            usleep(10_000)
        }
    }

    /// A process that has ended but was not waited for by its parent is no running one.
    private func isRunning(_ process: pid_t) -> Bool {
        guard let file = try? File.open("/proc/\(process)/stat", flags: O_RDONLY),
            let bytes = try? file.readBytes(512, at: 0), let end = bytes.lastIndex(of: 0x29)
        else { return false }
        return bytes.dropFirst(end + 2).first != 0x5a
    }
}
