// Calls: system calls by path for tests. Each failure is a Swift error. The file does not depend on
// draftfs: the same calls run on a plain directory and on a mount.

package import Glibc

/// A failed check, or a system call that failed unexpectedly.
package struct CheckFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Returns the message of an errno, "success" for 0.
package func words(_ code: Int32) -> String {
    code == 0 ? "success" : String(cString: strerror(code))
}

/// Returns the result of a call.
/// - Throws: `what` and the message of errno if the result is negative.
@discardableResult
package func must<T: SignedInteger>(
    _ what: String, _ call: @autoclosure () -> T
) throws(CheckFailure) -> T {
    let result = call()
    if result < 0 { throw CheckFailure("\(what): \(words(errno))") }
    return result
}

/// Returns the errno of a call, 0 for success.
package func code<T: SignedInteger>(_ call: @autoclosure () -> T) -> Int32 {
    call() < 0 ? errno : 0
}

/// Throws unless the call fails with exactly the expected errno.
package func refuse<T: SignedInteger>(
    _ expected: Int32, _ what: String, _ call: @autoclosure () -> T
) throws(CheckFailure) {
    let found = code(call())
    if found != expected {
        throw CheckFailure("\(what): \(words(found)), expected \(words(expected))")
    }
}

/// Throws the description unless the condition holds.
package func expect(
    _ condition: Bool, _ description: @autoclosure () -> String
) throws(CheckFailure) {
    if !condition { throw CheckFailure(description()) }
}

/// Throws unless both values are equal.
package func same<T: Equatable>(
    _ found: T, _ expected: T, _ what: @autoclosure () -> String
) throws(CheckFailure) {
    if found != expected {
        let texts = ("\(found)".prefix(200), "\(expected)".prefix(200))
        throw CheckFailure("\(what()): found \(texts.0), expected \(texts.1)")
    }
}

/// Opens a file, passes its descriptor to the body and closes it on every path.
package func withOpen<R>(
    _ path: String, _ flags: Int32, _ mode: mode_t = 0o644, _ body: (Int32) throws -> R
) throws -> R {
    let descriptor = try must("open \(path.suffix(80))", open(path, flags | O_CLOEXEC, mode))
    defer { close(descriptor) }
    return try body(descriptor)
}

package func writeAll(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int64? = nil) throws {
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) -> Int in
            let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
            if let offset {
                return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + done)
            }
            return write(descriptor, rest.baseAddress, rest.count)
        }
        done += try must("write", count)
    }
}

/// Reads with pread(2) until `count` bytes are read or the file ends.
package func readBytes(_ descriptor: Int32, _ count: Int, at offset: Int64) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
        let found = bytes.withUnsafeMutableBytes { buffer in
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            return pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + done)
        }
        if try must("read at \(offset)", found) == 0 { break }
        done += found
    }
    return Array(bytes.prefix(done))
}

package func writeFile(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws {
    try withOpen(path, O_WRONLY | O_CREAT | O_TRUNC, mode) { try writeAll($0, bytes) }
}

package func writeFile(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
    try writeFile(path, Array(text.utf8), mode: mode)
}

package func readFile(_ path: String) throws -> [UInt8] {
    try withOpen(path, O_RDONLY) { descriptor in
        // One byte more than the size, so that most files are read in one piece.
        let step = max(64, Int(try status(descriptor).st_size) + 1)
        var bytes: [UInt8] = []
        while true {
            let piece = try readBytes(descriptor, step, at: Int64(bytes.count))
            bytes += piece
            if piece.count < step { return bytes }
        }
    }
}

package func readText(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
}

/// Returns the status of a path by lstat(2).
package func status(_ path: String) throws -> stat {
    var found = stat()
    try must("lstat \(path.suffix(80))", lstat(path, &found))
    return found
}

package func status(_ descriptor: Int32) throws -> stat {
    var found = stat()
    try must("fstat", fstat(descriptor, &found))
    return found
}

package func exists(_ path: String) -> Bool {
    var found = stat()
    return lstat(path, &found) == 0
}

package func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
    try must("mkdir \(path.suffix(80))", mkdir(path, mode))
}

/// Returns the names in a directory, without `.` and `..`, in the order of readdir(3).
package func names(in path: String) throws -> [[UInt8]] {
    try entries(of: path).map(\.name)
}

/// Returns name, d_ino and d_type of each entry of a directory, without `.` and `..`.
package func entries(of path: String) throws -> [(name: [UInt8], inode: UInt64, type: UInt8)] {
    guard let stream = opendir(path) else {
        throw CheckFailure("opendir \(path.suffix(80)): \(words(errno))")
    }
    defer { closedir(stream) }
    var found: [(name: [UInt8], inode: UInt64, type: UInt8)] = []
    while true {
        errno = 0
        guard let entry = readdir(stream) else { break }
        let name = nameBytes(entry)
        if name == [0x2E] || name == [0x2E, 0x2E] { continue }
        found.append((name, UInt64(entry.pointee.d_ino), entry.pointee.d_type))
    }
    if errno != 0 { throw CheckFailure("readdir \(path.suffix(80)): \(words(errno))") }
    return found
}

/// Returns the bytes of d_name. The record may be shorter than the structure, so the structure is never
/// copied as a whole.
package func nameBytes(_ entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
    let start = UnsafeRawPointer(entry) + (MemoryLayout<dirent>.offset(of: \.d_name) ?? 0)
    let length = strlen(start.assumingMemoryBound(to: CChar.self))
    return Array(UnsafeRawBufferPointer(start: start, count: length))
}
