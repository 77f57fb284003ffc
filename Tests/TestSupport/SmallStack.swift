// SmallStack: runs a test on a thread whose stack is as small as that of a daemon's thread. This finds
// code that recurses with the depth of a tree.

import Glibc

private final class StackBody {
    let run: () throws -> Void
    var failure: (any Error)?
    init(_ run: @escaping () throws -> Void) { self.run = run }
}

/// Runs `body` on a stack of `bytes` bytes and waits for its end.
package func onSmallStack(bytes: Int = 256 << 10, _ body: () throws -> Void) throws {
    try withoutActuallyEscaping(body) { body in
        let item = StackBody(body)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, bytes)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, &attributes,
            { raw in
                guard let raw else { return nil }
                let item = Unmanaged<StackBody>.fromOpaque(raw).takeUnretainedValue()
                do { try item.run() } catch { item.failure = error }
                return nil
            }, Unmanaged.passUnretained(item).toOpaque())
        guard failure == 0 else { throw CheckFailure("pthread_create: \(words(failure))") }
        pthread_join(thread, nil)
        if let failure = item.failure { throw failure }
    }
}

/// Makes nested directories of one name step by step, because no path can be that long.
/// - Parameter bottom: receives a descriptor of the innermost directory.
package func makeDeepDirectory(
    _ top: String, name: String, depth: Int, bottom: (Int32) throws -> Void = { _ in }
) throws {
    var directory = try must("open", open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    defer { close(directory) }
    for _ in 0..<depth {
        try must("mkdirat", mkdirat(directory, name, 0o755))
        let next = try must("openat", openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        close(directory)
        directory = next
    }
    try bottom(directory)
}

/// Returns the number of nested directories of one name.
package func depthOfDirectories(in top: String, name: String) throws -> Int {
    var directory = try must("open", open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    defer { close(directory) }
    var count = 0
    while true {
        let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if next < 0 { return count }
        close(directory)
        directory = next
        count += 1
    }
}
