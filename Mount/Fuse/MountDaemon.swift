// MountDaemon: the process that serves a FUSE mount. It is found by its connection to the kernel,
// identified by process number and start time, and ended with SIGTERM.

internal import Glibc
package import Platform

package struct MountDaemon: Equatable, Sendable {
    package let pid: UInt32
    /// The start time, in clock ticks since boot. Tells the process from a later one with the same
    /// number.
    private let started: UInt64

    /// Returns nil if there is no such process or it has no connection to FUSE.
    package init?(pid: UInt32) {
        let connects = ProcessTable.descriptors(of: pid).contains { Self.isDevice(pid, $0) }
        guard connects, let fields = Self.status(of: pid) else { return nil }
        self.pid = pid
        started = fields.started
    }

    /// Finds the server of a mount by `fuse_connection` in /proc/PID/fdinfo, which Linux has since
    /// 6.16. Returns nil if that line is missing or the process is not visible to the caller.
    package init?(serving mount: MountedFileSystem) {
        let mark = Array("fuse_connection:".utf8)
        for pid in ProcessTable.processes {
            for number in ProcessTable.descriptors(of: pid) where Self.isDevice(pid, number) {
                let text = ProcessTable.content("/proc/\(pid)/fdinfo/\(number)")
                let serves = text.split(separator: 0x0a).contains { line in
                    let words = line.split(whereSeparator: { $0 == 0x09 || $0 == 0x20 })
                    return words.count == 2 && words[0].elementsEqual(mark)
                        && UInt32(String(decoding: words[1], as: UTF8.self)) == mount.minor
                }
                if serves, mount.major == 0, let daemon = MountDaemon(pid: pid) {
                    self = daemon
                    return
                }
            }
        }
        return nil
    }

    private static func isDevice(_ pid: UInt32, _ number: UInt32) -> Bool {
        guard let directory = try? File.open("/proc/\(pid)/fd", flags: O_RDONLY | O_DIRECTORY)
        else { return false }
        let target = try? directory.readSymlink(Array("\(number)".utf8))
        return target == Array("/dev/fuse".utf8)
    }

    /// Whether the process still runs. A zombie does not run. A process of which only the first
    /// thread has ended does.
    package var isRunning: Bool {
        guard let fields = Self.status(of: pid), fields.started == started else { return false }
        return fields.state != UInt8(ascii: "Z") || ProcessTable.threads(of: pid).count > 1
    }

    /// Whether the process is in the mount namespace of the calling process.
    package var sharesMountNamespace: Bool {
        ProcessTable.mountNamespace(of: "\(pid)") == ProcessTable.mountNamespace(of: "self")
    }

    /// Sends SIGTERM. The server then writes its dirty data, detaches its mount and cuts the
    /// connection.
    package func askToEnd() throws(Errno) {
        if kill(pid_t(bitPattern: pid), SIGTERM) != 0 { throw .last }
    }

    /// Returns the state and start time of /proc/PID/stat. The process name before them may contain
    /// any byte.
    private static func status(of pid: UInt32) -> (state: UInt8, started: UInt64)? {
        let bytes = ProcessTable.content("/proc/\(pid)/stat", limit: 4_096)
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let words = bytes[(end + 1)...].split(whereSeparator: { $0 == 0x20 || $0 == 0x0a })
        guard words.count > 19, let state = words[0].first,
            let started = UInt64(String(decoding: words[19], as: UTF8.self)) else { return nil }
        return (state, started)
    }
}
