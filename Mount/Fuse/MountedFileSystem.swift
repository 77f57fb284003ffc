// MountedFileSystem: one line of /proc/PID/mountinfo (proc(5)), which lists the mounts in the mount
// namespace of a process.

internal import Glibc
internal import Platform

package struct MountedFileSystem: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var mountPoint: [UInt8]
    /// For example `fuse.draftfs`; empty if the line has no type.
    package var type: String

    /// The device number, as in st_dev.
    package var device: UInt64 { FileStatus.device(major: major, minor: minor) }

    /// Parses a line such as `36 35 98:0 / /mnt\040x rw,noatime ...`.
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
        // Optional fields end with a lone `-`; the type follows it.
        let rest = fields.count > 5 ? fields[5].split(separator: UInt8(ascii: " ")) : []
        let afterDash = rest.drop { !$0.elementsEqual([UInt8(ascii: "-")]) }.dropFirst()
        type = afterDash.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Decodes a mount point. The kernel writes space, tab, newline and backslash as `\` and three
    /// octal digits.
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

    /// Returns all mounts of a process in the kernel's order: later mounts cover earlier ones.
    static func table(of process: String = "self") -> [MountedFileSystem] {
        ProcessTable.content("/proc/\(process)/mountinfo").split(separator: 0x0a)
            .compactMap { MountedFileSystem(line: $0) }
    }

    /// Returns the topmost mount on an absolute path without symlinks.
    package static func on(_ path: String) -> MountedFileSystem? {
        let wanted = Array(path.utf8)
        return table().last { $0.mountPoint == wanted }
    }

    /// Returns the distinct mounts on an absolute path in mount namespaces other than the caller's.
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

    /// Aborts the connection of a FUSE mount, so that all processes that wait for its server get an
    /// error. Returns false if fusectl is not mounted or the caller may not write to it.
    package func abortConnection() -> Bool {
        let path = "/sys/fs/fuse/connections/\(minor)/abort"
        guard major == 0, let file = fopen(path, "we") else { return false }
        let written = fputs("1", file)
        return fclose(file) == 0 && written >= 0
    }
}
