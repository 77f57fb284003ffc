// The base is replaced by a copy of it while nothing is mounted. Workspaces show everything that they
// hold.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct NewBase {
        private static let look = "find . -type f | sort | xargs sha256sum; find . -type d | sort"

        @Test("A workspace is intact over a new base, and over the old one again", arguments: [false, true])
        func replaced(isKill: Bool) throws {
            try mounted(prepare: { base in
                try ChildProcess.shell(
                    "mkdir d e; echo base > f; echo base > d/g; seq 900 > e/h", directory: base)
            }) { mount in
                try ChildProcess.shell(
                    "mkdir new; echo x > new/x; echo top > top; echo edit >> f; echo in > d/own; rm e/h",
                    directory: mount.root)
                let before = try ChildProcess.shell(Self.look, directory: mount.root)
                func end() throws { if isKill { try mount.kill9() } else { try mount.unmount() } }
                try end()
                try ChildProcess.shell(
                    "cp -a base base2; mv base old; mv base2 base", directory: mount.directory.path)
                try mount.start()
                try same(try ChildProcess.shell(Self.look, directory: mount.root), before, "new base")
                let drift = try readText(mount(".draft/drift"))
                try expect(drift.contains("\"path\":\"f\"") && drift.contains("\"kept\":true"), drift)
                try expect(try readText(mount(".draft/events")).contains("made again"), "the event")
                try expect(try readText(mount(".draft/status")).contains("made again"), "status")
                try ChildProcess.shell("echo more >> f; echo more > d/more", directory: mount.root)
                try end()
                try ChildProcess.shell("mv base base3; mv old base", directory: mount.directory.path)
                try mount.start()
                try ChildProcess.shell(
                    "test \"$(tail -1 f)\" = more; sed -i '$d' f; rm d/more", directory: mount.root)
                try same(try ChildProcess.shell(Self.look, directory: mount.root), before, "old base")
            }
        }
    }
}
