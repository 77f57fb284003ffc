// Unmounting: finds a mount in /proc/self/mountinfo and takes mounts away, as root by umount2(2),
// else through fusermount3(1).

internal import CFuse
internal import Glibc
internal import Platform

/// One line of /proc/self/mountinfo (proc(5)).
struct MountedFileSystem: Equatable {
    var major: UInt32
    var minor: UInt32
    var mountPoint: [UInt8]
    /// `fuse.draftfs` and the like; empty where the line has none.
    var type: String

    /// `36 35 98:0 / /mnt\040x rw,noatime ...`
    init?(line: [UInt8]) {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
        guard fields.count >= 5 else { return nil }
        let device = fields[2].split(separator: UInt8(ascii: ":"))
        guard device.count == 2,
            let major = UInt32(String(decoding: device[0], as: UTF8.self)),
            let minor = UInt32(String(decoding: device[1], as: UTF8.self))
        else { return nil }
        self.major = major
        self.minor = minor
        mountPoint = MountedFileSystem.unescaped(fields[4])
        // Optional fields end with a lone `-`; the type follows.
        let rest = fields.count > 5 ? fields[5].split(separator: UInt8(ascii: " ")) : []
        let afterDash = rest.drop { !$0.elementsEqual([UInt8(ascii: "-")]) }.dropFirst()
        type = afterDash.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
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

    /// The topmost mount on an absolute path without symlinks.
    static func on(_ path: String) -> MountedFileSystem? {
        guard let file = fopen("/proc/self/mountinfo", "re") else { return nil }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        defer { free(line) }
        var capacity = 0
        var found: MountedFileSystem?
        let wanted = Array(path.utf8)
        while true {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { return found }
            let bytes = Array(UnsafeRawBufferPointer(start: line, count: length))
            if let mount = MountedFileSystem(line: bytes), mount.mountPoint == wanted {
                found = mount
            }
        }
    }
}

extension Session {
    /// The type of what is mounted on an absolute path without symlinks, the topmost if several
    /// are; nil where it is no mount point.
    package static func mountedType(on path: String) -> String? { MountedFileSystem.on(path)?.type }

    /// Detaches whatever is mounted on `path`, dead or alive, at once: open files stay usable
    /// while their server lives. For mounts that a crashed process left behind.
    /// - Parameter lazily: false refuses with EBUSY while files are in use.
    package static func forceUnmount(_ path: String, lazily: Bool = true) throws(MountFailure) {
        if umount2(path, lazily ? Int32(MNT_DETACH) : 0) == 0 { return }
        let error = Errno.last
        if error == .notPermitted {
            let flags = lazily ? ["-u", "-q", "-z", "--"] : ["-u", "-q", "--"]
            if run(["fusermount3"] + flags + [path]) { return }
            if run(["fusermount"] + flags + [path]) { return }
        }
        if error == .busy {
            throw MountFailure("\(path) is in use: end what works there, or give --force", error)
        }
        throw MountFailure("cannot unmount \(path): \(error)", error)
    }

    /// Whether a program of the search path ran and succeeded.
    private static func run(_ words: [String]) -> Bool {
        guard let program = words.first else { return false }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var process = pid_t()
        guard posix_spawnp(&process, program, nil, nil, arguments, nil) == 0 else {
            return false
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { if errno != EINTR { return false } }
        return status == 0
    }
}
