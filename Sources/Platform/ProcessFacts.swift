// ProcessFacts: facts about this process from /proc, and a few about other processes.

internal import CPlatform
import Glibc

package struct ProcessFacts: Sendable {
    package let pid: Int32
    package private(set) var residentBytes: UInt64 = 0
    package private(set) var peakResidentBytes: UInt64 = 0
    package let descriptors: Int

    /// Returns the name of a process or thread, at most 15 bytes (proc(5), /proc/PID/comm).
    package static func name(of pid: UInt32) -> [UInt8]? {
        guard let file = try? File.open("/proc/\(pid)/comm", flags: O_RDONLY),
            var name = try? file.readBytes(64, at: 0) else { return nil }
        if name.last == 0x0a { name.removeLast() }
        return name
    }

    /// Returns the supplementary groups of a process or thread (proc(5), /proc/PID/status). Returns
    /// none if /proc does not show them.
    package static func groups(of pid: UInt32) -> [UInt32] {
        // NGROUPS_MAX is 65,536, with up to 11 bytes each.
        guard let file = try? File.open("/proc/\(pid)/status", flags: O_RDONLY),
            let bytes = try? file.readBytes(1 << 20, at: 0) else { return [] }
        let mark = Array("Groups:".utf8)
        for line in bytes.split(separator: 0x0a) where line.starts(with: mark) {
            return line.dropFirst(mark.count).split(whereSeparator: { $0 == 0x20 || $0 == 0x09 })
                .compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
        }
        return []
    }

    package init() {
        pid = getpid()
        let directory = try? File.open("/proc/self/fd", flags: O_RDONLY | O_DIRECTORY)
        descriptors = (try? directory?.listDirectory().count) ?? 0
        guard let file = try? File.open("/proc/self/status", flags: O_RDONLY),
            let bytes = try? file.readBytes(8192, at: 0) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, let kibibytes = UInt64(words[1]) else { continue }
            if words[0] == "VmRSS:" { residentBytes = kibibytes.multiplied(clamping: 1024) }
            if words[0] == "VmHWM:" { peakResidentBytes = kibibytes.multiplied(clamping: 1024) }
        }
    }
}

/// The memory of this process, without reading all of /proc/self/status.
package enum ProcessMemory {
    /// In bytes. 0 if /proc does not show it.
    package static var residentBytes: UInt64 {
        guard let file = try? File.open("/proc/self/statm", flags: O_RDONLY),
            let bytes = try? file.readBytes(256, at: 0) else { return 0 }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = UInt64(words[1]) else { return 0 }
        return pages.multiplied(clamping: UInt64(max(0, sysconf(Int32(_SC_PAGESIZE)))))
    }

    /// Returns freed memory to the system (malloc_trim(3)).
    package static func trim() { cp_malloc_trim() }
}
