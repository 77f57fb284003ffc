// Archive tools and tree walkers see the same tree in the base and through the mount.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(if: TestEnvironment.canRun && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct Archive {
        /// A tree with every kind of file that tools handle.
        static let tree = """
            mkdir -p d/deep/deeper empty "odd names"
            head -c 300000 /dev/urandom > d/random; seq 20000 > d/deep/text; : > d/empty
            ln d/random d/deep/hard; ln d/random hard2; ln d/deep/text "odd names/text"
            ln -s nowhere dangling; ln -s /etc/hostname absolute
            ln -s loop2 loop1; ln -s loop1 loop2
            ln -s ../d/deep/text d/relative; ln -s d directory
            setfattr -n user.note -v value d/random; setfattr -n user.dir -v 1 d
            setfattr -n trusted.t -v secret d/deep/text
            setfacl -m u:1234:rw d/deep/text; setfacl -d -m g:99:rx d/deep; setfacl -m u:1:r d/deep
            truncate -s 50M sparse; truncate -s 64M hole
            printf mid | dd of=sparse bs=1 seek=20000000 conv=notrunc status=none
            mkfifo fifo; mknod chr c 1 3; mknod blk b 7 200
            cd "odd names"
            touch -- $'new\\nline' ' lead' 'trail ' -dash '*' '"q"' $'\\xff\\xfe' …; cd ..
            echo x > closed; chmod 0 closed; mkdir shut; echo y > shut/in; chmod 0 shut
            chmod 4755 d/empty; chmod 1777 empty; chmod 2750 "odd names"
            chown -h 1000:1001 d/deep/text dangling; chown -h 5:6 absolute
            find . -exec touch -h -d 2019-03-04T05:06:07.123456789 {} +
            """

        static func prepare(_ base: String) throws {
            try ChildProcess.shell("mkdir tree; cd tree; \(tree)", directory: base)
        }

        /// Runs a script in the base's tree and in the mount's tree. The outputs must be equal.
        static func expectEqual(_ script: String, _ mount: TestMount) throws {
            let outputs = try [mount.base, mount.root].map { root in
                try ChildProcess.run(
                    ["bash", "-c", script], seconds: 120, directory: "\(root)/tree")
            }
            try expect(outputs[0].output.count > 0, "no output of \(script)")
            try same(outputs[1].status, outputs[0].status, "status of \(script)")
            if outputs[0].output != outputs[1].output {
                let files = [mount.directory("in base"), mount.directory("in mount")]
                for (file, result) in zip(files, outputs) { try writeFile(file, result.output) }
                let difference = try ChildProcess.run(["diff", "-a"] + files)
                throw CheckFailure("\(script) differs:\n\(difference.text.prefix(1_500))")
            }
        }

        @Test("tar, rsync, cp, find and du agree between base and mount")
        func tools() throws {
            try mounted(prepare: Self.prepare) { mount in
                let before = try TreeWalk(mount.base)
                try Self.expectEqual(
                    "find . -printf '%P %y %m %U %G %l %T@\\n' | LC_ALL=C sort", mount)
                try Self.expectEqual(
                    "find . ! -type d -printf '%P %s %b %n\\n' | LC_ALL=C sort", mount)
                try Self.expectEqual("find . -type d -printf '%P %n\\n' | LC_ALL=C sort", mount)
                // Without -l, du counts a hard link at the name it reads first, which depends on the
                // order of names.
                try Self.expectEqual("du -al . | LC_ALL=C sort -k2 | sha256sum", mount)
                try Self.expectEqual("du -s .", mount)
                try Self.expectEqual(
                    "tar --sort=name --pax-option=exthdr.name=%f,delete=atime,delete=ctime "
                        + "--xattrs --xattrs-include='*' --acls -cf - . | sha256sum", mount)
                try Self.expectEqual("tar --sort=name -S -cf - . | sha256sum", mount)
                try Self.expectEqual(
                    "find . -print0 | LC_ALL=C sort -z | xargs -0 getfacl -nP 2>/dev/null"
                        + " | sha256sum", mount)
                try Self.expectEqual(
                    "find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -hd -m- 2>/dev/null"
                        + " | sha256sum", mount)
                try Self.expectEqual("find . -type f -exec sha256sum {} + | LC_ALL=C sort", mount)
                let changed = try ChildProcess.check([
                    "rsync", "-aHAX", "--devices", "--specials", "--checksum", "-n", "-i",
                    "--delete", "\(mount.base)/tree/", mount("tree/"),
                ])
                try same(changed, "", "what rsync would change")
                let copy = mount.directory("copy")
                try ChildProcess.check(["cp", "-a", mount("tree"), copy])
                try same(
                    try TreeWalk(copy).differences(to: TreeWalk("\(mount.base)/tree")), [],
                    "cp -a out of the mount")
                try same(try TreeWalk(mount.base).differences(to: before), [], "the base")
            }
        }

        @Test("Unpacked archives and copied trees inside the mount are complete")
        func inside() throws {
            try mounted(prepare: Self.prepare) { mount in
                try ChildProcess.shell(
                    """
                    cp -a tree copied
                    mkdir unpacked
                    tar --xattrs --xattrs-include='*' --acls -C tree -cf - . \
                      | tar --xattrs --xattrs-include='*' --acls -C unpacked -xpf -
                    mkdir synced; rsync -aHAXS --devices --specials tree/ synced/
                    """, seconds: 120, directory: mount.root)
                try mount.remount()
                let original = try TreeWalk("\(mount.base)/tree")
                for name in ["copied", "unpacked", "synced"] {
                    try same(
                        try TreeWalk(mount(name)).differences(to: original), [], name)
                }
                let blocks = try status(mount("copied/hole")).st_blocks
                try expect(blocks < 1_000, "the copied hole takes \(blocks) blocks")
                try ChildProcess.check(["rm", "-rf", mount("copied"), mount("tree")])
                try expect(!exists(mount("tree")), "rm -rf left something")
            }
        }

        @Test("Another user is refused the same names in base and mount")
        func otherUser() throws {
            try mounted(prepare: Self.prepare) { mount in
                let prefix = "setpriv --reuid=1000 --regid=1000 --clear-groups"
                try Self.expectEqual(
                    "\(prefix) find . -printf '%P %m\\n' 2>&1 | LC_ALL=C sort", mount)
                try Self.expectEqual(
                    "\(prefix) sh -c 'cat closed; cat shut/in; cat d/empty; echo z > d/x' 2>&1",
                    mount)
            }
        }
    }
}
