// draftfs doctor: reports what this host lacks or does slowly, and how to fix it.

import ArgumentParser
import Control
import Glibc
import MountServer
import Overlay
import Platform

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this host lacks for draftfs, and how to fix it.")

    @Option(help: "The store to check, or its future place. Default: the place of the default store.")
    var store: String?

    @Flag(help: "Print the findings as JSON.")
    var json = false

    enum Verdict: String { case good, slow, missing }

    struct Finding {
        var subject: String
        var verdict: Verdict
        var sentence: String
    }

    func run() throws {
        let findings = [
            fuseDevice(), kernel(), mountHelper(), allowOther(), ioUring(), sealing(), reflink(),
        ]
        if json {
            let items = findings.map {
                #"{"subject": \#(JSONText.quoted($0.subject)), "verdict": "\#($0.verdict.rawValue)", "#
                    + #""sentence": \#(JSONText.quoted($0.sentence))}"#
            }
            print("[\n  " + items.joined(separator: ",\n  ") + "\n]")
        } else {
            for finding in findings {
                let mark = switch finding.verdict {
                case .good: "ok     "
                case .slow: "slower "
                case .missing: "MISSING"
                }
                print("\(mark)  \(finding.subject): \(finding.sentence)")
            }
        }
        if findings.contains(where: { $0.verdict == .missing }) {
            throw ExitCode(ExitStatus.failure)
        }
    }

    private func fuseDevice() -> Finding {
        let subject = "/dev/fuse"
        guard access("/dev/fuse", F_OK) == 0 else {
            return Finding(
                subject: subject, verdict: .missing,
                sentence: "there is none: modprobe fuse, or give the container --device /dev/fuse")
        }
        let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            return Finding(
                subject: subject, verdict: .missing,
                sentence: "it cannot be opened (\(Errno(errno))): chmod 666 /dev/fuse, or run as root")
        }
        close(descriptor)
        return Finding(subject: subject, verdict: .good, sentence: "it can be opened")
    }

    private func kernel() -> Finding {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let major = numbers.first ?? 0
        let minor = numbers.dropFirst().first ?? 0
        if (major, minor) < (5, 12) {
            return Finding(
                subject: "kernel", verdict: .slow,
                sentence: "\(release) asks for an extended attribute at every write: 5.12 or newer "
                    + "does not")
        }
        return Finding(subject: "kernel", verdict: .good, sentence: release)
    }

    private func mountHelper() -> Finding {
        let paths = ["/usr/bin/fusermount3", "/bin/fusermount3", "/usr/local/bin/fusermount3"]
        guard let path = paths.first(where: { access($0, X_OK) == 0 }) else {
            return Finding(
                subject: "fusermount3", verdict: geteuid() == 0 ? .slow : .missing,
                sentence: "it is not installed, and only root can mount without it: "
                    + "apt-get install fuse3")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_ISUID == 0 {
            return Finding(
                subject: "fusermount3", verdict: geteuid() == 0 ? .slow : .missing,
                sentence: "\(path) is not setuid root, so only root can mount: chmod u+s \(path)")
        }
        return Finding(subject: "fusermount3", verdict: .good, sentence: path)
    }

    private func allowOther() -> Finding {
        let file = try? File.open("/etc/fuse.conf", flags: O_RDONLY)
        let text = String(decoding: (try? file?.readBytes(64 << 10, at: 0)) ?? [], as: UTF8.self)
        let isSet = text.split(separator: "\n").contains {
            $0.drop(while: { $0 == " " }).hasPrefix("user_allow_other")
        }
        return Finding(
            subject: "user_allow_other", verdict: isSet || geteuid() == 0 ? .good : .slow,
            sentence: isSet
                ? "set: users may allow other users to use their mounts (-o allow_other)"
                : "not set in /etc/fuse.conf: a mount of a user other than root is only for that "
                    + "user; add the line user_allow_other to change that")
    }

    private func ioUring() -> Finding {
        let file = try? File.open("/sys/module/fuse/parameters/enable_uring", flags: O_RDONLY)
        let value = try? file?.readBytes(1, at: 0)
        switch value {
        case [0x59]:
            return Finding(
                subject: "FUSE over io_uring", verdict: .good, sentence: "the kernel allows it")
        case nil:
            return Finding(
                subject: "FUSE over io_uring", verdict: .slow,
                sentence: "this kernel does not support it; 6.14 and newer do")
        default:
            return Finding(
                subject: "FUSE over io_uring", verdict: .slow,
                sentence: "switched off in the kernel: "
                    + "echo Y > /sys/module/fuse/parameters/enable_uring (draftfs does not use it yet)")
        }
    }

    private func sealing() -> Finding {
        let isSealed = (try? File.cloneMountReadOnly("/")) != nil
        return Finding(
            subject: "read-only view of the base", verdict: isSealed ? .good : .slow,
            sentence: isSealed
                ? "the base is seen through a read-only, noatime copy of its mount"
                : "only root can have one (Linux 5.12): access times of symlinks and of files of "
                    + "other owners in the base may change when they are read")
    }

    private func reflink() -> Finding {
        let store = store ?? DefaultStore.directory
        let directory = Placement.resolve(store)
        let works = Reflink.works(in: directory)
        return Finding(
            subject: "reflink in \(store)", verdict: works ? .good : .slow,
            sentence: works
                ? "base files on the same file system are pinned when they are first edited"
                : "the file system cannot share extents (xfs and btrfs can): if a base file changes "
                    + "after it was edited in a workspace, reads of its old content answer EIO")
    }
}
