// HostileNumbersTests: tests extreme numbers from the base, the kernel and the disk. A call may fail, but
// the process must not trap, which would end all mounts.

import Check
import Past
import Glibc
@testable import Overlay
import Platform
@testable import Storage
import TestSupport
import Testing

@Suite struct HostileNumbersTests {
    private static let times: [Int64] = [
        .min, .min + 1, -8_000_000_000_000_000_000, -1, 0, 1, .max - 1, .max,
    ]
    private static let sizes: [UInt64] = [
        0, 1, 511, 1 << 40, UInt64(Int64.max) - 1, UInt64(Int64.max), 1 << 63, .max - 511, .max,
    ]

    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for name in ["f", "g", "d/h"] { try writeFile("\(base)/\(name)", "of the base") }
        }
        let tree = fixture.tree!
        try tree.makeDirectory("made")
        try tree.makeFile("made/file")
        try tree.write("made/file", "content")
        try tree.write("f", "EDIT")
        try tree.changeMode("d/h", 0o600)
        return fixture
    }

    /// Calls all operations that read or change the workspace. They may fail, but must return.
    private func exercise(_ fixture: WorkspaceFixture) {
        let tree = fixture.tree!
        let workspace = fixture.workspace
        for path in ["", "d", "f", "g", "d/h", "made", "made/file"] {
            _ = try? tree.facts(tree.resolve(path))
            _ = try? tree.names(path)
            _ = try? tree.read(tree.resolve(path), at: 0, count: 4_096)
            _ = try? tree.write(path, "x", at: 3)
            _ = try? tree.changeMode(path, 0o640)
            _ = try? tree.truncate(path, to: 5)
            _ = try? tree.link(path, to: path + "-link")
            _ = try? tree.rename(path, to: path + "-moved")
            _ = try? tree.unlink(path + "-link")
        }
        _ = try? tree.makeFile("again")
        _ = try? tree.makeDirectory("directory")
        _ = try? workspace.moments.backup(FileName("kept"), comment: [], caller: tree.caller)
        _ = try? workspace.commands.clone(Array("made".utf8), to: Array("copy".utf8), caller: tree.caller)
        workspace.maintenance.checkpoint()
        _ = try? workspace.verify()
        _ = try? fixture.set.differences(of: workspace, from: .base)
        _ = try? workspace.changes.history(1...UInt64.max)
        _ = try? workspace.commands.undo(1, paths: [], caller: tree.caller)
        for moment in [Moment.sequence(0), .sequence(1), .time(.min), .time(.max), .time(0)] {
            _ = try? workspace.moments.view(at: workspace.moments.sequence(of: moment))
            _ = try? workspace.commands.rollback(
                to: moment, paths: [Array("made".utf8)], keepsTimes: true, caller: tree.caller)
            _ = try? workspace.commands.rollback(
                to: moment, paths: [], keepsTimes: false, caller: tree.caller)
        }
        _ = workspace.accounts.statistics
        _ = workspace.accounts.usageRecord
        workspace.maintenance.maintain(checkpointNow: true)
    }

    /// Damages the store and opens it. A store with such numbers may be refused, but the damage must be
    /// done.
    /// - Returns: whether the workspace is open.
    private func opens(_ fixture: WorkspaceFixture, _ damage: () throws -> Void) throws -> Bool {
        do {
            try damage()
        } catch {
            // The fixture lets go of its workspace before it opens the damaged store, not earlier.
            guard fixture.tree == nil else { throw error }
        }
        return fixture.tree != nil
    }

    @Test("The status of a base file may have any numbers")
    func status() throws {
        let fixture = try fixture()
        let real = try fixture.workspace.base.status(BasePlace(path: Array("f".utf8)))
        for size in Self.sizes {
            for time in Self.times {
                var status = real
                (status.size, status.blocks, status.inode, status.specialDevice) = (size, size, size, size)
                (status.device, status.links) = (size, UInt32(truncatingIfNeeded: size))
                (status.accessTime, status.modificationTime) = (time, time)
                (status.changeTime, status.birthTime) = (time, time)
                let record = InodeRecord(number: size, status: status)
                #expect(record.links > 0 && record.size <= UInt64(Int64.max))
                #expect(record.attributes.blocks <= 1 << 55)
                let origin = Origin(path: [0x66], device: .max, status: status)
                #expect(origin.size <= UInt64(Int64.max))
                _ = origin.drift(to: real)
                var writer = ByteWriter()
                record.encode(into: &writer)
                var reader = ByteReader(writer.bytes)
                #expect(InodeRecord(decoding: &reader) == record)
            }
        }
    }

    @Test("Any times that a caller sets are kept")
    func times() throws {
        let fixture = try fixture()
        for path in ["f", "g", "d", "made", "made/file"] {
            for time in Self.times {
                var change = AttributeChange()
                (change.accessTime, change.modificationTime) = (.at(time), .at(time))
                try fixture.tree.setAttributes(fixture.tree.resolve(path), change)
                let found = try fixture.workspace.attributes(fixture.tree.resolve(path))
                #expect(found.modificationTime == time && found.accessTime == time)
            }
        }
        try fixture.reopenAfterKill()
        #expect(try fixture.workspace.attributes(fixture.tree.resolve("g")).modificationTime == .max)
        exercise(fixture)
    }

    @Test("Offsets and lengths of calls may be any numbers")
    func offsets() throws {
        let fixture = try fixture()
        let tree = fixture.tree!
        for path in ["f", "g", "made/file"] {
            let node = try tree.resolve(path)
            for offset in Self.sizes {
                for length in Self.sizes {
                    for mode in [AllocationMode(), .keepSize, [.punchHole, .keepSize], .zeroRange] {
                        _ = try? tree.allocate(node, mode: mode, offset: offset, length: length)
                    }
                    _ = try? tree.copyRange(
                        from: node, at: offset, to: node, at: length, length: length)
                    _ = try? fixture.workspace.content.edit(
                        Array(path.utf8), [Splice(offset: offset, delete: length, insert: [1])],
                        caller: tree.caller)
                }
                _ = try? tree.read(node, at: offset, count: 4_096)
                _ = try? tree.write(node, [1, 2, 3], at: offset)
                for data in [true, false] {
                    _ = try? fixture.workspace.content.seek(node, from: offset, data: data)
                }
                _ = try? tree.truncate(path, to: offset)
            }
        }
        exercise(fixture)
        try fixture.reopenAfterKill()
        exercise(fixture)
    }

    /// Changes that set each number of a row to an extreme value.
    private static let rowChanges: [@Sendable (inout InodeRecord) -> Void] = [
        { $0.mode = .max }, { $0.user = .max; $0.group = .max }, { $0.links = .max },
        { $0.links = 1 }, { $0.specialDevice = .max }, { $0.size = UInt64(Int64.max) },
        { $0.allocated = .max }, { $0.accessTime = .min; $0.modificationTime = .min },
        { $0.modificationTime = .max; $0.changeTime = .max; $0.birthTime = .min },
        { $0.sequence = .max }, { $0.contentSequence = .max },
        { $0.flags = InodeRecord.Flags(rawValue: .max) },
        {
            ($0.links, $0.allocated, $0.size) = (.max, .max, UInt64(Int64.max))
            ($0.sequence, $0.contentSequence, $0.changeTime) = (.max, .max, .max)
        },
    ]

    @Test("Rows of the database may have any numbers", arguments: 0..<13)
    func rows(index: Int) throws {
        let fixture = try fixture()
        let numbers = try ["", "d", "f", "d/h", "made", "made/file"].map(fixture.tree.resolve)
        try fixture.damageRows { batch, row in
            for number in numbers {
                guard var record = try row(number) else { continue }
                Self.rowChanges[index](&record)
                batch.inodes[number] = .some(record)
            }
            // Only the directory d of the base was not changed.
            let changed = batch.inodes.count
            #expect(changed >= numbers.count - 1)
        }
        exercise(fixture)
        _ = try opens(fixture) { try fixture.reopenAfterKill() }
    }

    @Test("Origins, backups, aliases, entries and inode numbers may have any numbers")
    func others() throws {
        var opened = 0
        for index in 0..<5 {
            let fixture = try fixture()
            let numbers = try ["", "d", "f", "d/h"].map(fixture.tree.resolve)
            let isOpen = try opens(fixture) {
                try fixture.damageRows { batch, _ in
                    switch index {
                    case 0:
                        var origin = Origin(
                            path: [0x66], device: .max, status: fixture.workspace.base.rootStatus)
                        (origin.inode, origin.size, origin.mode) = (.max, .max, .max)
                        (origin.modificationTime, origin.changeTime, origin.birthTime) = (.min, .max, .min)
                        for number in numbers { batch.origins[number] = .some(origin) }
                    case 1:
                        let record = BackupRecord(
                            sequence: .max, time: .min, isAutomatic: true, comment: [])
                        batch.backups[try FileName("odd")] = .some(record)
                    case 2:
                        batch.devices[.max] = [0x64]
                        batch.aliases[AliasKey(device: .max, inode: .max, birthTime: .min)] = .max
                    case 3:
                        batch.entries[numbers[0], default: [:]][try FileName("odd")] =
                            Entry(inode: .max, type: .directory)
                    default:
                        batch.inodes[.max] = .some(
                            InodeRecord(
                                number: .max, mode: .max, user: .max, group: .max, links: .max,
                                time: .min))
                    }
                }
            }
            guard isOpen else { continue }
            opened += 1
            exercise(fixture)
        }
        #expect(opened >= 3)
    }

    @Test("Records of the tree log may have any numbers")
    func treeLog() throws {
        var opened = 0
        for index in 0..<8 {
            let fixture = try fixture()
            let isOpen = try opens(fixture) { try appendRecord(index, fixture) }
            guard isOpen else { continue }
            opened += 1
            exercise(fixture)
        }
        #expect(opened >= 4)
    }

    private func appendRecord(_ index: Int, _ fixture: WorkspaceFixture) throws {
        let numbers = try ["f", "d", "made", "made/file"].map(fixture.tree.resolve)
        let last = fixture.workspace.accounts.statistics.sequence
        let key = fixture.set.store.logs.key
        try fixture.reopenAfterKill { directory in
            let disk = HostDisk(root: try File.open(directory, flags: O_RDONLY | O_DIRECTORY))
            let treeLog = try TreeLog("tree.log", id: 1 << 48, key: key, on: disk, now: 0)
            let records = try treeLog.replay(from: 0, after: 0) { _, _ in }.records
            // With another key none of them could be read, and the log would be cut off.
            #expect(records > 0)
            let sequence = index == 7 ? UInt64.max : last + 1
            try treeLog.append(
                .transaction, sequence: sequence, stamp: Stamp(time: .min, pid: .max, uid: .max),
                payload: TreeChange.encode(.setAttributes, Self.changes(index, numbers)))
        }
    }

    private static func changes(_ index: Int, _ numbers: [InodeNumber]) -> [TreeChange] {
        let odd = FileName(trusted: Array("odd".utf8))
        switch index {
        case 0, 7:
            return numbers.map { number in
                var record = InodeRecord(
                    number: number, mode: 0o100644, user: 0, group: 0, links: .max, time: .max)
                for change in rowChanges { change(&record) }
                record.mode = 0o100644
                return .inode(number, before: record, after: record)
            }
        case 1: return [.alias(.max, device: .max, inode: .max, birthTime: .min)]
        case 2: return [.device(.max, path: [0x64])]
        case 3:
            return numbers.map {
                .entry($0, odd, before: nil, after: Entry(inode: .max, type: .regular))
            }
        case 4: return numbers.map { .content($0, source: .max, sequence: .max) }
        case 5:
            let record = BackupRecord(sequence: .max, time: .min, isAutomatic: true, comment: [])
            return [.backup(odd, before: record, after: record)]
        default: return [.inode(.max, before: nil, after: nil), .inode(0, before: nil, after: nil)]
        }
    }

    @Test("Records of an edit log may have any numbers")
    func editLog() throws {
        let limit = UInt64(Int64.max)
        let pieces = [
            Piece(.base(file: .max, offset: limit - 1), length: 1), .hole(limit),
            Piece(.log(log: .max, record: limit - 10, skip: 9), length: 1),
        ]
        var opened = 0
        for piece in pieces {
            let last = limit - piece.length
            for offset in [0, min(5, last), last] {
                let fixture = try fixture()
                let isOpen = try opens(fixture) { try appendPiece(piece, at: offset, fixture) }
                guard isOpen else { continue }
                opened += 1
                exercise(fixture)
            }
        }
        #expect(opened >= 4)
    }

    private func appendPiece(_ piece: Piece, at offset: UInt64, _ fixture: WorkspaceFixture) throws {
        let number = try fixture.tree.resolve("made/file")
        let key = fixture.set.store.logs.key
        try fixture.reopenAfterKill { directory in
            let root = String(directory.dropLast("/workspaces/0001".count))
            let disk = HostDisk(root: try File.open(root, flags: O_RDONLY | O_DIRECTORY))
            let logs = LogDirectory(disk, openFiles: 8, key: key)
            let log = try EditLog.open(number, in: logs) { _ in }
            let stamp = Stamp(time: .max, pid: .max, uid: .max)
            _ = try log.share([piece], at: offset, stamp: stamp, sequence: SequenceCounter(1_000))
            _ = try log.truncate(
                to: UInt64(Int64.max), stamp: stamp, sequence: SequenceCounter(2_000))
        }
    }
}
