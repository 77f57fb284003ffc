// SmallStack: runs a test on a thread whose stack is as small as a thread of a daemon may have, so that
// whatever recurses on the depth of a tree is found.

import Glibc

private final class StackBody {
    let run: () throws -> Void
    var failure: (any Error)?
    init(_ run: @escaping () throws -> Void) { self.run = run }
}

/// Runs `body` with a stack of so many bytes, and waits for its end.
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

/// Makes directories of one name in each other, step by step, since no path is that long.
/// - Parameter bottom: is given a descriptor of the last one.
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

/// How many directories of one name lie in each other.
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
