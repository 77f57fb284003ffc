// Refusals: the requirements for a command that must fail: it ends in bounded time, with its own exit
// status (not by a signal) and a sentence on stderr, and leaves nothing mounted.

import Glibc
import TestSupport

/// Runs a command that must be refused. Returns what it printed to stderr.
@discardableResult
func refused(
    _ what: String, _ command: [String], mountPoint: String? = nil, naming words: [String] = [],
    linesAtMost: Int = 3
) throws -> String {
    let result = try ChildProcess.run(command, seconds: 20)
    if let mountPoint, isMountPoint(mountPoint) {
        _ = try ChildProcess.run([TestEnvironment.binary, "unmount", mountPoint], seconds: 10)
        if isMountPoint(mountPoint) { detach(mountPoint) }
        throw CheckFailure("\(what): it mounted: \(result.errorText)")
    }
    try expect(!result.timedOut, "\(what): no answer in 20 seconds: \(result.errorText)")
    try expect(result.status != 0, "\(what): succeeded: \(result.text)")
    try expect(result.status < 126, "\(what): ended by status \(result.status)")
    let said = result.errorText
    let lines = said.split(separator: "\n")
    try expect(!lines.isEmpty, "\(what): status \(result.status), but not a word on stderr")
    try expect(lines.count <= linesAtMost, "\(what): more than a sentence: \(said)")
    for sign in ["Fatal", "crash", "Swift/", "Optional(", "Errno("] {
        try expect(!said.contains(sign), "\(what): not a sentence for users: \(said)")
    }
    for word in words {
        try expect(said.contains(word), "\(what): does not name \(word): \(said)")
    }
    return said
}

/// The base, mount point and store of commands that must fail.
struct Places {
    let directory: TemporaryDirectory
    var base: String { directory("base") }
    var point: String { directory("mnt") }
    var store: String { directory("store") }

    init() throws {
        directory = try TemporaryDirectory("places")
        try makeDirectory(base)
        try makeDirectory(point)
        try writeFile("\(base)/file", "of the base")
    }

    func mount(
        base: String? = nil, at point: String? = nil, store: String? = nil, _ more: [String] = []
    ) -> [String] {
        [
            TestEnvironment.binary, "mount", base ?? self.base, point ?? self.point,
            "--store", store ?? self.store, "--workspace", "ws",
        ] + more
    }
}
