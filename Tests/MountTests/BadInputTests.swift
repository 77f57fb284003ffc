// Bad input on the command line, and a host that lacks something: each ends with a sentence and a
// non-zero exit status, and mounts nothing.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct BadInput {
        @Test("A base or mount point that is missing or no directory is refused")
        func wrongPlaces() throws {
            let places = try Places()
            let file = "\(places.base)/file"
            let none = places.directory("none")
            try refused(
                "no base", places.mount(base: none), mountPoint: places.point, naming: [none])
            try refused(
                "base a file", places.mount(base: file), mountPoint: places.point, naming: [file])
            try refused("no mount point", places.mount(at: none), naming: [none])
            try expect(!exists(none), "the mount point was made")
            let plainFile = places.directory("file")
            try writeFile(plainFile, "x")
            try refused("mount point a file", places.mount(at: plainFile), naming: [plainFile])
            try refused(
                "store a file", places.mount(store: plainFile), mountPoint: places.point,
                naming: [plainFile])
            try refused(
                "store below nothing", places.mount(store: "\(none)/a/b/store"),
                mountPoint: places.point)
        }

        @Test("A mount point that is busy is refused, and its mount goes on")
        func busyMountPoint() throws {
            try mounted { mount in
                let places = try Places()
                try refused(
                    "mounted already", places.mount(at: mount.root), naming: [mount.root])
                try expect(mount.isAlive, "the first daemon died")
                try writeFile(mount("f"), "works")
                try same(try readText(mount("f")), "works", "the first mount")
            }
        }

        @Test("Unknown options and verbs and invalid workspace names are refused")
        func wrongArguments() throws {
            let places = try Places()
            let program = TestEnvironment.binary
            try refused(
                "unknown flag", places.mount(["--frobnicate"]), mountPoint: places.point,
                naming: ["frobnicate"], linesAtMost: 8)
            try refused(
                "unknown mount option", places.mount(["-o", "frobnicate=1"]),
                mountPoint: places.point, naming: ["frobnicate"])
            try refused("unknown verb", [program, "frobnicate"], linesAtMost: 30)
            try refused("no arguments", [program, "mount"], linesAtMost: 8)
            for name in ["", ".", "..", "a/b", ".draft", String(repeating: "w", count: 256)] {
                let command = [
                    program, "mount", places.base, places.point, "--store", places.store,
                    "--workspace", name,
                ]
                try refused(
                    "workspace name \(name.prefix(9))", command, mountPoint: places.point,
                    linesAtMost: 8)
            }
        }

        @Test("A user without rights to the base, the mount point or the store is refused",
            .enabled(if: TestEnvironment.otherUserCanRun, "needs root, and a program for all users"))
        func noPermission() throws {
            let places = try Places()
            let other = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
            try makeDirectory(places.store)
            try refused(
                "store of root", other + places.mount(), mountPoint: places.point)
            try must("chown", chown(places.store, 1_000, 1_000))
            try refused(
                "mount point of root", other + places.mount(), mountPoint: places.point)
            try must("chown", chown(places.point, 1_000, 1_000))
            try must("chmod", chmod(places.base, 0o700))
            try refused("base of root", other + places.mount(), mountPoint: places.point)
        }

        @Test(
            "An unprivileged user mounts directories of their own",
            .enabled(if: TestEnvironment.otherUserCanRun, "needs root, and a program for all users"))
        func unprivileged() throws {
            let places = try Places()
            let other = "setpriv --reuid=1000 --regid=1000 --clear-groups"
            let program = TestEnvironment.binary
            try ChildProcess.check(["chown", "-R", "1000:1000", places.directory.path])
            // In a separate mount namespace, where every user may open the device, as on most systems.
            // The mounts end with the namespace.
            let script = """
                mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse
                \(other) \(places.mount().joined(separator: " "))
                \(other) sh -e -c 'cd mnt; cat file; echo mine > new; cat new; mv file m; rm m'
                \(other) '\(program)' unmount mnt
                ! mountpoint -q mnt
                """
            let text = try ChildProcess.check(
                ["unshare", "-m", "bash", "-e", "-c", script], seconds: 60,
                directory: places.directory.path)
            try same(text, "of the basemine\n", "output")
            try same(try readText("\(places.base)/file"), "of the base", "base")
        }

        @Test(
            "A missing or wrong FUSE device is refused", .enabled(if: TestEnvironment.isRoot, "needs root"),
            arguments: [
                "mount --bind /dev/null /dev/fuse",
                "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; "
                    + "mknod -m 666 /dev/urandom c 1 9",
            ])
        func noDevice(hide: String) throws {
            let places = try Places()
            let hidden = ["unshare", "-m", "sh", "-e", "-c"]
            let command = places.mount().joined(separator: " ")
            let said = try refused(
                "device hidden", hidden + ["\(hide)\nexec \(command)"],
                mountPoint: places.point)
            try expect(said.contains("/dev/fuse"), "does not name the device: \(said)")
            let doctor = try ChildProcess.run(
                hidden + ["\(hide)\nexec '\(TestEnvironment.binary)' doctor"], seconds: 20)
            try expect(doctor.text.contains("/dev/fuse"), "doctor says: \(doctor.text)")
        }

        @Test("doctor reports on this host")
        func doctor() throws {
            let report = try ChildProcess.run(
                [TestEnvironment.binary, "doctor", "--store", "/tmp"], seconds: 20)
            try expect(!report.timedOut && report.status < 126, "doctor: \(report.errorText)")
            let words = ["fuse", "kernel", "fusermount3", "user_allow_other", "io_uring", "reflink"]
            for word in words {
                try expect(report.text.contains(word), "doctor is silent about \(word)")
            }
        }
    }
}
