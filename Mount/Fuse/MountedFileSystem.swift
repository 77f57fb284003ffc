// MountedFileSystem: lines of /proc/PID/mountinfo (proc(5)): what is mounted where, in the mount
// namespace of a process.

internal import Glibc
internal import Platform

package struct MountedFileSystem: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var mountPoint: [UInt8]
    /// `fuse.draftfs` and the like; empty where the line has none.
    package var type: String

    /// As st_dev has it.
    package var device: UInt64 { FileStatus.device(major: major, minor: minor) }

    /// `36 35 98:0 / /mnt\040x rw,noatime ...`
    init?(line: some Collection<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
        guard fields.count >= 5 else { return nil }
        let device = fields[2].split(separator: UInt8(ascii: ":"))
        guard device.count == 2,
            let major = UInt32(String(decoding: device[0], as: UTF8.self)),
            let minor = UInt32(String(decoding: device[1], as: UTF8.self))
        else { return nil }
        self.major = major
        self.minor = minor
        mountPoint = MountedFileSystem.unescaped(Array(fields[4]))
        // Optional fields end with a lone `-`; the type follows.
        let rest = fields.count > 5 ? fields[5].split(separator: UInt8(ascii: " ")) : []
        let afterDash = rest.drop { !$0.elementsEqual([UInt8(ascii: "-")]) }.dropFirst()
        type = afterDash.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
    private static func unescaped(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == UInt8(ascii: "\\"), index + 3 < text.endIndex,
                let code = UInt8(
                    String(decoding: text[index + 1...index + 3], as: UTF8.self), radix: 8)
            {
                result.append(code)
                index += 4
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    /// All that a process sees mounted, in the order of the kernel: later ones lie over earlier ones.
    static func table(of process: String = "self") -> [MountedFileSystem] {
        ProcessTable.content("/proc/\(process)/mountinfo").split(separator: 0x0a)
            .compactMap { MountedFileSystem(line: $0) }
    }

    /// The topmost mount on an absolute path without symlinks.
    package static func on(_ path: String) -> MountedFileSystem? {
        let wanted = Array(path.utf8)
        return table().last { $0.mountPoint == wanted }
    }

    /// Mounts on an absolute path in other mount namespaces than the caller's, each once.
    package static func elsewhere(on path: String, type: String) -> [MountedFileSystem] {
        let wanted = Array(path.utf8)
        var seen = Set([ProcessTable.mountNamespace(of: "self")])
        var found: [MountedFileSystem] = []
        for pid in ProcessTable.processes {
            guard let space = ProcessTable.mountNamespace(of: "\(pid)"), seen.insert(space).inserted
            else { continue }
            for mount in table(of: "\(pid)")
            where mount.mountPoint == wanted && mount.type == type && !found.contains(mount) {
                found.append(mount)
            }
        }
        return found
    }

    /// Has the kernel cut the connection of a FUSE mount, so that all who wait for its server get an
    /// error; false where the directory of connections is not mounted, or not ours to use.
    package func abortConnection() -> Bool {
        let path = "/sys/fs/fuse/connections/\(minor)/abort"
        guard major == 0, let file = fopen(path, "we") else { return false }
        let written = fputs("1", file)
        return fclose(file) == 0 && written >= 0
    }
}
