// MountTests: the parent suite of every test that uses a mount. It is serialised as a whole, because the
// tests compete for two processors and their time limits assume an idle machine. A test mounts through
// `mounted`, which ends the mount on every path and fails the test for every problem of the mount.

import Glibc
import TestSupport
import Testing

@Suite(.serialized)
enum MountTests {}

/// Runs a test on its own mount. An error of the body fails the test after the mount has ended.
func mounted(
    workspace: String? = "ws", options: [String] = [], base: String? = nil, store: String? = nil,
    limit: Int = 300, expectErrors: Bool = false,
    prepare: (String) throws -> Void = { _ in },
    _ body: (TestMount) throws -> Void
) throws {
    let mount = try TestMount(
        workspace: workspace, options: options, base: base, store: store, limit: limit, prepare: prepare)
    var failure: (any Error)?
    do { try body(mount) } catch { failure = error }
    let problems = mount.finish(expectErrors: expectErrors)
    for problem in problems { Issue.record("\(problem)") }
    if let failure {
        Issue.record("\(failure)\n--- the daemon printed:\n\(mount.log.suffix(1_500))")
    }
}

/// Runs the program.
func draftfs(_ words: [String]) throws -> ChildResult {
    try ChildProcess.run([TestEnvironment.binary] + words, seconds: 60)
}

/// Fills a file with bytes that do not compress and do not repeat.
func writeRandomFile(_ path: String, bytes: Int, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    try withOpen(path, O_WRONLY | O_CREAT | O_TRUNC) { descriptor in
        var block = [UInt8](repeating: 0, count: 1 << 20)
        var left = bytes
        while left > 0 {
            block.withUnsafeMutableBytes { buffer in
                for index in 0..<(buffer.count / 8) {
                    buffer.storeBytes(
                        of: random.next(), toByteOffset: index * 8, as: UInt64.self)
                }
            }
            try writeAll(descriptor, left >= block.count ? block : Array(block.prefix(left)))
            left -= block.count
        }
    }
}

/// Returns everything about a file in the base that must not change.
func fingerprint(_ path: String) throws -> String {
    let sum = try ChildProcess.check(["sha256sum", path], seconds: 60)
    let seen = try status(path)
    return "\(sum) mtime \(seen.st_mtim.tv_sec).\(seen.st_mtim.tv_nsec) "
        + "ctime \(seen.st_ctim.tv_sec).\(seen.st_ctim.tv_nsec) nlink \(seen.st_nlink) "
        + "atime \(seen.st_atim.tv_sec).\(seen.st_atim.tv_nsec) mode \(seen.st_mode)"
}

/// Returns the names in a directory in order.
func listing(_ path: String) throws -> [String] {
    try names(in: path).map { String(decoding: $0, as: UTF8.self) }.sorted()
}

extension TestMount {
    /// Writes a line to a control file by one write(2) and returns the errno, or 0.
    func command(_ file: String, _ text: String) throws -> Int32 {
        try withOpen(self(".draft/\(file)"), O_WRONLY) { held in
            let bytes = Array((text + "\n").utf8)
            return write(held, bytes, bytes.count) < 0 ? errno : 0
        }
    }
}
