// Base: makes the base of the measured workspace. Each operation has files of its own in it.

import Glibc

enum Base {
    /// The number of unmeasured runs of each operation, and the maximum number of measured runs.
    static let warmUps = 4
    static let rounds = 5
    static var files: Int { warmUps + rounds }

    /// The directories that hold files named by `file`.
    static let directories = [
        "src/lib/looked", "src/lib/new", "src/lib/edited", "src/lib/read", "src/lib/written", "src/lib/made",
        "src/lib/removed", "src/lib/left",
    ]
    static let fileSize = 16 << 10
    static let listings = warmUps + 1
    static let listedNames = 98

    static func file(_ index: Int) -> String { "file-\(index / 10)\(index % 10).c" }

    /// Returns a directory at depth 3 that holds one file.
    static func deep(_ index: Int) -> String { "deep/\(index)/src" }

    /// Returns a directory to list: it has 100 names, including `.` and `..`.
    static func listed(_ index: Int) -> String { "lists/\(index)" }

    static func make(_ directory: String) throws {
        let content = [UInt8](unsafeUninitializedCapacity: fileSize) { buffer, count in
            for index in 0..<fileSize { buffer[index] = index % 64 == 63 ? 0x0a : 0x61 + UInt8(index % 26) }
            count = fileSize
        }
        for path in directories {
            try makeDirectories(path, in: directory)
            for index in 0..<files { try write(content, to: "\(directory)/\(path)/\(file(index))") }
        }
        for index in 0..<files {
            try makeDirectories(deep(index), in: directory)
            try write(content, to: "\(directory)/\(deep(index))/\(file(0))")
        }
        for index in 0..<listings {
            try makeDirectories(listed(index), in: directory)
            for name in 0..<listedNames {
                try write([], to: "\(directory)/\(listed(index))/name-\(100 + name).h")
            }
        }
    }

    private static func makeDirectories(_ path: String, in directory: String) throws {
        var whole = directory
        for name in path.split(separator: "/") {
            whole += "/\(name)"
            guard mkdir(whole, 0o755) == 0 || errno == EEXIST else { throw Failure("cannot make \(whole)") }
        }
    }

    private static func write(_ content: [UInt8], to path: String) throws {
        guard let file = fopen(path, "wxe") else { throw Failure("cannot make \(path)") }
        let written = fwrite(content, 1, content.count, file)
        guard fclose(file) == 0, written == content.count else { throw Failure("cannot write \(path)") }
    }
}
