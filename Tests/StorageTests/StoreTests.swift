// StoreTests: tests the store: its lock, base, version, key and workspaces, and the state that an
// interrupted call leaves.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

@Suite("Store")
struct StoreTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("store") }

    private func open(
        base: String = "/base", inode: UInt64 = 2, holder: String = "process 1"
    ) throws -> Store {
        try Store.open(
            directory("store"), basePath: Array(base.utf8), baseInode: inode, holder: holder,
            now: 1)
    }

    private func sentence(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was thrown"
        } catch {
            return "\(error)"
        }
    }

    @Test("A second opener is refused, and the message names the holder of the store")
    func locked() throws {
        let first = try open(holder: "process 42, mounted at /mnt/x")
        let message = sentence { _ = try open(holder: "process 2") }
        #expect(message.contains("is in use by process 42, mounted at /mnt/x"))
        #expect(first.workspaces.isEmpty)
    }

    @Test("A store opens again after its holder has closed it")
    func unlocked() throws {
        let id = try open().superblock.id
        #expect(try open().superblock.id == id)
    }

    @Test("A store is refused for another base, and the message names both paths")
    func foreignBase() throws {
        _ = try open(base: "/base")
        let message = sentence { _ = try open(base: "/other", inode: 3) }
        #expect(message.contains("belongs to the base /base, not to /other"))
    }

    @Test("A store of a newer version is refused")
    func newerVersion() throws {
        var superblock = try open().superblock
        superblock.version = 7
        try superblock.write(to: HostDisk(root: File.open(directory("store"), flags: O_RDONLY)))
        #expect(sentence { _ = try open() }.contains("format version 7"))
    }

    @Test("A store of an older version is refused and left as it is")
    func olderVersion() throws {
        let superblock = try open().superblock
        let disk = HostDisk(root: try File.open(directory("store"), flags: O_RDONLY))
        // The superblock of version 2 has no key.
        var writer = ByteWriter()
        writer.integer(UInt32(2))
        writer.integer(UInt32(0))
        writer.integer(superblock.id)
        writer.integer(superblock.created)
        writer.string(superblock.basePath)
        writer.integer(superblock.baseInode)
        try SealedFile.write(
            writer.bytes, magic: Format.superblockMagic, copies: 2, to: Superblock.path,
            on: disk, durable: true)
        try disk.remove(StoreKey.path)
        let before = try StoreCopy(directory("store"))
        #expect(sentence { _ = try open() }.contains("format version 2"))
        #expect(try StoreCopy(directory("store")).differences(to: before) == [])
        #expect(before.files.contains { $0.path == Superblock.path })
    }

    @Test("A lost key file is written from the superblock, and one of another store is refused")
    func key() throws {
        let key = try open().superblock.key
        let disk = HostDisk(root: try File.open(directory("store"), flags: O_RDONLY))
        #expect(try StoreKey(from: disk).key == key)
        try disk.remove(StoreKey.path)
        #expect(try open().logs.key == key)
        #expect(try StoreKey(from: disk).key == key)
        let file = try disk.open(StoreKey.path, .readWrite)
        try file.writeBytes([UInt8](repeating: 0, count: Int(try file.length())), at: 0)
        #expect(try open().logs.key == key)
        #expect(try StoreKey(from: disk).key == key)
        let other = Superblock(
            id: 5, created: 1, basePath: Array("/base".utf8), baseInode: 2, key: testKey)
        try StoreKey(other).write(to: disk)
        #expect(sentence { _ = try open() }.contains("belong to different stores"))
        #expect(try StoreKey(from: disk).key == testKey)
    }

    @Test("Two stores have two keys")
    func keys() throws {
        let first = try open().superblock.key
        let other = try Store.open(
            directory("other"), basePath: [0x2f], baseInode: 1, holder: "a test", now: 1)
        #expect(other.superblock.key != first)
    }

    @Test("Only its owner has access to a store")
    func permissions() throws {
        #expect(mkdir(directory("store"), 0o755) == 0 && chmod(directory("store"), 0o755) == 0)
        let old = umask(0)
        defer { umask(old) }
        let store = try open()
        _ = try store.createWorkspace(FileName("one"), now: 1)
        func mode(_ path: String) throws -> UInt32 {
            try File.open(directory("store" + path), flags: O_RDONLY).status().mode & 0o777
        }
        #expect(try mode("") == 0o700)
        #expect(try mode("/key") == 0o600 && mode("/superblock") == 0o600)
        #expect(try mode("/workspaces") == 0o700)
    }

    @Test("A directory that is not a store is refused and not changed")
    func noStore() throws {
        #expect(mkdir(directory("store"), 0o700) == 0)
        _ = try File.open(directory("store/letter.txt"), flags: O_RDWR | O_CREAT)
        #expect(sentence { _ = try open() }.contains("it is not a store, and it is not empty"))
        #expect(access(directory("store/letter.txt"), F_OK) == 0)
        #expect(access(directory("store/superblock"), F_OK) != 0)
    }

    @Test("A store with workspaces and without a superblock is refused as damaged")
    func noSuperblock() throws {
        _ = try open().createWorkspace(FileName("one"), now: 1)
        #expect(unlink(directory("store/superblock")) == 0)
        #expect(sentence { _ = try open() }.contains("its superblock is missing"))
    }

    @Test("Workspaces are made, renamed and removed, and the next opening finds them")
    func workspaces() throws {
        do {
            let store = try open()
            let one = try store.createWorkspace(FileName("one"), now: 1)
            let two = try store.createWorkspace(FileName("two"), now: 2)
            #expect(one.id != two.id)
            #expect(throws: Errno.exists) { try store.createWorkspace(FileName("one"), now: 3) }
            #expect(throws: Errno.exists) { try store.renameWorkspace(two.id, to: FileName("one")) }
            try store.renameWorkspace(one.id, to: FileName("three"))
            try store.removeWorkspace(two.id)
            #expect(throws: Errno.noEntry) { try store.renameWorkspace(two.id, to: FileName("x")) }
        }
        let store = try open()
        #expect(store.workspaces.map(\.name.description) == ["three"])
        #expect(store.workspace(named: FileName(trusted: Array("one".utf8))) == nil)
    }

    @Test(
        "After a failed creation of a workspace the next opening finds the workspaces of the store",
        arguments: 1...2)
    func failedMaking(failures: Int) throws {
        func open(_ disk: SimulatedDisk) throws -> Store {
            try Store.open(on: disk, basePath: [0x2f], baseInode: 1, now: 1)
        }
        let name = try FileName("one")
        var call = 0
        while true {
            let disk = SimulatedDisk(seed: 1)
            let store = try open(disk)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .inputOutput, times: failures))
            let made = try? store.createWorkspace(name, now: 1)
            disk.set(nil)
            if failures == 1 { #expect(store.workspaces.isEmpty == (made == nil), "call \(call)") }
            #expect(try open(disk).workspaces == store.workspaces, "call \(call)")
            // A second attempt must end with exactly one workspace of that name.
            _ = try? store.createWorkspace(name, now: 2)
            #expect(try open(disk).workspaces.map(\.name) == [name], "call \(call)")
            if made != nil { break }
            call += 1
        }
        #expect(call > 8)
    }

    @Test("After a failed renaming of a workspace the next opening finds the name in the store")
    func failedRenaming() throws {
        func open(_ disk: SimulatedDisk) throws -> Store {
            try Store.open(on: disk, basePath: [0x2f], baseInode: 1, now: 1)
        }
        for call in 0..<8 {
            let disk = SimulatedDisk(seed: 1)
            let store = try open(disk)
            let id = try store.createWorkspace(FileName("one"), now: 1).id
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .inputOutput))
            try? store.renameWorkspace(id, to: FileName("two"))
            disk.set(nil)
            #expect(try open(disk).workspaces == store.workspaces, "call \(call)")
        }
    }

    @Test("The path of a moved base and a rewritten key file survive a power cut", arguments: 0..<20)
    func rewritten(seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        func open(_ base: String) throws {
            _ = try Store.open(on: disk, basePath: Array(base.utf8), baseInode: 1, now: 1)
        }
        try open("/one")
        try disk.remove(StoreKey.path)
        try disk.synchronizeAll()
        try open("/two")
        let after = disk.afterPowerCut(seed: seed)
        #expect(try Superblock(from: after).basePath == Array("/two".utf8))
        #expect(try StoreKey(from: after) == StoreKey(Superblock(from: after)))
    }

    @Test("The rest of an interrupted creation or removal is removed")
    func leftovers() throws {
        do {
            let store = try open()
            for name in ["one", "two"] { _ = try store.createWorkspace(FileName(name), now: 1) }
            try store.disk.rename("workspaces/0002", to: "workspaces/0002.dead")
            try store.disk.makeDirectory("workspaces/0003.new")
            try store.disk.makeDirectory("workspaces/0003.new/logs")
        }
        let store = try open()
        #expect(store.workspaces.map(\.id) == [1])
        #expect(try store.disk.list("workspaces") == ["0001"])
    }

    @Test("A workspace directory with the record of another workspace is refused as damaged")
    func swapped() throws {
        do {
            let store = try open()
            _ = try store.createWorkspace(FileName("one"), now: 1)
            try store.disk.rename("workspaces/0001", to: "workspaces/0005")
        }
        #expect(sentence { _ = try open() }.contains("it belongs to another workspace"))
    }
}
