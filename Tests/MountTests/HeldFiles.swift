// HeldFiles: descriptors and mappings that are held while a workspace is rolled back. Afterwards they
// must show the file's current content, or its earlier content if no name leads to it any more. Walker
// keeps the kernel's caches busy meanwhile.

import Dispatch
import Glibc
import Synchronization
import TestSupport

final class HeldFiles {
    private struct Held {
        let path: [UInt8]
        let number: UInt64
        let descriptor: Int32
        let content: [UInt8]
        let map: UnsafeMutableRawPointer?
    }

    private let root: String
    private var files: [Held] = []

    /// Opens up to eight regular files and maps those that are not empty.
    init(_ root: String, random: inout SeededGenerator) throws {
        self.root = root
        let snapshot = try Snapshot(root)
        let paths = snapshot.paths(ofKind: S_IFREG).shuffled(using: &random).prefix(8)
        for path in paths {
            let descriptor = try must("open", open(cPath(path, below: root), O_RDWR | O_CLOEXEC))
            let content = try readBytes(
                descriptor, Int(try status(descriptor).st_size), at: 0)
            var map: UnsafeMutableRawPointer?
            if !content.isEmpty {
                map = mmap(nil, content.count, PROT_READ, MAP_SHARED, descriptor, 0)
                if map == MAP_FAILED { throw CheckFailure("mmap: \(words(errno))") }
                // Into the page table, so that the rollback must remove it again.
                try expect(map.map { memcmp($0, content, content.count) } == 0, "a mapping")
            }
            files.append(
                Held(
                    path: path, number: snapshot.numbers[path] ?? 0, descriptor: descriptor,
                    content: content, map: map))
        }
    }

    func check(against now: Snapshot, _ when: String) throws {
        let names = Dictionary(now.numbers.map { ($1, $0) }) { one, _ in one }
        for file in files {
            let shown = "\(String(decoding: file.path, as: UTF8.self)), held \(when)"
            let name = names[file.number]
            let expected = try name.map {
                try readAll(cPath($0, below: root))
            } ?? file.content
            let seen = try status(file.descriptor)
            try same(Int(seen.st_size), expected.count, "size of \(shown)")
            try same(UInt64(seen.st_ino), file.number, "number of \(shown)")
            let links = name.flatMap { now.walk.entries[$0]?.links } ?? 0
            try same(UInt64(seen.st_nlink), links, "links of \(shown)")
            let read = try readBytes(file.descriptor, expected.count + 10, at: 0)
            try expect(read == expected, "content of \(shown) (\(name == nil ? "gone" : "there"))")
            if let map = file.map {
                let count = min(file.content.count, expected.count)
                try expect(memcmp(map, expected, count) == 0, "mapping of \(shown)")
            }
        }
    }

    private func readAll(_ path: [CChar]) throws -> [UInt8] {
        let descriptor = try must("open", open(path, O_RDONLY | O_CLOEXEC))
        defer { Glibc.close(descriptor) }
        return try readBytes(descriptor, Int(try status(descriptor).st_size), at: 0)
    }

    /// Writes through each descriptor, and also into the plain directory if the file has a name.
    func write(seed: UInt64, plain: String, _ now: Snapshot) throws {
        let names = Dictionary(now.numbers.map { ($1, $0) }) { one, _ in one }
        for (index, file) in files.enumerated() {
            let made = bytes(100, fill: seed &+ UInt64(index))
            try writeAll(file.descriptor, made, at: Int64(index) * 50)
            try same(
                try readBytes(file.descriptor, 100, at: Int64(index) * 50), made, "what was written")
            guard let name = names[file.number] else { continue }
            let other = try must("open", open(cPath(name, below: plain), O_WRONLY | O_CLOEXEC))
            defer { Glibc.close(other) }
            try writeAll(other, made, at: Int64(index) * 50)
        }
    }

    func close() {
        for file in files {
            if let map = file.map { munmap(map, file.content.count) }
            Glibc.close(file.descriptor)
        }
        files = []
    }
}

/// Threads that list, stat and read a mount and look up names that may be missing, until they are
/// stopped.
final class Walker: Sendable {
    private let isStopped = Mutex(false)
    private let threads = DispatchGroup()

    init(_ root: String, _ paths: [[UInt8]]) throws {
        for index in 0..<2 {
            DispatchQueue.global().async(group: threads) { [self] in
                while !isStopped.withLock({ $0 }) {
                    if index == 0 { _ = try? TreeWalk(root) }
                    for path in paths {
                        var found = stat()
                        _ = lstat(cPath(path, below: root), &found)
                    }
                }
            }
        }
        usleep(3_000)
    }

    func stop() {
        isStopped.withLock { $0 = true }
        threads.wait()
    }
}
