// PinPoolTests: tests the files of the pool. Kept contents are read back, and an incomplete file is never
// used.

import Glibc
import Platform
import TestSupport
import Testing

@testable import Storage

@Suite struct PinPoolTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("pool") }

    private func source(_ bytes: [UInt8]) throws -> (File, PinIdentity) {
        let path = directory("source")
        try writeFile(path, bytes)
        let file = try File.open(path, flags: O_RDONLY)
        let origin = Origin(path: [0x66], device: 0, status: try file.status())
        return (file, PinIdentity(origin, devicePath: nil))
    }

    private func pool(_ disk: SimulatedDisk) -> PinPool {
        PinPool(disk, counter: SpaceCounter(), openFiles: 4)
    }

    private func keep(
        _ pool: PinPool, _ identity: PinIdentity, _ file: File, limit: UInt64? = nil,
        hasRoom: Bool = true
    ) -> PinPool.Outcome {
        pool.claim(identity)
        defer { pool.release(identity) }
        return pool.keep(
            identity, of: file, limit: limit,
            status: { () throws(Errno) in try file.status() }, hasRoom: { _ in hasRoom })
    }

    private func contents(_ pool: PinPool, _ identity: PinIdentity) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: Int(identity.size))
        let pin = try pool.file(identity)
        try bytes.withUnsafeMutableBytes { try pin.read(into: $0, at: 0) }
        return bytes
    }

    @Test("A claim says whether the pool is known to have the content")
    func claims() throws {
        let disk = SimulatedDisk(seed: 1)
        let first = pool(disk)
        let (_, other) = try source(bytes(200, fill: 4))
        let (file, identity) = try source(bytes(100, fill: 3))
        func isKnown(_ pool: PinPool, _ identity: PinIdentity) -> Bool {
            defer { pool.release(identity) }
            return pool.claim(identity)
        }
        #expect(!isKnown(first, identity))
        // The file is not that of the identity: nothing is kept.
        #expect(keep(first, other, file) == .changed)
        #expect(!isKnown(first, other))
        #expect(keep(first, identity, file) == .kept)
        #expect(isKnown(first, identity))
        // Another process must verify the content first.
        let second = pool(disk)
        #expect(!isKnown(second, identity))
        #expect(keep(second, identity, file) == .kept)
        #expect(isKnown(second, identity))
    }

    @Test("A kept content is read back, as a whole and in parts", arguments: [
        1, 7, 8, 16_383, 16_384, 16_385, 100_000, 1 << 20, 3 << 20 | 5,
    ])
    func readBack(size: Int) throws {
        let disk = SimulatedDisk(seed: 1)
        let pool = pool(disk)
        let whole = bytes(size, fill: 3)
        let (file, identity) = try source(whole)
        #expect(keep(pool, identity, file) == .kept)
        #expect(keep(pool, identity, file) == .kept)
        #expect(pool.usage == PinUsage(files: 1, bytes: PinFile.length(UInt64(size), isShared: false)))
        #expect(try contents(pool, identity) == whole)
        let pin = try pool.file(identity)
        #expect(try pin.damagedBlocks().isEmpty && pin.paddingFault() == nil)
        for start in stride(from: 0, to: size, by: max(1, size / 7)) {
            let count = min(size - start, 20_000)
            var part = [UInt8](repeating: 0, count: count)
            try part.withUnsafeMutableBytes { try pin.read(into: $0, at: UInt64(start)) }
            #expect(part == Array(whole[start..<start + count]))
        }
        // The next process verifies the content once, and uses it.
        let next = self.pool(disk.afterKill())
        #expect(next.usage.files == 1)
        #expect(keep(next, identity, file) == .kept)
        #expect(next.usage.files == 1)
    }

    @Test("A file that changed, is too large or has no room is not kept")
    func refusals() throws {
        let disk = SimulatedDisk(seed: 1)
        let pool = pool(disk)
        let (file, identity) = try source(bytes(1_000, fill: 1))
        #expect(keep(pool, identity, file, limit: 999) == .tooLarge)
        #expect(keep(pool, identity, file, hasRoom: false) == .tooLarge)
        disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace, times: 100))
        #expect(keep(pool, identity, file) == .failed(.noSpace))
        disk.set(nil)
        try withOpen(directory("source"), O_WRONLY) { try writeAll($0, [9], at: 5) }
        #expect(keep(pool, identity, file) == .changed)
        #expect(pool.usage.files == 0 && pool.isEmpty)
    }

    @Test("A file with fewer bytes than its status says is not kept")
    func fewerBytes() throws {
        let pool = pool(SimulatedDisk(seed: 1))
        let (file, identity) = try source(bytes(1_000, fill: 1))
        let status = try file.status()
        #expect(truncate(directory("source"), 900) == 0)
        pool.claim(identity)
        defer { pool.release(identity) }
        let outcome = pool.keep(
            identity, of: file, limit: nil,
            status: { () throws(Errno) in status }, hasRoom: { _ in true })
        #expect(outcome == .changed)
        #expect(pool.usage.files == 0 && pool.isEmpty)
        #expect(!pool.has(identity))
    }

    @Test("After an interruption at any call a pool file is whole or not used, and is made again")
    func cutOff() throws {
        let whole = bytes(2 << 20 | 77, fill: 5)
        let (file, identity) = try source(whole)
        var call = 0
        while true {
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let outcome = keep(pool(disk), identity, file)
            if !disk.isStopped {
                #expect(outcome == .kept)
                break
            }
            #expect(outcome != .kept)
            for after in [disk.afterKill(), disk.afterPowerCut(seed: UInt64(call))] {
                let next = pool(after)
                if let found = try? contents(next, identity) { #expect(found == whole) }
                #expect(keep(next, identity, file) == .kept, "call \(call)")
                #expect(try contents(next, identity) == whole, "call \(call)")
            }
            call += 1
        }
        #expect(call > 4)
    }

    @Test("A synced content survives a power cut")
    func synced() throws {
        let whole = bytes(50_000, fill: 5)
        let (file, identity) = try source(whole)
        for seed in 0..<UInt64(20) {
            let disk = SimulatedDisk(seed: seed)
            let pool = pool(disk)
            #expect(keep(pool, identity, file) == .kept)
            try pool.synchronize([identity])
            let calls = disk.changes
            try pool.synchronize([identity])
            #expect(disk.changes == calls)
            #expect(try contents(self.pool(disk.afterPowerCut(seed: seed)), identity) == whole)
        }
    }

    @Test("A content that is made after a sync did not find it is synced by the next one")
    func madeLater() throws {
        let whole = bytes(50_000, fill: 5)
        let (file, identity) = try source(whole)
        for seed in 0..<UInt64(20) {
            let disk = SimulatedDisk(seed: seed)
            let pool = pool(disk)
            try pool.synchronize([identity])
            #expect(keep(pool, identity, file) == .kept)
            try pool.synchronize([identity])
            #expect(try contents(self.pool(disk.afterPowerCut(seed: seed)), identity) == whole)
        }
    }

    @Test("A content that is replaced during its sync is synced by the next one")
    func replacedMeanwhile() throws {
        let (file, identity) = try source(bytes(50_000, fill: 5))
        let disk = SimulatedDisk(seed: 1)
        #expect(keep(self.pool(disk), identity, file) == .kept)
        disk.setContents(of: identity.path, to: [1, 2, 3])
        let pool = pool(disk)
        let outcome = Shared<PinPool.Outcome?>(nil)
        disk.beforeNextSync {
            pool.claim(identity)
            outcome.value = pool.keep(
                identity, of: file, limit: nil,
                status: { () throws(Errno) in try file.status() }, hasRoom: { _ in true })
            pool.release(identity)
        }
        try pool.synchronize([identity])
        #expect(outcome.value == .kept)
        let syncs = disk.syncs
        try pool.synchronize([identity])
        #expect(disk.syncs > syncs)
    }

    @Test("After a failed sync of a content its later syncs fail, and those of others do not")
    func failedSync() throws {
        let disk = SimulatedDisk(seed: 1)
        let pool = pool(disk)
        let (file, identity) = try source(bytes(50_000, fill: 5))
        #expect(keep(pool, identity, file) == .kept)
        disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .inputOutput))
        #expect(throws: Errno.inputOutput) { try pool.synchronize([identity]) }
        #expect(!disk.isPlanOpen)
        #expect(throws: Errno.inputOutput) { try pool.synchronize([identity]) }
        let (next, other) = try source(bytes(60_000, fill: 6))
        #expect(keep(pool, other, next) == .kept)
        try pool.synchronize([other])
        #expect(throws: Errno.inputOutput) { try pool.synchronize([other, identity]) }
    }

    @Test("If the sync of the file system fails, each content is synced by itself")
    func failedWholeSync() throws {
        let disk = SimulatedDisk(seed: 1)
        let pool = pool(disk)
        let identities = try (1...17).map { size in
            let (file, identity) = try source(bytes(size, fill: 1))
            #expect(keep(pool, identity, file) == .kept)
            return identity
        }
        disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .inputOutput))
        try pool.synchronize(identities)
        #expect(!disk.isPlanOpen)
        let syncs = disk.syncs
        try pool.synchronize(identities)
        #expect(disk.syncs == syncs)
    }

    @Test("A path of the pool gives its identity, and other paths give none")
    func paths() throws {
        let (_, identity) = try source([1])
        #expect(PinIdentity(path: identity.path) == identity)
        #expect(PinIdentity(path: identity.path + ".new") == identity)
        for path in ["", "pool", "pool/00/x", identity.path + ".old", "x/" + identity.path] {
            #expect(PinIdentity(path: path) == nil, "\(path)")
        }
    }
}
