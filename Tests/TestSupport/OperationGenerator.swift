// OperationGenerator: draws random steps, most of which succeed. It uses few names, shallow paths and
// small files with an occasional large one. The kinds of steps are weighted as programs use them.

internal import CPlatform
import Glibc

package struct OperationGenerator: Sendable {
    private var random: SeededGenerator
    /// The directories in which this generator works, relative to the root.
    private let tops: [[UInt8]]

    package init(seed: UInt64, tops: [String]) {
        random = SeededGenerator(seed: seed)
        self.tops = tops.map { Array($0.utf8) }
    }

    package static let directoryNames: [[UInt8]] = ["a", "b", "c"].map { Array($0.utf8) }
    package static let leafNames: [[UInt8]] =
        ["d", "e", "f", "g", "h", "with space"].map { Array($0.utf8) }
        + [[0xFF, 0xC3, 0x28], [UInt8](repeating: 0x6C, count: 255)]

    package mutating func next() -> Operation {
        switch below(100) {
        case 0..<28: return change()
        case 28..<48: return place()
        case 48..<64: return rearrange()
        case 64..<78: return attribute()
        case 78..<90: return held()
        default: return look()
        }
    }

    private mutating func change() -> Operation {
        switch below(8) {
        case 0, 1:
            return .write(path: path(), offset: offset(), length: length(), fill: random.next())
        case 2: return .append(path: path(), length: length(), fill: random.next())
        case 3: return .truncate(path: path(), size: offset())
        case 4:
            let modes = [
                0, CP_FALLOC_KEEP_SIZE, CP_FALLOC_PUNCH_HOLE | CP_FALLOC_KEEP_SIZE,
                CP_FALLOC_ZERO_RANGE, CP_FALLOC_ZERO_RANGE | CP_FALLOC_KEEP_SIZE,
            ]
            return .allocate(
                path: path(), mode: pick(modes), offset: offset(), length: Int64(length()))
        case 5, 6:
            let from = path()
            return .copyRange(
                from: from, at: offset(), to: below(3) == 0 ? from : path(), offset: offset(),
                length: length())
        default:
            return .mapWrite(
                path: path(), offset: below(20_000), length: 1 + below(5_000), fill: random.next())
        }
    }

    private mutating func place() -> Operation {
        switch below(12) {
        case 0..<8:
            return .create(
                path: path(.leaf), mode: pick([0o644, 0o600, 0o777, 0o4755]),
                exclusive: below(4) == 0, truncating: below(4) == 0)
        case 8, 9:
            return .makeDirectory(path: path(.directory), mode: pick([0o755, 0o700, 0o2775]))
        case 10: return .symlink(target: linkTarget(), path: path(.leaf))
        default:
            let kinds: [UInt32] = [S_IFIFO, S_IFSOCK, S_IFCHR, S_IFREG]
            return .makeNode(path: path(.leaf), mode: pick(kinds) | 0o640, device: 0x103)
        }
    }

    private mutating func rearrange() -> Operation {
        switch below(12) {
        case 0..<5:
            let flags: [UInt32] = [0, 0, 0, CP_RENAME_NOREPLACE, CP_RENAME_EXCHANGE]
            let place: Place = below(4) == 0 ? .directory : .leaf
            let target = below(12) == 0 ? .any : place
            return .rename(from: path(place), to: path(target), flags: pick(flags))
        case 5..<8: return .link(from: path(.leaf), to: path(.leaf))
        case 8, 9: return .unlink(path: path(.leaf))
        default: return .removeDirectory(path: path(.directory))
        }
    }

    private mutating func attribute() -> Operation {
        switch below(10) {
        case 0, 1:
            let modes: [UInt32] = [0o644, 0, 0o755, 0o6755, 0o1777, 0o2640]
            return .changeMode(path: path(.any), mode: pick(modes))
        case 2:
            return .changeOwner(path: path(.any), uid: owner(), gid: owner())
        case 3, 4:
            return .setTimes(
                path: path(.any), seconds: 1_000_000_000 + below(100_000_000),
                nanoseconds: below(1_000_000_000))
        case 5:
            let isDefault = below(3) == 0
            return .setAttribute(
                path: path(isDefault ? .directory : .any),
                name: isDefault ? "system.posix_acl_default" : "system.posix_acl_access",
                value: accessList(), flags: 0)
        case 6: return .removeAttribute(path: path(), name: attributeName())
        default:
            let flags = [0, 0, 0, CP_XATTR_CREATE, CP_XATTR_REPLACE]
            let value = bytes(below(120), fill: random.next())
            return .setAttribute(
                path: path(), name: attributeName(), value: value, flags: pick(flags))
        }
    }

    private mutating func held() -> Operation {
        let slot = below(4)
        switch below(20) {
        case 0..<8: return .hold(slot: slot, path: path(.leaf), unlinking: below(4) == 0)
        case 8..<13:
            return .writeHeld(
                slot: slot, offset: offset(), length: length(), fill: random.next())
        case 13, 14: return .readHeld(slot: slot, offset: offset(), length: length())
        case 15, 16: return .truncateHeld(slot: slot, size: offset())
        case 17, 18: return .inspectHeld(slot: slot, syncing: below(4) == 0)
        default: return .release(slot: slot)
        }
    }

    private mutating func look() -> Operation {
        switch below(4) {
        case 0: return .list(path: path(.directory))
        case 1: return .inspect(path: path(.any))
        default: return .read(path: path(), offset: offset(), length: length())
        }
    }

    /// The kind of name that a path ends in: names that are mostly directories, mostly not, or either.
    private enum Place { case leaf, directory, any }

    private mutating func path(_ place: Place = .leaf) -> [UInt8] {
        var path = pick(tops)
        for _ in 0..<pick([0, 0, 1, 1, 1, 2]) { path += [0x2F] + pick(Self.directoryNames) }
        // Occasionally the other kind: a file where a directory is expected, and the reverse.
        let isUnusual = below(40) == 0
        let isDirectory =
            place == .any ? below(3) == 0 : (place == .directory) != isUnusual
        return path + [0x2F] + (isDirectory ? pick(Self.directoryNames) : pick(Self.leafNames))
    }

    /// Targets stay below the link's own directory, so that threads do not reach each other's trees
    /// through links.
    private mutating func linkTarget() -> [UInt8] {
        switch below(4) {
        case 0: return pick(Self.directoryNames)
        case 1: return pick(Self.directoryNames) + [0x2F] + pick(Self.leafNames)
        case 2: return Array("nowhere/at all".utf8)
        default: return pick(Self.leafNames)
        }
    }

    private mutating func offset() -> Int64 {
        switch below(12) {
        case 0: return 0
        case 1: return Int64(below(300_000))
        case 2: return Int64(below(10)) * 4_096
        case 3: return Int64(below(4)) * 65_536
        default: return Int64(below(20_000))
        }
    }

    private mutating func length() -> Int {
        switch below(10) {
        case 0: return 1
        case 1: return 1 + below(140_000)
        case 2: return 4_096
        default: return 1 + below(5_000)
        }
    }

    private mutating func owner() -> UInt32 { pick([0, 1_000, 1_001, UInt32.max]) }

    private mutating func attributeName() -> String {
        pick(["user.a", "user.b", "trusted.c", "system.posix_acl_access"])
    }

    /// Returns the kernel's binary form of an ACL with one named user: version 2, then tag, rights and id
    /// of each entry.
    private mutating func accessList() -> [UInt8] {
        let none = UInt32.max
        let entries: [(UInt16, UInt32)] = [
            (0x01, none), (0x02, 1_234), (0x04, none), (0x10, none), (0x20, none),
        ]
        var list: [UInt8] = [2, 0, 0, 0]
        for (tag, id) in entries {
            list += [UInt8(tag), 0, UInt8(below(8)), 0]
            list += (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
        }
        return list
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}

/// Returns bytes that depend on the seed and are quick to make.
package func bytes(_ count: Int, fill: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: fill)
    let period = (0..<61).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    var made = [UInt8](repeating: period[0], count: count)
    made.withUnsafeMutableBytes { buffer in
        for start in stride(from: 0, to: count, by: 61) {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[start..<min(start + 61, count)])
            part.copyBytes(from: period.prefix(part.count))
        }
    }
    return made
}
