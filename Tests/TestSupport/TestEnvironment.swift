// TestEnvironment: the settings of a test run in environment variables, and the abilities of the host.
//
//   DRAFTFS_TEST_PLAIN=1   the control group: a copy of the base replaces every mount
//   DRAFTFS_TEST_FULL=1    full sizes of tests whose default is smaller
//   DRAFTFS_TEST_STEPS=N   steps of the random operation test
//   DRAFTFS_TEST_SEED=N    the seed of random tests, and DRAFTFS_TEST_SEEDS: see TestSeeds
//   DRAFTFS_TEST_CUTS=N    number of outcomes that are checked for each simulated power cut
//   DRAFTFS_TEST_SANITIZER=NAME   the sanitizer of this build: see Sanitizer
//   DRAFTFS_BINARY=PATH    the program to test; default: the package's release or debug build

import Glibc
internal import Overlay
internal import Platform

package enum TestEnvironment {
    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// Whether plain directories replace mounts.
    package static let isPlain = variable("DRAFTFS_TEST_PLAIN") == "1"

    package static let isFull = variable("DRAFTFS_TEST_FULL") == "1"

    package static let isRoot = geteuid() == 0

    /// Whether this process may open the FUSE device.
    package static let hasDevice: Bool = {
        let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }()

    /// Whether tests that accept either kind of directory can run.
    package static let canRun = isPlain || hasDevice

    /// Whether tests that need a real mount can run.
    package static let canMount = !isPlain && hasDevice

    /// Whether the file system of the test directories supports ACLs.
    package static let keepsACLs: Bool = {
        guard let directory = try? TemporaryDirectory("acl"),
            let set = try? ChildProcess.run(["setfacl", "-m", "u:1:r", directory.path], seconds: 20)
        else { return false }
        return set.succeeded
    }()

    /// Whether fanotify(7) is permitted, and the file system of the test directories has what it needs.
    package static let canWatchDirectories: Bool = {
        guard let directory = try? TemporaryDirectory("watch"), let watch = try? DirectoryWatch(),
            let opened = try? File.open(directory.path, flags: O_RDONLY | O_DIRECTORY)
        else { return false }
        return (try? watch.watch(opened)) != nil
    }()

    /// Whether files in the test directories can share extents. Then the pool keeps contents of any size.
    package static let sharesExtents = Reflink.works(in: variable("TMPDIR") ?? "/tmp")

    /// Whether another user can run the program to test, which its directory may prevent.
    package static let otherUserCanRun: Bool = {
        let words = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", binary, "--help"]
        return isRoot && (try? ChildProcess.run(words, seconds: 20))?.succeeded == true
    }()

    /// The directory of Package.swift.
    package static let packageRoot: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    package static let binary: String = {
        if let chosen = variable("DRAFTFS_BINARY") { return chosen }
        let release = "\(packageRoot)/.build/release/draftfs"
        return access(release, X_OK) == 0 ? release : "\(packageRoot)/.build/debug/draftfs"
    }()

    /// Whether the program to test is an optimized build. In a debug build large files take minutes.
    package static let isOptimized = !binary.contains("/debug/")

    /// The interpreter itself, not the shim of a version manager, which costs 100 ms for each start.
    package static let python: String = {
        let asked = try? ChildProcess.run(
            ["python3", "-c", "import sys; print(sys.executable)"], seconds: 20)
        let path = asked?.text.split(separator: "\n").first.map(String.init) ?? ""
        return path.isEmpty ? "python3" : path
    }()

    /// Returns the requested seed of a random test, or a new one.
    package static func seed() -> UInt64 {
        variable("DRAFTFS_TEST_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
    }
}
