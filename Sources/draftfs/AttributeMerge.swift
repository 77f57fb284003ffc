// AttributeMerge: merges the mode, the owner and the extended attributes of a file whose text is merged. Each
// that only the other side has changed is taken.

import Glibc
import Platform

struct AttributeMerge {
    private var mode: UInt32?
    private var owner: (user: UInt32, group: UInt32)?
    /// Extended attributes to set; nil removes one.
    private var named: [[UInt8]: [UInt8]?] = [:]
    /// Whether both sides changed one of them, and not to the same value.
    private(set) var isConflict = false

    private static let accessList = Array("system.posix_acl_access".utf8)

    /// The attributes of one state of a file.
    private struct State {
        let status: FileStatus
        let named: [[UInt8]: [UInt8]]

        init(_ path: String) throws(Errno) {
            let file = try File.open(path, flags: OpenFlags.readFile)
            status = try file.status()
            named = Dictionary(try file.extendedAttributes().map { ($0.name, $0.value) }) { $1 }
        }
    }

    /// Compares three states of a file, given by their paths.
    /// - Parameter then: the state that both sides began with.
    init(ours: String, then: String, now: String) throws(Errno) {
        let (ours, then, now) = (try State(ours), try State(then), try State(now))
        mode = choose(ours.status.mode, then.status.mode, now.status.mode)
        let owners = [ours, then, now].map { [$0.status.user, $0.status.group] }
        owner = choose(owners[0], owners[1], owners[2]).map { ($0[0], $0[1]) }
        for name in Set(ours.named.keys).union(then.named.keys).union(now.named.keys) {
            if let value = choose(ours.named[name], then.named[name], now.named[name]) {
                named[name] = .some(value)
                // An access ACL sets the permission bits.
                if name == Self.accessList, ours.status.mode != then.status.mode { isConflict = true }
            }
        }
    }

    /// Returns what to take from the other side; nil to keep what is there.
    private mutating func choose<Value: Equatable>(_ ours: Value, _ then: Value, _ now: Value) -> Value? {
        if now == then || now == ours { return nil }
        if ours != then { isConflict = true }
        return now
    }

    var isEmpty: Bool { mode == nil && owner == nil && named.isEmpty }

    /// Gives them to a file. It comes after a change of the content, which takes capabilities away.
    func apply(to path: String) throws(Errno) {
        let directory = try File.open(Place.parent(path), flags: OpenFlags.directory)
        let name = Array((path.split(separator: "/").last ?? "").utf8)
        if let owner { try directory.setOwner(name, user: owner.user, group: owner.group) }
        if let mode { try directory.setMode(name, mode) }
        for (attribute, value) in named {
            if let value {
                try directory.setExtendedAttribute(attribute, of: name, to: value)
            } else {
                try directory.removeExtendedAttribute(attribute, of: name)
            }
        }
    }
}
