// The verb unmount: success means that the daemon has ended. The error names the processes that use the
// mount, in this mount namespace and in others. --force ends the daemon in any case.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct Unmounting {
        private func unmount(_ mount: TestMount, _ options: String...) throws -> ChildResult {
            try ChildProcess.run(
                [TestEnvironment.binary, "unmount", mount.root] + options, seconds: 120)
        }

        /// Starts a program that runs until it is killed, and waits until its process has the given name.
        private func start(
            _ arguments: [String], as name: String, in directory: String? = nil
        ) throws -> ChildProcess {
            let child = try ChildProcess(arguments, directory: directory)
            for _ in 0..<2_000 {
                if (try? readText("/proc/\(child.pid)/comm")) == "\(name)\n" { return child }
                usleep(5_000)
            }
            throw CheckFailure("\(arguments) has not become \(name): \(child.errors())")
        }

        private func startElsewhere() throws -> ChildProcess {
            try start(["unshare", "-m", "--propagation", "private", "sleep", "1000"], as: "sleep")
        }

        /// Programs that use a mount in each way, and the words of the error about them.
        private static let users: [(script: String, said: String)] = [
            ("exec sleep 1000", "has its directory in it"),
            ("exec 3<f; cd /; exec sleep 1000", "has a file of it open"),
            ("exec 3>new; cd /; exec sleep 1000", "has a file of it open"),
            (
                "cp \"$(command -v sleep)\" .; p=$PWD; cd /; exec \"$p/sleep\" 1000",
                "runs a program of it"
            ),
        ]

        @Test("Who uses a mount is named, and it stays as it is", arguments: users.indices)
        func inUse(index: Int) throws {
            let (script, said) = Self.users[index]
            try mounted { mount in
                try writeFile(mount("f"), "x")
                let user = try start(["sh", "-c", script], as: "sleep", in: mount.root)
                let answer = try unmount(mount)
                try same(answer.status, 1, "exit status")
                let sentence = answer.errorText
                for word in ["sleep (pid \(user.pid), ", said, "--force"] {
                    try expect(sentence.contains(word), sentence)
                }
                let listed = try unmount(mount, "--json")
                try same(listed.status, 1, "exit status")
                try expect(
                    listed.text.contains("\"pid\": \(user.pid), \"name\": \"sleep\""),
                    listed.text)
                try expect(mount.isAlive && isMountPoint(mount.root), "the mount has gone")
                try same(try readText(mount("f")), "x", "content")
                user.kill()
                try same(try unmount(mount).status, 0, "exit status when it has gone")
                try expect(!mount.isAlive && !isMountPoint(mount.root), "something stays")
                try mount.start()
            }
        }

        @Test("With --force the daemon ends while a shell stands in the mount and writes")
        func forced() throws {
            try mounted { mount in
                let writer = try ChildProcess(
                    ["sh", "-c", "i=0; while echo $i; do echo $i >&2; i=$((i+1)); done >> f"],
                    directory: mount.root)
                for _ in 0..<2_000 where writer.errors().count < 400 { usleep(5_000) }
                let answer = try unmount(mount, "--force")
                try same(answer.status, 0, "exit status (\(answer.errorText))")
                try same(mount.exitStatus, 0, "exit status of the daemon")
                try expect(!isMountPoint(mount.root), "the mount stays")
                writer.kill()
                let done = String(decoding: writer.errors(), as: UTF8.self)
                    .split(separator: "\n").filter { Int($0) != nil }.count
                try mount.start()
                let kept = try readText(mount("f")).split(separator: "\n").count
                try expect(done > 50 && kept >= done, "\(kept) of \(done) lines are there")
            }
        }

        @Test("--force keeps what was stored through a shared mapping")
        func mapped() throws {
            try mounted { mount in
                let script = """
                    import mmap, os, time
                    f = os.open('mapped', os.O_RDWR | os.O_CREAT)
                    os.ftruncate(f, 100000)
                    m = mmap.mmap(f, 100000)
                    m[:] = b'y' * 100000
                    os.close(f)
                    print('ready', flush=True)
                    time.sleep(1000)
                    """
                let user = try ChildProcess(
                    [TestEnvironment.python, "-c", script], directory: mount.root)
                for _ in 0..<4_000 where user.output().isEmpty { usleep(5_000) }
                let refused = try unmount(mount)
                try same(refused.status, 1, "exit status")
                try expect(refused.errorText.contains("maps a file of it"), refused.errorText)
                try same(try unmount(mount, "--force").status, 0, "exit status")
                try same(mount.exitStatus, 0, "exit status of the daemon")
                user.kill()
                try mount.start()
                let expected = [UInt8](repeating: 0x79, count: 100_000)
                try expect(try readFile(mount("mapped")) == expected, "pages are lost")
            }
        }

        @Test("A mount that another mount namespace has is no success, until that ends")
        func namespace() throws {
            try mounted { mount in
                try writeFile(mount("f"), "x")
                let other = try startElsewhere()
                for round in 0..<2 {
                    let answer = try unmount(mount)
                    try same(answer.status, 1, "exit status, round \(round)")
                    let sentence = answer.errorText
                    try expect(
                        sentence.contains(
                            "sleep (pid \(other.pid), has it in another mount namespace)"), sentence)
                    try expect(mount.isAlive && !isMountPoint(mount.root), "round \(round)")
                }
                let there = try ChildProcess.run(
                    ["nsenter", "-t", "\(other.pid)", "-m", "cat", mount("f")], seconds: 20)
                try same(there.text, "x", "content in the other namespace")
                other.kill()
                for _ in 0..<4_000 where mount.isAlive { usleep(5_000) }
                try same(mount.exitStatus, 0, "exit status of the daemon")
                try mount.start()
            }
        }

        @Test("--force ends a mount in all mount namespaces", arguments: [true, false])
        func forcedNamespace(isHere: Bool) throws {
            try mounted { mount in
                try writeFile(mount("f"), "x")
                let other = try startElsewhere()
                if !isHere { try same(try unmount(mount).status, 1, "exit status without --force") }
                let answer = try unmount(mount, "--force")
                try same(answer.status, 0, "exit status (\(answer.errorText))")
                try same(mount.exitStatus, 0, "exit status of the daemon")
                try expect(!isMountPoint(mount.root), "the mount stays")
                let there = try ChildProcess.run(
                    ["nsenter", "-t", "\(other.pid)", "-m", "cat", mount("f")], seconds: 20)
                try expect(!there.succeeded, "the other namespace still reads")
                other.kill()
                try mount.start()
                try same(try readText(mount("f")), "x", "content")
            }
        }

        @Test("unmount names a second mount of the same file system")
        func bound() throws {
            try mounted { mount in
                let second = mount.directory("second")
                try makeDirectory(second)
                try ChildProcess.check(["mount", "--bind", mount.root, second])
                defer { detach(second) }
                let answer = try unmount(mount)
                try same(answer.status, 1, "exit status")
                try expect(answer.errorText.contains("the mount on \(second)"), answer.errorText)
                try expect(mount.isAlive, "the daemon has gone")
                detach(second)
                for _ in 0..<4_000 where mount.isAlive { usleep(5_000) }
                try same(mount.exitStatus, 0, "exit status of the daemon")
                try mount.start()
            }
        }

        @Test("unmount does not touch a mount that a container made for itself")
        func container() throws {
            try mounted { mount in
                let place = try TemporaryDirectory("container")
                let (root, base) = (place("mnt"), place("base"))
                for path in [root, base] { try makeDirectory(path) }
                let other = try ChildProcess([
                    "unshare", "-m", "--propagation", "private", TestEnvironment.binary, "mount",
                    base, root, "--store", place("store"), "--foreground", "--workspace", "w",
                ])
                let enter = ["nsenter", "-t", "\(other.pid)", "-m", "mountpoint", "-q", root]
                var isThere = false
                for _ in 0..<200 where !isThere {
                    isThere = try ChildProcess.run(enter, seconds: 20).succeeded
                    if !isThere { usleep(50_000) }
                }
                try expect(isThere, "no mount in the other namespace")
                let answer = try ChildProcess.run(
                    [TestEnvironment.binary, "unmount", root, "--force"], seconds: 60)
                try same(answer.status, 1, "exit status")
                try expect(answer.errorText.contains("no draftfs is mounted"), answer.errorText)
                try expect(other.poll() == nil, "it was ended")
                other.signal(SIGTERM)
                try same(other.wait(seconds: 30), 0, "its end")
            }
        }
    }
}
