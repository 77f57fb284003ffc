// draftfs drift: the command line merges changes of the workspace with changes of the base.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct DriftMerge {
        private func drift(_ mount: TestMount, _ words: String...) throws -> ChildResult {
            try ChildProcess.run(
                [TestEnvironment.binary, "drift", "-C", mount.root] + words, seconds: 60)
        }

        @Test("Changes that do not overlap are merged, others are refused or marked")
        func merge() throws {
            try mounted(prepare: { base in
                for name in ["a", "b", "c", "d"] {
                    try ChildProcess.shell("seq 10000 > \(name)", directory: base)
                }
            }) { mount in
                for name in ["a", "b", "c", "d"] {
                    // A few bytes of a line: the rest comes from the base.
                    try ChildProcess.shell(
                        "printf 'HERE' | dd of=\(name) conv=notrunc bs=1 seek=38893 status=none",
                        directory: mount.root)
                }
                let here = try readText(mount("a"))
                let change = "sed -i '10s/.*/ten of the base/'"
                try ChildProcess.shell(
                    "\(change) a b; sed -i '/^8001$/,/^8001$/s/.*/base/' c d; ls",
                    directory: mount.base)
                try ChildProcess.shell(
                    "n=$(grep -n HERE '\(mount("c"))' | cut -d: -f1); "
                        + "sed -i \"${n}s/.*/the base too/\" c d", directory: mount.base)
                let list = try drift(mount)
                try expect(list.succeeded && list.text.contains("true"), list.text)
                let accepted = try drift(mount, "--accept", "a")
                try expect(accepted.succeeded, accepted.errorText)
                let merged = try readText(mount("a"))
                try expect(merged.contains("\nten of the base\n") && merged.contains("HERE"), "merged")
                try same(
                    merged.replacing("ten of the base", with: "10") == here, true, "nothing else")
                for word in ["--ours", "--theirs"] {
                    let refused = try drift(mount, "--accept", "c")
                    try expect(refused.status == 1 && refused.errorText.contains(word), refused.errorText)
                }
                let marked = try drift(mount, "--merge", "c")
                try expect(marked.status == 1 && marked.errorText.contains("marked"), marked.errorText)
                let text = try readText(mount("c"))
                try expect(text.contains("<<<<<<< here") && text.contains(">>>>>>> base now"), "marks")
                try expect(try drift(mount, "--ours", "b").succeeded, "ours")
                try same(try readText(mount("b")), here, "ours")
                try expect(try drift(mount, "--theirs", "d").succeeded, "theirs")
                try same(try readText(mount("d")), try readText("\(mount.base)/d"), "theirs")
                try same(try readText(mount(".draft/drift")), "", "drift afterwards")
                try mount.kill9()
                try mount.start()
                try same(try readText(mount("a")), merged, "after a kill")
                try same(try readText(mount("b")), here, "ours after a kill")
            }
        }

        @Test("Changes of other processes during a merge are not lost")
        func meanwhile() throws {
            try mounted(prepare: { base in
                for name in ["a", "b"] { try ChildProcess.shell("seq 10000 > \(name)", directory: base) }
            }) { mount in
                for name in ["a", "b"] {
                    try ChildProcess.shell(
                        "printf 'HERE' | dd of=\(name) conv=notrunc bs=1 seek=38893 status=none",
                        directory: mount.root)
                }
                let here = try readText(mount("b"))
                try ChildProcess.shell(
                    "sed -i '10s/.*/ten of the base/' a b; ls", directory: mount.base)
                let tools = try TemporaryDirectory("tools")
                let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
                // The other process makes its change when git is called.
                func accept(_ name: String, meanwhile: String) throws -> ChildResult {
                    let script = "#!/bin/sh\n\(meanwhile)\nPATH='\(path)'\nexport PATH\nexec git \"$@\"\n"
                    try writeFile(tools("git"), script, mode: 0o755)
                    return try ChildProcess.run(
                        [TestEnvironment.binary, "drift", "-C", mount.root, "--accept", name], seconds: 60,
                        environment: ["PATH": "\(tools.path):\(path)"])
                }
                let refused = try accept("a", meanwhile: "printf LAST >> '\(mount("a"))'")
                try same(refused.status, 1, "status")
                try expect(refused.errorText.contains("changed while it was merged"), refused.errorText)
                let left = try readText(mount("a"))
                try expect(left.hasSuffix("LAST") && left.contains("HERE"), "what others wrote")
                try expect(!left.contains("ten of the base"), "no merge")
                let again = try drift(mount, "--accept", "a")
                try expect(again.succeeded, again.errorText)
                let merged = try readText(mount("a"))
                try expect(merged.hasSuffix("LAST") && merged.contains("ten of the base"), "merged")
                // The base changes once more: the merge used an old version and is taken back.
                let overtaken = try accept(
                    "b", meanwhile: "sed -i '20s/.*/twenty of the base/' '\(mount.base)/b'")
                try same(overtaken.status, 1, "status")
                try same(try readText(mount("b")) == here, true, "taken back")
                let last = try drift(mount, "--accept", "b")
                try expect(last.succeeded, last.errorText)
                try expect(try readText(mount("b")).contains("twenty of the base"), "merged")
            }
        }
    }
}
