// draftfs status: prints the status file of a mount, unchanged (--json) or shortened for people.

import ArgumentParser
import Glibc
import Overlay
import Platform

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the status of a mount.")

    @Argument(help: "A mount point, or any directory below one. Default: the current directory.")
    var path = "."

    @Flag(help: "Print the whole status as JSON.")
    var json = false

    func run() throws {
        guard let text = StatusText.find(path) else {
            throw fail(
                "\(path) is not in a draftfs mount, or you may not read its status")
        }
        if json {
            print(text, terminator: "")
            return
        }
        for line in text.split(separator: "\n") {
            // Only the top level of the object is shown, without its lists.
            guard line.hasPrefix("  \""), !line.hasSuffix("{"), !line.hasSuffix("[") else { continue }
            let parts = line.dropFirst(3).split(separator: "\"", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let key = parts[0].replacing("_", with: " ")
            var value = parts[1].dropFirst(2)
            if value.hasSuffix(",") { value = value.dropLast() }
            let padding = String(repeating: " ", count: max(1, 24 - key.count))
            print(key + padding + value.trimmingQuotes())
        }
    }
}

extension Substring {
    func trimmingQuotes() -> Substring {
        hasPrefix("\"") && hasSuffix("\"") && count >= 2 ? dropFirst().dropLast() : self
    }
}

/// Reads `.draft/status`.
enum StatusText {
    /// Returns the status of the mount or workspace with the root `path`; nil if it cannot be read.
    static func read(_ path: String) -> String? {
        guard let file = try? File.open("\(path)/.draft/status", flags: O_RDONLY) else { return nil }
        var bytes: [UInt8] = []
        while let part = try? file.readBytes(64 << 10, at: UInt64(bytes.count)), !part.isEmpty {
            bytes += part
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Returns the status of the workspace or mount that contains `path`.
    static func find(_ path: String) -> String? {
        Place.root(above: Placement.resolve(path)).flatMap(read)
    }
}
