// PoolCrashTests: tests kills and power cuts at each write around a first edit, followed by a change of the
// base. Content that was acknowledged as durable is complete, and no content is mixed with the new base.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Crashes while base content is kept")
struct PoolCrashTests {
    private static let steps: [Step] = [
        .write("old", at: 3_000, count: 500), .sync("old"), .write("base", at: 10, count: 20),
        .checkpoint, .sync("base"),
    ]

    /// Returns the bytes of the base files after the first `count` steps.
    private func expected(_ base: CrashBase, after count: Int) -> [String: [UInt8]] {
        var files = base.files
        for (index, step) in Self.steps.prefix(count).enumerated() {
            guard case .write(let name, let offset, let length) = step else { continue }
            files[name]?.replaceSubrange(offset..<offset + length, with: Model.data(index, length))
        }
        return files
    }

    /// Runs the steps until the disk stops.
    /// - Returns: the number of acknowledged steps.
    private func run(_ disk: SimulatedDisk, _ base: CrashBase) -> Int {
        guard let session = try? Session(disk, base) else { return 0 }
        for (index, step) in Self.steps.enumerated() {
            if (try? session.run(step, index)) == nil, disk.isStopped { return index }
        }
        return Self.steps.count
    }

    private func changeBase(_ base: CrashBase) throws -> [String: [UInt8]] {
        var files = base.files
        for name in files.keys {
            let bytes = [UInt8](repeating: 0xbb, count: (files[name]?.count ?? 0) + 7)
            try File.open("\(base.tree.path)/\(name).new", flags: O_RDWR | O_CREAT)
                .writeBytes(bytes, at: 0)
            try must(
                "rename", rename("\(base.tree.path)/\(name).new", "\(base.tree.path)/\(name)"))
            files[name] = bytes
        }
        base.tree.forgetAll()
        return files
    }

    @Test("A file that can be read has the content of some step, and synced content is complete")
    func everyWrite() throws {
        let whole = try { () throws -> Int in
            let base = try CrashBase()
            let disk = try base.newDisk(seed: 0)
            #expect(run(disk, base) == Self.steps.count)
            return disk.changes
        }()
        #expect(whole > 15)
        for call in 0..<whole {
            for isPowerCut in [false, true] {
                let base = try CrashBase()
                let disk = try base.newDisk(seed: UInt64(call))
                disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
                let done = run(disk, base)
                let after = isPowerCut ? disk.afterPowerCut(seed: UInt64(call)) : disk.afterKill()
                if isPowerCut {
                    after.setContents(
                        of: "workspaces/0001/in-use",
                        to: ChecksummedText.encode(Array("another-boot".utf8)))
                }
                let new = try changeBase(base)
                let place = "stopped at call \(call), power cut: \(isPowerCut), \(done) steps done"
                let found = try Session(after, base).look()
                for name in ["old", "base"] {
                    let states = (0...Self.steps.count).map { expected(base, after: $0)[name] }
                    let bytes = found[name]?.bytes
                    #expect(
                        bytes == nil || states.contains(bytes) || bytes == new[name], "\(place): \(name)")
                    let synced = name == "old" ? 2 : 5
                    let written = name == "old" ? 1 : 3
                    if done >= synced || !isPowerCut && done >= written {
                        #expect(bytes == expected(base, after: written)[name], "\(place): \(name)")
                    }
                }
            }
        }
    }
}
