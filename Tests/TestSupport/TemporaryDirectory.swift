// TemporaryDirectory: a new directory below TMPDIR that `deinit` removes with its content. The removal
// does not cross into another file system, so that it leaves mounts in the directory alone.

import Glibc

package final class TemporaryDirectory: Sendable {
    package let path: String

    /// Makes the directory. Other users may search it, because some tests run as another user.
    /// - Parameter inMemory: uses a tmpfs if there is one, for tests that sync thousands of times.
    package init(_ purpose: String = "test", inMemory: Bool = false) throws {
        var parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        if inMemory, access("/dev/shm", W_OK) == 0 { parent = "/dev/shm" }
        var template = Array("\(parent)/draftfs-\(purpose)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CheckFailure("mkdtemp in \(parent): \(words(errno))")
        }
        path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    package func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    deinit {
        _ = try? ChildProcess.run(["rm", "-rf", "--one-file-system", path], seconds: 120)
    }
}
