// OperatorLimitsFileTests: tests the files `limits` and `usage`. Written values are read back, limits
// survive a power cut, and a damaged or newer file is refused.

import Platform
import TestSupport
import Testing

@testable import Storage

@Suite struct OperatorLimitsFileTests {
    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: 3)
        for path in ["workspaces", "workspaces/0001"] { try disk.makeDirectory(path) }
        try disk.synchronizeAll()
        return disk
    }

    @Test("Limits survive a power cut right after they are set", arguments: 0..<8)
    func powerCut(seed: UInt64) throws {
        let disk = try disk()
        for directory in ["", "workspaces/0001"] {
            var limits = OperatorLimits()
            limits.set(.files, to: 5)
            limits.set(.largeFile, to: nil)
            limits.set(.retention, to: .max - 1)
            try limits.write(to: directory, on: disk)
            limits.set(.files, to: 6)
            try limits.write(to: directory, on: disk)
            let found = try OperatorLimits(
                from: directory, on: disk.afterPowerCut(seed: seed))
            #expect(found == limits)
            #expect(found[.files] == 6 && found[.largeFile] == nil && found.isSet(.largeFile))
            #expect(found[.memory] == 256 << 20 && !found.isSet(.memory))
        }
    }

    @Test("A missing file gives the defaults, a newer or damaged file is an error")
    func unusual() throws {
        let disk = try disk()
        #expect(try OperatorLimits(from: "", on: disk) == OperatorLimits())
        let payloads: [([UInt8], Bool)] = [
            ([2, 0, 0, 0, 0, 0, 0, 0], true), ([1, 0, 0, 0, 9, 0, 0, 0], false),
        ]
        for (payload, isNewer) in payloads {
            try SealedFile.write(
                payload, magic: Format.limitsMagic, copies: 2, to: "limits", on: disk, durable: true)
            do throws(StorageError) {
                _ = try OperatorLimits(from: "", on: disk)
                Issue.record("it was read")
            } catch {
                if case .newerVersion = error { #expect(isNewer) } else { #expect(!isNewer) }
            }
        }
        // A key of a later version is ignored.
        var writer = ByteWriter()
        for number in [1, 2, 99, 0, 7, 0, 1, 0, 8, 0] as [UInt32] { writer.integer(number) }
        try SealedFile.write(
            writer.bytes, magic: Format.limitsMagic, copies: 1, to: "limits", on: disk, durable: true)
        #expect(try OperatorLimits(from: "", on: disk)[.bytes] == 8)
    }

    @Test("A usage record can be taken only once")
    func usage() throws {
        let disk = try disk()
        let record = UsageRecord(logFiles: 1, logBytes: 2, treeLogBytes: 3, files: 4, lastChange: 5, epoch: 6)
        try record.write(1, on: disk)
        #expect(UsageRecord(of: 1, on: disk) == record)
        #expect(try UsageRecord.take(1, on: disk) == record)
        #expect(try UsageRecord.take(1, on: disk) == nil)
    }

    @Test("The result of a command is kept with the end of its output, and a damaged one is refused")
    func run() throws {
        let disk = try disk()
        func record(_ output: [UInt8]) -> RunRecord {
            RunRecord(
                status: 3, ended: 4, nanoseconds: 5, sequence: 6, command: Array("make".utf8), output: output)
        }
        #expect(try RunRecord.read(from: "", on: disk) == nil)
        try record([1, 0, 0xff]).write(to: "", on: disk)
        #expect(try RunRecord.read(from: "", on: disk) == record([1, 0, 0xff]))
        let long = [UInt8](repeating: 7, count: RunRecord.mostOutput) + [8]
        try record(long).write(to: "", on: disk)
        let found = try #require(try RunRecord.read(from: "", on: disk))
        #expect(found.output.count == RunRecord.mostOutput && found.output.last == 8)
        try SealedFile.write(
            [2, 0, 0, 0], magic: Format.runMagic, copies: 1, to: RunRecord.path(""), on: disk, durable: true)
        #expect { try RunRecord.read(from: "", on: disk) } throws: { "\($0)".contains("format version 2") }
    }
}
