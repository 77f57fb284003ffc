// Operation: one random step of a program on a tree, as a value. The same step is applied to two trees,
// and the outcomes are compared. Paths are bytes relative to the root of the tree.

/// A step. Sizes and offsets are in bytes. `fill` is the seed of the written bytes.
package enum Operation: Sendable {
    case create(path: [UInt8], mode: UInt32, exclusive: Bool, truncating: Bool)
    case write(path: [UInt8], offset: Int64, length: Int, fill: UInt64)
    case append(path: [UInt8], length: Int, fill: UInt64)
    case read(path: [UInt8], offset: Int64, length: Int)
    case truncate(path: [UInt8], size: Int64)
    case allocate(path: [UInt8], mode: Int32, offset: Int64, length: Int64)
    case copyRange(from: [UInt8], at: Int64, to: [UInt8], offset: Int64, length: Int)
    case mapWrite(path: [UInt8], offset: Int, length: Int, fill: UInt64)
    case rename(from: [UInt8], to: [UInt8], flags: UInt32)
    case link(from: [UInt8], to: [UInt8])
    case unlink(path: [UInt8])
    case makeDirectory(path: [UInt8], mode: UInt32)
    case removeDirectory(path: [UInt8])
    case symlink(target: [UInt8], path: [UInt8])
    case makeNode(path: [UInt8], mode: UInt32, device: UInt64)
    case changeMode(path: [UInt8], mode: UInt32)
    case changeOwner(path: [UInt8], uid: UInt32, gid: UInt32)
    case setTimes(path: [UInt8], seconds: Int, nanoseconds: Int)
    case setAttribute(path: [UInt8], name: String, value: [UInt8], flags: Int32)
    case removeAttribute(path: [UInt8], name: String)
    case inspect(path: [UInt8])
    case list(path: [UInt8])
    case hold(slot: Int, path: [UInt8], unlinking: Bool)
    case writeHeld(slot: Int, offset: Int64, length: Int, fill: UInt64)
    case readHeld(slot: Int, offset: Int64, length: Int)
    case truncateHeld(slot: Int, size: Int64)
    case inspectHeld(slot: Int, syncing: Bool)
    case release(slot: Int)
}

/// The outcome of a step: the parts that must be equal on every file system.
package struct Outcome: Equatable, Sendable, CustomStringConvertible {
    /// The errno, 0 for success; 1,000 and more if the step was not tried on this kind of file.
    package var code: Int32
    /// A count, or a digest of the bytes or names that were read.
    package var value: UInt64
    /// The result of fstat(2) or lstat(2), if the step calls it.
    package var facts: Facts?

    package var description: String {
        if let facts { return "\(words(code)), \(facts)" }
        return code < 1_000 ? "\(words(code)), value \(value)" : "kind \(code - 1_000)"
    }

    /// The part of a status that does not depend on where and when a file was made.
    package struct Facts: Equatable, Sendable, CustomStringConvertible {
        let mode: UInt32
        let links: UInt64
        let uid: UInt32
        let gid: UInt32
        /// In bytes; 0 for directories.
        let size: Int64
        /// Seconds of an mtime that a step has set (before 2015); 0 for the time of a change.
        let modified: Int64

        package var description: String {
            "mode \(String(mode, radix: 8)) links \(links) owner \(uid):\(gid) size \(size) "
                + "mtime \(modified)"
        }
    }
}

extension Operation: CustomStringConvertible {
    /// The path whose status is compared after the step.
    package var subject: [UInt8]? {
        switch self {
        case .create(let path, _, _, _), .write(let path, _, _, _), .append(let path, _, _),
            .truncate(let path, _), .allocate(let path, _, _, _), .mapWrite(let path, _, _, _),
            .copyRange(_, _, let path, _, _), .rename(_, let path, _), .link(_, let path),
            .makeDirectory(let path, _), .symlink(_, let path), .makeNode(let path, _, _),
            .changeMode(let path, _), .changeOwner(let path, _, _), .setTimes(let path, _, _),
            .setAttribute(let path, _, _, _), .removeAttribute(let path, _), .inspect(let path):
            return path
        default: return nil
        }
    }

    /// Paths are shown as text. The long name is shortened.
    package var description: String {
        var parts: [String] = []
        for child in Mirror(reflecting: self).children {
            parts.append(child.label ?? "")
            for value in Mirror(reflecting: child.value).children {
                let text = (value.value as? [UInt8]).map {
                    if value.label == "value" { return "\($0.count) bytes" }
                    let text = String(decoding: $0.prefix(120), as: UTF8.self)
                    return $0.count > 120 ? text.prefix { $0 != "l" } + "l…" : text
                }
                parts.append("\(value.label ?? "")=\(text ?? "\(value.value)")")
            }
        }
        return parts.joined(separator: " ")
    }
}
