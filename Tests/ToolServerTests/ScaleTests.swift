// Files far larger than a reply, through the program as an agent's client starts it: the results are
// those of plain tools, and neither memory nor the store grows with the file. The client is
// scripts/bench.d/tools.py.

import TestSupport
import Testing

@Suite(.serialized, .enabled(if: Place.all.contains(.mount), "needs /dev/fuse, and no --quick"))
struct ScaleTests {
    /// The size of the files in bytes: more than is kept of a base file at its first edit (limit pin).
    private static let size = TestEnvironment.isOptimized ? 100_000_000 : 12_000_000
    private static let script = "\(TestEnvironment.packageRoot)/scripts/bench.d/tools.py"

    /// Runs the client.
    /// - Returns: the client's measurements.
    @discardableResult
    private static func client(_ words: String...) throws -> [String: Double] {
        let output = try ChildProcess.check([TestEnvironment.python, script] + words, seconds: 600)
        var samples: [String: Double] = [:]
        for line in output.split(separator: "\n") {
            let parts = line.split(separator: "\t")
            if parts.count == 2 { samples[String(parts[0])] = Double(parts[1]) }
        }
        return samples
    }

    /// Makes a mount with a file in its base, and a copy of that file beside it, named `plain`.
    private static func mount(_ kind: String, _ size: Int) throws -> TestMount {
        let mount = try TestMount(limit: 900) { base in
            try client(kind, "\(base)/f", "\(size)")
        }
        try ChildProcess.check(["cp", "\(mount.base)/f", mount.directory("plain")])
        return mount
    }

    private static func expectSmall(_ samples: [String: Double], _ mount: TestMount, _ stored: Int) throws {
        let peak = try #require(samples.first { $0.key.hasPrefix("memory:") }?.value)
        // A sanitizer has memory of its own.
        #expect(Sanitizer.isOn || peak < 64 * 1024 * 1024, "the server held \(peak) bytes")
        // Apart from what the log reserves for removals.
        let grown = try bytesOnDisk(mount.store) - stored
        #expect(grown < 1_000_000, "the store grew by \(grown) bytes")
        #expect(mount.finish() == [])
    }

    @Test("Ten edits across a large text equal those of sed and patch, and cost little")
    func edits() throws {
        let mount = try Self.mount("text", Self.size)
        let stored = try bytesOnDisk(mount.store)
        let samples = try Self.client(
            "edits", TestEnvironment.binary, mount.root, "f", "\(Self.size / 26)", mount.directory("plain"))
        for name in ["exact text", "expression, one place", "bytes", "patch from a file, moved"] {
            #expect(samples[name] != nil, "\(name)")
        }
        try Self.expectSmall(samples, mount, stored)
    }

    @Test("A large file of one line is read in pieces, and edited by text and by bytes")
    func line() throws {
        let mount = try Self.mount("line", Self.size)
        let stored = try bytesOnDisk(mount.store)
        let samples = try Self.client(
            "line-edits", TestEnvironment.binary, mount.root, "f", mount.directory("plain"))
        try Self.expectSmall(samples, mount, stored)
    }

    @Test("Pieces of 9,000 characters of a text in many alphabets add up to it and cut none")
    func pieces() throws {
        let mount = try Self.mount("mixed", Self.size / 4)
        let stored = try bytesOnDisk(mount.store)
        let samples = try Self.client(
            "pieces", TestEnvironment.binary, mount.root, "f", mount.directory("plain"))
        try Self.expectSmall(samples, mount, stored)
    }
}
