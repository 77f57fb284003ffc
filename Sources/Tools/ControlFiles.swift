// ControlFiles: the `.draft` directory of the workspace that a path lies in, used as a shell would use it.
// A command is one write; if it fails, `last-error` holds the message.

import FoundationEssentials
import Glibc
internal import Platform

/// The control files of a mounted workspace.
struct ControlFiles: WorkspacePast {
    /// The workspace's root.
    let root: ToolPath

    /// Finds the workspace that holds a path. Returns nil for a plain directory, or if the caller has no
    /// access to the control files.
    init?(above path: ToolPath) {
        var directory = path.parent
        while true {
            if Self.are(in: directory) {
                root = directory
                return
            }
            if directory.names.isEmpty { return nil }
            directory = directory.parent
        }
    }

    /// The name of the directory that holds the control files.
    static let name = Array(".draft".utf8)

    /// Returns whether a directory is the root of a workspace or of a mount.
    static func are(in directory: ToolPath) -> Bool {
        (try? FileStatus(directory.bytes + Array("/.draft/status".utf8), in: nil)) != nil
    }

    private func file(_ name: String) -> String { "\(root)/.draft/\(name)" }

    /// Runs a command; it is done, or has failed, when the call returns.
    func command(_ name: String, _ text: some Collection<UInt8>) throws(ToolError) {
        let file: File
        do throws(Errno) {
            file = try File.open(self.file(name), flags: O_WRONLY)
        } catch {
            throw ToolError(error, "use", self.file(name))
        }
        do throws(Errno) {
            try file.writeBytes(Array(text), at: 0)
        } catch {
            throw failure(error, name)
        }
    }

    private func failure(_ errno: Errno, _ name: String) -> ToolError {
        let sentence = (try? File.open(file("last-error"), flags: O_RDONLY).readBytes(4096, at: 0))
            .map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = sentence.prefix { $0 != "\n" }
        let plain = ToolError(errno, "use", file(name))
        return line.isEmpty ? plain : ToolError(plain.kind, String(line))
    }

    // MARK: Words

    init(root: ToolPath) { self.root = root }

    func command(_ file: String, _ words: [[UInt8]]) throws(ToolError) {
        try command(file, Self.line(words))
    }

    func read(_ file: String, _ most: Int) throws(ToolError) -> [UInt8] {
        let path = self.file(file)
        do throws(Errno) {
            let file = try File.open(path, flags: O_RDONLY)
            var bytes: [UInt8] = []
            // A control file reports the length 0, so it is read until its end.
            while bytes.count < most {
                let part = try file.readBytes(min(256 << 10, most - bytes.count), at: UInt64(bytes.count))
                if part.isEmpty { break }
                bytes += part
            }
            return bytes
        } catch {
            throw ToolError(error, "read", path)
        }
    }

    // MARK: Clones

    /// Returns a line for `clone`, or nil if the paths are not both in this workspace.
    func cloneLine(_ source: ToolPath, _ destination: ToolPath) -> [UInt8]? {
        var words: [[UInt8]] = []
        for path in [source, destination] {
            guard let names = path.names(below: root), !names.isEmpty,
                ControlFiles(above: path)?.root == root
            else { return nil }
            words.append(ToolPath(names: Array(names)).bytes)
        }
        return Self.line(words)
    }

    // MARK: Edits

    private struct Edit: Encodable {
        struct Splice: Encodable {
            var at: UInt64
            var delete: UInt64
            var insert_base64: String
        }
        var path: String
        var edits: [Splice]
    }

    /// - Parameter path: a path in the workspace, absolute.
    func edit(_ path: ToolPath, _ splices: [ByteSplice]) throws(ToolError) {
        guard let names = path.names(below: root) else {
            throw ToolError(.denied, "\(path) is not in the workspace \(root)")
        }
        let below = ToolPath(names: Array(names))
        guard String(validating: below.bytes, as: UTF8.self) != nil else {
            throw ToolError(.unsupported, "the name of \(path) is not UTF-8: rename it first")
        }
        let edit = Edit(
            path: below.description,
            edits: splices.map {
                Edit.Splice(
                    at: $0.offset, delete: $0.delete,
                    insert_base64: Data($0.insert).base64EncodedString())
            })
        let text: Data
        do {
            text = try JSONEncoder().encode(edit)
        } catch {
            throw ToolError(.system, "the edit of \(path) cannot be written as JSON: \(error)")
        }
        try command("edit", text)
    }
}
