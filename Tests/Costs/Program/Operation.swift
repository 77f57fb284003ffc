// Operation: a kind of request, which is a row of the table. It prepares the workspace and returns the
// requests. The tables that grow with the requests are filled beforehand, so that few requests grow one.

struct Operation: Sendable {
    /// The name in the table and in `CostLimits`.
    var name: String
    /// Returns requests of one kind. The first `warmUps` are only served, the others are measured.
    var requests: @Sendable (Daemon) throws -> [Message]

    static let all: [Operation] = names + content + changes + listings
}

extension Operation {
    private static func eachFile(
        _ daemon: Daemon, in path: String, _ message: (_ node: UInt64, _ index: Int) -> Message
    ) throws -> [Message] {
        let directory = try daemon.walk(path)
        return try (0..<Base.files).map { index in
            message(try daemon.ask(.lookup(Base.file(index), in: directory)).node, index)
        }
    }

    /// Writes one byte to each file of the directory.
    private static func touch(_ daemon: Daemon, in path: String) throws {
        for message in try eachFile(daemon, in: path, { node, _ in
            .write([0x58], to: node, at: 5_000)
        }) { try daemon.ask(message) }
    }

    private static func lookups(_ daemon: Daemon, in path: String) throws -> [Message] {
        let directory = try daemon.walk(path)
        return (0..<Base.files).map { .lookup(Base.file($0), in: directory) }
    }

    private static let names = [
        Operation(name: "LOOKUP, an untouched base file in memory") { daemon in
            _ = try eachFile(daemon, in: "src/lib/looked") { node, _ in .getAttributes(node) }
            return try lookups(daemon, in: "src/lib/looked")
        },
        Operation(name: "LOOKUP, a touched file") { daemon in
            try touch(daemon, in: "src/lib/edited")
            return try lookups(daemon, in: "src/lib/edited")
        },
        Operation(name: "LOOKUP, a base file for the first time") { daemon in
            try lookups(daemon, in: "src/lib/new")
        },
        Operation(name: "LOOKUP, a missing name") { daemon in
            let directory = try daemon.walk("src/lib/looked")
            for index in 0..<100 { try daemon.ask(.lookup("nothing-\(index).h", in: directory)) }
            return (0..<Base.files).map { .lookup("missing-\($0 + 10).h", in: directory) }
        },
        Operation(name: "GETATTR, an untouched base file") { daemon in
            try eachFile(daemon, in: "src/lib/looked") { node, _ in .getAttributes(node) }
        },
        Operation(name: "FORGET, an untouched base file") { daemon in
            try eachFile(daemon, in: "src/lib/left") { node, _ in .forget(node) }
        },
    ]

    private static let content = [
        Operation(name: "READ, 4 KiB of a base file") { daemon in
            let node = try daemon.walk("src/lib/read/\(Base.file(0))")
            return (0..<Base.files).map { .read(node, at: UInt64($0 % 4) * 4_096, count: 4_096) }
        },
        Operation(name: "READ, 4 KiB of a file with one edit in them") { daemon in
            let node = try daemon.walk("src/lib/read/\(Base.file(1))")
            try daemon.ask(.write([0x58], to: node, at: 5_000))
            return (0..<Base.files).map { _ in .read(node, at: 4_096, count: 4_096) }
        },
        Operation(name: "WRITE, 100 bytes to a file with an edit log") { daemon in
            let node = try daemon.walk("src/lib/written/\(Base.file(0))")
            let data = [UInt8](repeating: 0x58, count: 100)
            return (0..<Base.files).map { .write(data, to: node, at: UInt64($0) * 1_000) }
        },
        Operation(name: "WRITE, 100 bytes, the first to a base file 3 directories deep") { daemon in
            let data = [UInt8](repeating: 0x58, count: 100)
            return try (0..<Base.warmUps + 3).map { index in
                .write(data, to: try daemon.walk("\(Base.deep(index))/\(Base.file(0))"), at: 5_000)
            }
        },
    ]

    /// The files that the first operation makes are renamed by the second and removed by a later one.
    private static let changes = [
        Operation(name: "MKNOD, which is how creat(2) comes") { daemon in
            let directory = try daemon.walk("src/lib/made")
            for index in 0..<100 { try daemon.ask(.makeFile("other-\(index).c", in: directory)) }
            return (0..<Base.files).map { .makeFile("made-\($0 + 10).c", in: directory) }
        },
        Operation(name: "RENAME, a new file within its directory") { daemon in
            let directory = try daemon.walk("src/lib/made")
            return (0..<Base.files).map {
                .rename("made-\($0 + 10).c", to: "moved-\($0 + 10).c", in: directory)
            }
        },
        Operation(name: "SETATTR, the mode of a touched file") { daemon in
            try eachFile(daemon, in: "src/lib/edited") { node, _ in .setMode(0o600, of: node) }
        },
        Operation(name: "UNLINK, a new file") { daemon in
            let directory = try daemon.walk("src/lib/made")
            return (0..<Base.files).map { .unlink("moved-\($0 + 10).c", in: directory) }
        },
        Operation(name: "UNLINK, an untouched base file") { daemon in
            _ = try eachFile(daemon, in: "src/lib/removed") { node, _ in .getAttributes(node) }
            let directory = try daemon.walk("src/lib/removed")
            return (0..<Base.files).map { .unlink(Base.file($0), in: directory) }
        },
    ]

    private static let listings = [
        Operation(name: "READDIRPLUS, 100 names for the first time") { daemon in
            try (0..<Base.listings).map {
                .readDirectoryPlus(try daemon.walk(Base.listed($0)), at: 0, count: 64 << 10)
            }
        },
        Operation(name: "READDIRPLUS, the same again") { daemon in
            try (0..<Base.listings).map {
                .readDirectoryPlus(try daemon.walk(Base.listed($0)), at: 0, count: 64 << 10)
            }
        },
    ]
}
