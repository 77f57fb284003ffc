// ControlFiles: reads and writes the files of `.draft`. If a command fails, the error text comes from
// `last-error`.

import Glibc
import Platform

extension Place {
    func control(_ name: String) -> String { "\(root)/.draft/\(name)" }

    /// Returns the error for a control file that cannot be opened.
    private func explain(_ name: String, _ error: Errno) -> Failure {
        if error == .noEntry, isList {
            return Failure(
                "\(root) is the list of workspaces: change into one, or name one with -C DIR")
        }
        if error == .noEntry || error == .notDirectory {
            return Failure("the mount has no \(control(name)): its daemon may be an older version")
        }
        return Failure("cannot open \(control(name)): \(error)")
    }

    /// Whether this is the list of workspaces, not a workspace; false if that cannot be read. The sentence
    /// for a file that cannot be opened asks for it, so it makes no such sentence itself.
    var isList: Bool {
        let status = StatusText.read(root).flatMap { JSONValue(parsing: Array($0.utf8)) }
        return status?["workspaces"] != nil
    }

    /// Returns the whole content.
    /// - Parameter missing: the error text if the file does not exist.
    func bytes(_ name: String, missing: String? = nil) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        do throws(Errno) {
            let file = try File.open(control(name), flags: O_RDONLY)
            while true {
                let part = try file.readBytes(256 << 10, at: UInt64(bytes.count))
                if part.isEmpty { return bytes }
                bytes += part
            }
        } catch {
            if let missing, error == .noEntry || error == .notDirectory || error == .invalid,
                !isList {
                throw Failure(missing)
            }
            throw explain(name, error)
        }
    }

    func text(_ name: String, missing: String? = nil) throws(Failure) -> String {
        String(decoding: try bytes(name, missing: missing), as: UTF8.self)
    }

    /// Returns the lines that are valid JSON, each with its value.
    func objects(
        _ name: String, missing: String? = nil
    ) throws(Failure) -> [(line: String, value: JSONValue)] {
        try bytes(name, missing: missing).split(separator: 0x0a).compactMap { line in
            JSONValue(parsing: line).map { (String(decoding: line, as: UTF8.self), $0) }
        }
    }

    /// Writes one command.
    func command(_ name: String, _ words: [String]) throws(Failure) {
        try write(name, Array(ShellWords.line(words).utf8))
    }

    /// Writes to a control file, in one write(2) if the system accepts all bytes at once.
    func write(_ name: String, _ bytes: [UInt8]) throws(Failure) {
        try write(name, bytes, to: try open(name))
    }

    /// Opens a control file for a command that is written later, when the workspace may have another name.
    func open(_ name: String) throws(Failure) -> File {
        do throws(Errno) {
            return try File.open(control(name), flags: O_WRONLY)
        } catch {
            throw explain(name, error)
        }
    }

    func write(_ name: String, _ bytes: [UInt8], to file: File) throws(Failure) {
        do throws(Errno) {
            try file.writeBytes(bytes, at: 0)
        } catch {
            let sentence = (try? text("last-error"))?
                .split(separator: "\n").joined(separator: " ") ?? ""
            throw Failure(
                sentence.isEmpty ? "\(name) failed: \(error)" : Text.printable(sentence),
                errno: error)
        }
    }
}
