// Interpreter: applies one random operation to a tree with the calls that the kernel makes for it. The same
// code drives the workspace and the reference, so that both get the same calls.

import Overlay
import Platform
import TestSupport

/// The error of a step, and the bytes that it read.
struct StepResult: Equatable, CustomStringConvertible {
    var error: Errno?
    var bytes: [UInt8] = []

    var description: String {
        error.map { "\($0)" } ?? "success, \(bytes.count) bytes \(bytes.prefix(40))"
    }
}

final class Interpreter<Tree: TreeOperations> {
    let tree: Tree
    /// The files held open, as by descriptors.
    private(set) var held: [Tree.Node?] = [nil, nil, nil, nil]

    init(_ tree: Tree) { self.tree = tree }

    func releaseAll() { held = [nil, nil, nil, nil] }

    /// Applies one operation. Returns nil for an operation that the engine does not get in this form.
    func apply(_ operation: Operation) -> StepResult? {
        do throws(Errno) {
            if let bytes = try applyToContent(operation) { return StepResult(bytes: bytes) }
            if let bytes = try applyToNames(operation) { return StepResult(bytes: bytes) }
            if let bytes = try applyToAttributes(operation) { return StepResult(bytes: bytes) }
            return try applyToHeld(operation).map { StepResult(bytes: $0) }
        } catch {
            return StepResult(error: error)
        }
    }

    private func applyToContent(_ operation: Operation) throws(Errno) -> [UInt8]? {
        switch operation {
        case .create(let path, let mode, let exclusive, let truncating):
            try create(path, mode, exclusive: exclusive, truncating: truncating)
        case .write(let path, let offset, let length, let fill):
            try tree.write(
                try tree.resolve(path), bytes(length, fill: fill), at: UInt64(offset))
        case .append(let path, let length, let fill):
            let node = try tree.resolve(path)
            try tree.write(node, bytes(length, fill: fill), at: try tree.facts(node).size)
        case .read(let path, let offset, let length):
            return try tree.read(try tree.resolve(path), at: UInt64(offset), count: length)
        case .truncate(let path, let size):
            try truncate(try tree.resolve(path), size)
        case .allocate(let path, let mode, let offset, let length):
            try tree.allocate(
                try tree.resolve(path), mode: AllocationMode(rawValue: mode),
                offset: UInt64(offset), length: UInt64(length))
        case .copyRange(let from, let at, let to, let offset, let length):
            let (source, target) = (try tree.resolve(from), try tree.resolve(to))
            let count = try tree.copyRange(
                from: source, at: UInt64(at), to: target, at: UInt64(offset),
                length: UInt64(length))
            return Array("\(count)".utf8)
        default: return nil
        }
        return []
    }

    private func create(
        _ path: [UInt8], _ mode: UInt32, exclusive: Bool, truncating: Bool
    ) throws(Errno) {
        let (parent, name) = try tree.place(path)
        do throws(Errno) {
            let node = try tree.lookup(name, in: parent)
            if exclusive { throw .exists }
            if truncating { try truncate(node, 0) }
        } catch {
            guard error == .noEntry else { throw error }
            _ = try tree.makeNode(name, in: parent, mode: 0o100000 | mode, device: 0, target: [])
        }
    }

    private func truncate(_ node: Tree.Node, _ size: Int64) throws(Errno) {
        var change = AttributeChange()
        change.size = UInt64(size)
        try tree.setAttributes(node, change)
    }

    private func applyToNames(_ operation: Operation) throws(Errno) -> [UInt8]? {
        switch operation {
        case .rename(let from, let to, let flags):
            let (parent, name) = try tree.place(from)
            let (newParent, newName) = try tree.place(to)
            try tree.rename(
                name, in: parent, to: newName, in: newParent, flags: RenameFlags(rawValue: flags))
        case .link(let from, let to):
            let node = try tree.resolve(from)
            let (parent, name) = try tree.place(to)
            try tree.makeLink(to: node, name, in: parent)
        case .unlink(let path):
            let (parent, name) = try tree.place(path)
            try tree.unlink(name, in: parent)
        case .makeDirectory(let path, let mode):
            try make(path, 0o040000 | mode)
        case .removeDirectory(let path):
            let (parent, name) = try tree.place(path)
            try tree.removeDirectory(name, in: parent)
        case .symlink(let target, let path):
            try make(path, 0o120777, target: target)
        case .makeNode(let path, let mode, let device):
            try make(path, mode, device: FileType(mode: mode) == .characterDevice ? device : 0)
        case .list(let path):
            let found = try tree.list(try tree.resolve(path))
            return found.keys.sorted { $0.lexicographicallyPrecedes($1) }
                .flatMap { $0 + [0, found[$0]?.rawValue ?? 0] }
        default: return nil
        }
        return []
    }

    private func make(
        _ path: [UInt8], _ mode: UInt32, device: UInt64 = 0, target: [UInt8] = []
    ) throws(Errno) {
        let (parent, name) = try tree.place(path)
        _ = try tree.makeNode(name, in: parent, mode: mode, device: device, target: target)
    }

    private func applyToAttributes(_ operation: Operation) throws(Errno) -> [UInt8]? {
        var change = AttributeChange()
        switch operation {
        case .changeMode(let path, let mode):
            change.mode = mode
            try tree.setAttributes(try tree.resolve(path), change)
        case .changeOwner(let path, let uid, let gid):
            if uid != UInt32.max { change.user = uid }
            if gid != UInt32.max { change.group = gid }
            try tree.setAttributes(try tree.resolve(path), change)
        case .setTimes(let path, let seconds, let nanoseconds):
            change.modificationTime = .at(Int64(seconds) * 1_000_000_000 + Int64(nanoseconds))
            change.accessTime = .now
            try tree.setAttributes(try tree.resolve(path), change)
        case .setAttribute(let path, let name, let value, let flags):
            if name.hasPrefix("system.") { return nil }
            let modes: [XattrMode] = [.either, .create, .replace]
            try tree.setXattr(
                Array(name.utf8), of: try tree.resolve(path), to: value, mode: modes[Int(flags)])
        case .removeAttribute(let path, let name):
            if name.hasPrefix("system.") { return nil }
            try tree.removeXattr(Array(name.utf8), of: try tree.resolve(path))
        case .inspect(let path):
            return Array("\(try tree.facts(try tree.resolve(path)))".utf8)
        default: return nil
        }
        return []
    }

    private func applyToHeld(_ operation: Operation) throws(Errno) -> [UInt8]? {
        switch operation {
        case .hold(let slot, let path, let unlinking):
            let (parent, name) = try tree.place(path)
            held[slot] = try tree.lookup(name, in: parent)
            if unlinking { try tree.unlink(name, in: parent) }
            return []
        case .release(let slot):
            held[slot] = nil
            return []
        case .writeHeld(let slot, let offset, let length, let fill):
            guard let node = held[slot] else { return [] }
            try tree.write(node, bytes(length, fill: fill), at: UInt64(offset))
            return []
        case .readHeld(let slot, let offset, let length):
            guard let node = held[slot] else { return [] }
            return try tree.read(node, at: UInt64(offset), count: length)
        case .truncateHeld(let slot, let size):
            guard let node = held[slot] else { return [] }
            try truncate(node, size)
            return []
        case .inspectHeld(let slot, _):
            guard let node = held[slot] else { return [] }
            return Array("\(try tree.facts(node))".utf8)
        default: return nil
        }
    }
}
