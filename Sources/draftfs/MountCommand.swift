// draftfs mount: checks the command line, then serves in the foreground, or lets a child process
// serve and returns once the mount answers.

import ArgumentParser
import Control
import Fuse
import Glibc
import Logging
import MountServer
import Overlay
import Platform

enum LogTarget: String, ExpressibleByArgument, CaseIterable { case stderr, syslog }

struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount workspaces over a base directory.",
        discussion: """
            Without --workspace the mount point lists the workspaces, and mkdir there forks a new \
            one. With it the mount point is that workspace, made if it does not exist.
            """)

    @Argument(help: "The base: the directory that the workspaces show. It is never changed.")
    var base: String

    @Argument(help: "An existing directory to mount on.")
    var mountPoint: String

    @Option(help: "The directory for all data. Default: a directory below ~/.local/state/draftfs.")
    var store: String?

    @Option(help: "Mount this workspace instead of the list of all.")
    var workspace: String?

    @Option(
        name: [.customShort("o"), .customLong("options")],
        help: "Options of mount(8), separated by commas; also store=DIR and workspace=NAME.")
    var options: [String] = []

    @Flag(help: "Serve in this process instead of in the background.")
    var foreground = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    @Option(help: "Where messages go: stderr or syslog. Default: stderr in the foreground.")
    var log: LogTarget?

    @Flag(help: "Print the result as JSON.")
    var json = false

    /// The descriptor on which a child in the background reports that it serves.
    @Option(help: .hidden)
    var readyDescriptor: Int32?

    mutating func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("there is no log level \(logLevel)")
        }
    }

    func run() throws {
        let request = try makeRequest()
        try clearDeadMount()
        if foreground {
            try serve(request)
        } else {
            try Background.start(log: log ?? .syslog)
            if json {
                print(#"{"mounted": \#(JSONText.quoted(Placement.resolve(mountPoint)))}"#)
            }
        }
    }

    /// Character device 10, 229 (devices.txt of the kernel).
    private static let fuseDevice: dev_t = 10 << 8 | 229

    private func makeRequest() throws -> MountRequest {
        let parsed: MountOptions
        do throws(MountFailure) {
            parsed = try MountOptions(
                options.joined(separator: ","), productKeys: ["store", "workspace"],
                privileged: geteuid() == 0)
        } catch {
            throw fail(error.message)
        }
        var device = stat()
        if stat("/dev/fuse", &device) != 0 || device.st_mode & S_IFMT != S_IFCHR
            || device.st_rdev != Self.fuseDevice {
            throw fail(
                "/dev/fuse is missing or not a FUSE device: load the fuse module (modprobe fuse), or give "
                    + "this container the device (--device /dev/fuse); run draftfs doctor for details")
        }
        var isDirectory = stat()
        if stat(mountPoint, &isDirectory) == 0, isDirectory.st_mode & S_IFMT != S_IFDIR {
            throw fail("the mount point \(mountPoint) is not a directory")
        } else if access(mountPoint, F_OK) != 0, errno == ENOENT {
            throw fail("the mount point \(mountPoint) does not exist: make the directory first")
        }
        if let name = workspace ?? parsed.product["workspace"] {
            if name == ".draft" || (try? FileName(name)) == nil {
                throw fail(
                    "\"\(name)\" cannot be a workspace's name: give 1 to 255 bytes without /, "
                        + "and none of . .. .draft")
            }
        }
        return MountRequest(
            base: base, mountPoint: mountPoint,
            store: store ?? parsed.product["store"] ?? DefaultStore.path(for: base),
            workspace: workspace ?? parsed.product["workspace"], options: parsed,
            version: Draftfs.version)
    }

    /// Detaches a draftfs mount whose daemon died: it stays mounted and returns ENOTCONN.
    private func clearDeadMount() throws {
        var status = stat()
        let isDead = stat(mountPoint, &status) != 0 && errno == ENOTCONN
        guard Session.mountedType(on: Placement.resolve(mountPoint)) == "fuse.draftfs" else { return }
        guard isDead else {
            throw fail(
                "\(mountPoint) has a draftfs mount already: unmount it first, or choose "
                    + "another mount point")
        }
        do throws(MountFailure) {
            try Session.forceUnmount(mountPoint)
        } catch {
            throw fail(error.message)
        }
    }

    private func serve(_ request: MountRequest) throws {
        MountServer.blockSignals()
        // Only the store's owner may read its files, including those of SQLite.
        umask(0o077)
        let level = Logger.Level(rawValue: logLevel) ?? .info
        let logger = Logging.makeLogger(log ?? .stderr, level: level)
        let ready = readyDescriptor.map { Background.Reporter($0) }
        do throws(MountServerError) {
            let server = try MountServer(request, logger: logger)
            logger.info("mounted \(request.base) on \(request.mountPoint), store \(request.store)")
            ready?.succeed()
            try server.run()
        } catch {
            ready?.fail(error.description)
            throw fail(error.description)
        }
    }
}

/// The default store: one directory for each base.
enum DefaultStore {
    static func path(for base: String) -> String {
        let real = Placement.resolve(base)
        let hash = String(Checksum.xxh3(Array(real.utf8)), radix: 16)
        let name = real.split(separator: "/").last.map(String.init) ?? "root"
        makeDirectories(directory)
        return "\(directory)/\(name)-\(hash)"
    }

    static var directory: String { "\(stateDirectory)/draftfs" }

    private static var stateDirectory: String {
        if let path = getenv("XDG_STATE_HOME").map({ String(cString: $0) }), path.hasPrefix("/") {
            return path
        }
        let home = getenv("HOME").map { String(cString: $0) } ?? "/root"
        return "\(home)/.local/state"
    }

    private static func makeDirectories(_ path: String) {
        var made = ""
        for name in path.split(separator: "/") {
            made += "/\(name)"
            mkdir(made, 0o700)
        }
    }
}
