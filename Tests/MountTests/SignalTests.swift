// Signals: the daemon unmounts cleanly, ends with status 0, and keeps all written data.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Signals {
        @Test("SIGTERM and SIGINT unmount cleanly", arguments: [SIGTERM, SIGINT])
        func cleanEnd(signal: Int32) throws {
            try mounted { mount in
                for round in 0..<3 {
                    try writeFile(mount("f\(round)"), "round \(round)")
                    try mount.stop(with: signal)
                    try expect(!exists(mount("f\(round)")), "the mount point is not empty")
                    try mount.start()
                    for earlier in 0...round {
                        try same(try readText(mount("f\(earlier)")), "round \(earlier)", "file")
                    }
                }
            }
        }

        @Test("A clean end during writes loses none that had returned")
        func endDuringWrites() throws {
            try mounted { mount in
                let script = "i=0; while echo line $i; do echo $i >&2; i=$((i+1)); done >> f"
                let writer = try ChildProcess(["sh", "-c", script], directory: mount.root)
                usleep(300_000)
                try mount.stop(with: SIGTERM)
                writer.kill()
                let acknowledged = String(decoding: writer.errors(), as: UTF8.self)
                    .split(separator: "\n").filter { Int($0) != nil }.count
                try expect(acknowledged > 10, "only \(acknowledged) lines were written")
                try mount.start()
                let lines = try readText(mount("f")).split(separator: "\n").count
                try expect(lines >= acknowledged, "\(lines) of \(acknowledged) lines are there")
            }
        }
    }
}
