// Files of a desk, made and read without the tools: by system calls if they have a path on the host, by
// the engine if they are in a store.

import Glibc
import Overlay
import Platform
import TestSupport
import Tools

@testable import StoreGround

extension Desk {
    /// The ground over a store; nil if files have paths on the host.
    var store: StoreGround? { ground as? StoreGround }

    func path(_ name: String) throws -> ToolPath { try ground.roots.path(self(name)) }

    private func number(_ store: StoreGround, _ name: String) throws -> UInt64 {
        try store.existing(try path(name), followsLast: false, doing: "look at").number
    }

    private func set(_ store: StoreGround, _ name: String, _ change: AttributeChange) throws {
        _ = try store.workspace.setAttributes(number(store, name), change, caller: store.caller)
    }

    // MARK: Making

    func makeDirectory(_ name: String) throws {
        guard store != nil else { return try TestSupport.makeDirectory(self(name)) }
        try ground.makeDirectory(try path(name), withParents: false)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        guard store != nil else { return try writeFile(self(name), bytes) }
        try ground.write(try path(name), bytes)
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func link(_ name: String, as other: String) throws {
        guard store != nil else {
            try must("link", Glibc.link(self(name), self(other)))
            return
        }
        try ground.makeLink(try path(name), as: try path(other))
    }

    func symlink(_ target: String, at name: String) throws {
        guard store != nil else {
            try must("symlink", Glibc.symlink(target, self(name)))
            return
        }
        try ground.makeSymlink(try path(name), to: Array(target.utf8), like: nil)
    }

    func setMode(_ name: String, _ mode: UInt32) throws {
        guard let store else {
            try must("chmod", chmod(self(name), mode))
            return
        }
        var change = AttributeChange()
        change.mode = mode
        try set(store, name, change)
    }

    func setSize(_ name: String, _ size: UInt64) throws {
        guard let store else {
            try must("truncate", truncate(self(name), Int(size)))
            return
        }
        var change = AttributeChange()
        change.size = size
        try set(store, name, change)
    }

    /// Sets the time of the last change of the content.
    /// - Parameter time: in nanoseconds since 1970.
    func setTime(_ name: String, _ time: Int64) throws {
        guard let store else {
            let value = timeval(
                tv_sec: Int(time / 1_000_000_000), tv_usec: suseconds_t(time % 1_000_000_000 / 1_000))
            try must("utimes", utimes(self(name), [value, value]))
            return
        }
        var change = AttributeChange()
        change.modificationTime = .at(time)
        try set(store, name, change)
    }

    func setXattr(_ name: String, _ key: String, _ value: String) throws {
        guard let store else {
            return try File.open(self(name), flags: O_RDWR).setExtendedAttribute(
                Array(key.utf8), to: Array(value.utf8))
        }
        try store.workspace.setXattr(
            Array(key.utf8), of: number(store, name), to: Array(value.utf8), mode: .either,
            caller: store.caller)
    }

    func removeAll(_ name: String) throws {
        if exists(name) { try ground.removeTree(try path(name)) }
    }

    // MARK: Looking

    func exists(_ name: String) -> Bool { (try? status(name)) != nil }
    func status(_ name: String) throws -> FileStatus { try ground.status(try path(name)) }
    func mode(_ name: String) throws -> UInt32 { try status(name).mode & 0o7777 }
    func names(_ name: String = ".") throws -> [String] {
        try ground.list(try path(name)).map { String(decoding: $0.name.bytes, as: UTF8.self) }.sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        guard store != nil else { return try readFile(self(name)) }
        let file = try ground.open(try path(name))
        return try file.read(Int(try file.status().size), at: 0)
    }

    func string(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    func xattrs(_ name: String) throws -> [String: String] {
        var found: [String: String] = [:]
        let all: [(name: [UInt8], value: [UInt8])]
        if let store {
            let number = try number(store, name)
            all = try store.workspace.xattrNames(of: number).map {
                ($0, try store.workspace.xattr($0, of: number))
            }
        } else {
            all = try File.open(self(name), flags: O_RDONLY).extendedAttributes()
        }
        for (name, value) in all {
            found[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return found
    }

    /// Returns all paths below a directory, sorted.
    func all(_ name: String = ".") throws -> [String] {
        let top = try path(name)
        var found: [String] = []
        try TreeWalk(ground).run(top) { entry throws(ToolError) in
            found.append(ToolPath.text(entry.names))
            return .enter
        }
        return found.sorted()
    }

    /// Returns what tools have put beside files and not removed.
    func leftovers() throws -> [String] { try all().filter { $0.contains(".draftfs") } }

    /// Returns a tree as lines: paths, types, modes, sizes, times and links of files, targets, attributes
    /// and digests.
    func image(_ name: String = ".") throws -> [String] {
        try all(name).map { below in
            let path = "\(name)/\(below)"
            let status = try status(path)
            var line = "\(below) \(status.type) \(String(status.mode & 0o7777, radix: 8))"
            if status.type == .directory { return line }
            line += " \(status.size) \(status.modificationTime) \(status.links)"
            if status.type == .symlink {
                let target = try ground.symlinkTarget(try self.path(path))
                return line + " -> " + String(decoding: target, as: UTF8.self)
            }
            let xattrs = try xattrs(path).sorted { $0.key < $1.key }
            return line + " \(xattrs) \(Checksum.xxh3(try bytes(path)))"
        }
    }
}
