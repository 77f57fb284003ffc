// Damaged stores: bytes are flipped in the files of a store, and files are cut or removed. Either the
// mount is refused with a sentence, or reads return the right bytes or an error, never wrong bytes, and a
// loss is reported.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct DamagedStore {
        /// The damage to one file of the store.
        enum Damage: String, CaseIterable {
            case start, quarter, middle, end, cut, emptied, removed
        }

        @Test("No damage to a file of the store gives wrong bytes")
        func flippedBytes() throws {
            let seed = TestEnvironment.seed()
            var random = SeededGenerator(seed: seed)
            print("damaged store: DRAFTFS_TEST_SEED=\(seed)")
            let places = try Places()
            defer { if isMountPoint(places.point) { detach(places.point) } }
            try writeFile("\(places.base)/big", bytes(300_000, fill: 1))
            try ChildProcess.check(places.mount(), seconds: 20)
            try Self.edit(places.point)
            let expected = try TreeWalk(places.point)
            try Self.unmount(places)
            let pristine = places.directory("pristine")
            try ChildProcess.check(["cp", "-a", places.store, pristine])
            let files = try ChildProcess.check(
                ["find", ".", "-type", "f", "-printf", "%P\\n"], directory: pristine)
                .split(separator: "\n").map(String.init).sorted()
            try expect(!files.isEmpty, "the store has no files")
            var (mounts, refusals) = (0, 0)
            for file in files {
                for damage in Damage.allCases {
                    try ChildProcess.shell(
                        "rm -rf store; cp -a pristine store", directory: places.directory.path)
                    let path = "\(places.store)/\(file)"
                    guard try Self.damage(path, damage, &random) else { continue }
                    let isMounted = try Self.expectHonest(
                        places, expected, "\(damage.rawValue) of \(file), seed \(seed)")
                    if isMounted { mounts += 1 } else { refusals += 1 }
                }
            }
            try expect(mounts > 20 && refusals > 0, "\(mounts) mounts, \(refusals) refusals")
        }

        @Test("A store of a newer version is refused and left as it is")
        func newerVersion() throws {
            let places = try Places()
            defer { if isMountPoint(places.point) { detach(places.point) } }
            try writeFile("\(places.base)/big", bytes(300_000, fill: 1))
            try ChildProcess.check(places.mount(), seconds: 20)
            try Self.edit(places.point)
            try Self.unmount(places)
            let disk = HostDisk(root: try File.open(places.store, flags: O_RDONLY | O_DIRECTORY))
            var superblock = try Superblock(from: disk)
            superblock.version = Format.storeVersion + 1
            try superblock.write(to: disk)
            let before = try TreeWalk(places.store)
            try refused(
                "newer store", places.mount(), mountPoint: places.point,
                naming: ["version", "\(Format.storeVersion + 1)"])
            // The lock file names its last holder, which may be the refused daemon.
            let changed = before.differences(to: try TreeWalk(places.store))
                .filter { !$0.hasPrefix("lock:") }
            try same(changed, [], "the store")
            superblock.version = Format.storeVersion
            try superblock.write(to: disk)
            try ChildProcess.check(places.mount(), seconds: 20)
            try same(try readText("\(places.point)/d/moved"), "of the base", "content")
            try Self.unmount(places)
        }

        private static func edit(_ root: String) throws {
            try withOpen("\(root)/big", O_WRONLY) { held in
                for offset in [5, 100_000, 290_000] {
                    try writeAll(held, bytes(3_000, fill: 2), at: Int64(offset))
                }
            }
            try makeDirectory("\(root)/d")
            for number in stride(from: 0, to: 20, by: 3) {
                try writeFile("\(root)/d/new\(number)", bytes(number * 9_001, fill: 3))
            }
            try must("rename", rename("\(root)/file", "\(root)/d/moved"))
            try must("chmod", chmod("\(root)/d/moved", 0o600))
            try must("symlink", symlink("target", "\(root)/link"))
            try ChildProcess.check(["cp", "\(root)/big", "\(root)/clone"])
            try ChildProcess.check(["sync", "-f", root])
        }

        private static func unmount(_ places: Places) throws {
            let verb = [TestEnvironment.binary, "unmount", places.point]
            try ChildProcess.check(verb, seconds: 30)
            try expect(!isMountPoint(places.point), "still mounted")
        }

        /// Damages a file. Returns false if the file is too small for this damage.
        private static func damage(
            _ path: String, _ damage: Damage, _ random: inout SeededGenerator
        ) throws -> Bool {
            let size = Int64(try status(path).st_size)
            switch damage {
            case .removed: try must("unlink", unlink(path))
            case .emptied: try must("truncate", truncate(path, 0))
            case .cut:
                if size < 2 { return false }
                try must("truncate", truncate(path, off_t(size - max(1, size / 3))))
            case .start, .quarter, .middle, .end:
                if size < 8 { return false }
                let room = min(size, 64)
                let starts: [Damage: Int64] = [
                    .start: 0, .quarter: size / 4, .middle: size / 2, .end: size - room,
                ]
                let start = min(starts[damage] ?? 0, size - 1)
                let offset = min(start + Int64.random(in: 0..<room, using: &random), size - 1)
                try withOpen(path, O_RDWR) { held in
                    let old = try readBytes(held, 1, at: offset)
                    let flip = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                    try writeAll(held, [old[0] ^ flip], at: offset)
                }
            }
            return true
        }

        /// Mounts the store. Either the mount is refused with a sentence, or what is read is right.
        /// - Returns: whether it was mounted.
        private static func expectHonest(
            _ places: Places, _ expected: TreeWalk, _ what: String
        ) throws -> Bool {
            let daemon = try ChildProcess(places.mount(["--foreground"]))
            var ended: Int32?
            for _ in 0..<4_000 {
                ended = daemon.poll()
                if ended != nil || isMountPoint(places.point) { break }
                usleep(5_000)
            }
            if let ended {
                let said = String(decoding: daemon.errors(), as: UTF8.self)
                if ended == 0 || ended >= 126 || said.isEmpty || said.contains("Fatal") {
                    throw CheckFailure("\(what): mount ended with \(ended) and said: \(said)")
                }
                try expect(!isMountPoint(places.point), "\(what): a dead mount stays")
                return false
            }
            defer {
                daemon.kill()
                if isMountPoint(places.point) { detach(places.point) }
            }
            try expect(isMountPoint(places.point), "\(what): no mount and no end in 20 seconds")
            let changed = try compare(places.point, expected, what)
            try expect(daemon.poll() == nil, "\(what): the daemon died while it was read")
            let said = String(decoding: daemon.errors(), as: UTF8.self)
            try expect(
                !changed || !said.isEmpty, "\(what): something is missing and nothing was said")
            return true
        }

        /// Reads every expected file. Throws on wrong bytes. Returns whether something is missing,
        /// shorter or refused.
        private static func compare(
            _ root: String, _ expected: TreeWalk, _ what: String
        ) throws -> Bool {
            var changed = false
            for (name, entry) in expected.entries where entry.mode & S_IFMT == S_IFREG {
                let path = raw(root, name)
                let held = open(path, O_RDONLY | O_CLOEXEC)
                if held < 0 {
                    changed = true
                    continue
                }
                defer { close(held) }
                guard let found = try? digest(of: held), let seen = try? status(held) else {
                    changed = true
                    continue
                }
                // An older state, cut at a torn tail, is not wrong if the cut is reported.
                if found != entry.digest {
                    let shown = String(decoding: name, as: UTF8.self)
                    if try !isEarlierState(held, size: Int64(seen.st_size), name: shown) {
                        throw CheckFailure("\(what): wrong bytes in \(shown)")
                    }
                    changed = true
                }
            }
            return changed
        }

        /// Returns whether every byte is one that the file held at some time, in the base or since.
        private static func isEarlierState(
            _ held: Int32, size: Int64, name: String
        ) throws -> Bool {
            let found = try readBytes(held, Int(size), at: 0)
            if name == "file" || name == "d/moved" { return found == Array("of the base".utf8) }
            let isBig = name == "big" || name == "clone"
            var (old, new) = (isBig ? bytes(300_000, fill: 1) : [], [UInt8]())
            if isBig {
                new = old
                for offset in [5, 100_000, 290_000] {
                    new.replaceSubrange(offset..<(offset + 3_000), with: bytes(3_000, fill: 2))
                }
            } else if let number = Int(name.drop { !$0.isNumber }) {
                new = bytes(number * 9_001, fill: 3)
                old = []
            }
            guard found.count <= new.count else { return false }
            return found.indices.allSatisfy { index in
                found[index] == new[index] || (index < old.count && found[index] == old[index])
            }
        }
    }
}
