// ProcessTable: facts about processes from /proc: names, descriptors, mappings and mount namespaces.
// A process may end at any time; facts that cannot be read are left out.

internal import Glibc
internal import Platform

enum ProcessTable {
    /// All process numbers in ascending order.
    static var processes: [UInt32] { numbers(in: "/proc").sorted() }

    static func name(of pid: UInt32) -> String {
        ProcessFacts.name(of: pid).map { String(decoding: $0, as: UTF8.self) } ?? "a process"
    }

    static func descriptors(of pid: UInt32) -> [UInt32] { numbers(in: "/proc/\(pid)/fd") }

    static func threads(of pid: UInt32) -> [UInt32] { numbers(in: "/proc/\(pid)/task") }

    /// Returns for example `mnt:[4026531840]`; nil if the caller may not see it.
    static func mountNamespace(of process: String) -> String? {
        guard let directory = try? File.open("/proc/\(process)/ns", flags: O_RDONLY | O_DIRECTORY),
            let target = try? directory.readSymlink(Array("mnt".utf8)) else { return nil }
        return String(decoding: target, as: UTF8.self)
    }

    /// Returns the devices of mapped files: the fourth word of each line of /proc/PID/maps, in
    /// hexadecimal.
    static func mappedDevices(of pid: UInt32) -> Set<UInt64> {
        var found: Set<UInt64> = []
        for line in content("/proc/\(pid)/maps").split(separator: 0x0a) {
            let words = line.split(separator: 0x20, maxSplits: 4)
            guard words.count >= 4 else { continue }
            let parts = words[3].split(separator: 0x3a)
            guard parts.count == 2,
                let major = UInt32(String(decoding: parts[0], as: UTF8.self), radix: 16),
                let minor = UInt32(String(decoding: parts[1], as: UTF8.self), radix: 16)
            else { continue }
            found.insert(FileStatus.device(major: major, minor: minor))
        }
        return found
    }

    /// Returns the content of a file of /proc, up to about `limit` bytes; empty if it cannot be read.
    static func content(_ path: String, limit: Int = 16 << 20) -> [UInt8] {
        guard let file = try? File.open(path, flags: O_RDONLY) else { return [] }
        var bytes: [UInt8] = []
        while bytes.count < limit,
            let part = try? file.readBytes(64 << 10, at: UInt64(bytes.count)), !part.isEmpty {
            bytes += part
        }
        return bytes
    }

    private static func numbers(in path: String) -> [UInt32] {
        guard let directory = try? File.open(path, flags: O_RDONLY | O_DIRECTORY),
            let entries = try? directory.listDirectory() else { return [] }
        return entries.compactMap { UInt32(String(decoding: $0.name.bytes, as: UTF8.self)) }
    }
}
