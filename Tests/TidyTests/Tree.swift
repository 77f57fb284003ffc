// Tree: the text files of the package, which the tidy tests check.

import Glibc
import TestSupport
import Testing

struct SourceFile: Sendable, CustomTestStringConvertible {
    /// The path relative to the package's root.
    let path: String
    let lines: [Substring]

    var testDescription: String { path }
    var name: Substring { path.split(separator: "/").last ?? "" }

    func isIn(_ directories: String...) -> Bool {
        directories.contains { path.hasPrefix("\($0)/") }
    }

    /// The lines with their numbers, without comments and without the contents of string literals.
    var code: [(number: Int, text: String)] {
        lines.enumerated().map { index, line in
            var text = ""
            var quoted = false
            var previous: Character = " "
            for character in line {
                if character == "\"", previous != "\\" { quoted.toggle() }
                if !quoted, character == "/", previous == "/" {
                    text.removeLast()
                    break
                }
                if !quoted || character == "\"" { text.append(character) }
                previous = character
            }
            return (index + 1, text)
        }
    }
}

enum Tree {
    static let root = TestEnvironment.packageRoot

    private static let tops = [
        "Sources", "Mount", "Tests", "scripts", ".ci", ".github", "Package.swift", "README.md",
    ]

    static let files: [SourceFile] = tops.flatMap { collect($0) }.sorted { $0.path < $1.path }

    static let swift: [SourceFile] = files.filter { $0.path.hasSuffix(".swift") }

    /// The sources of the program, in Sources and Mount.
    static let program: [SourceFile] = swift.filter { $0.isIn("Sources", "Mount") }

    static let pages: [SourceFile] = files.filter { $0.path.hasSuffix(".md") }

    static func exists(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

    private static func collect(_ path: String) -> [SourceFile] {
        var found = stat()
        guard lstat("\(root)/\(path)", &found) == 0 else { return [] }
        if found.st_mode & S_IFMT == S_IFDIR {
            return names(path).flatMap { collect("\(path)/\($0)") }
        }
        guard let text = read(path) else { return [] }
        return [
            SourceFile(
                path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        ]
    }

    private static func names(_ path: String) -> [String] {
        guard let stream = opendir("\(root)/\(path)") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen("\(root)/\(path)", "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { break }
            bytes += part[..<count]
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
