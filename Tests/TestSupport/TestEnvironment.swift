// TestEnvironment: what the environment variables of a test run choose, and what the host can do.
//
//   DRAFTFS_TEST_PLAIN=1   the control group: a copy of the base takes the place of every mount
//   DRAFTFS_TEST_FULL=1    sizes of the full run where a smaller one is the default
//   DRAFTFS_TEST_STEPS=N   steps of the random operation test
//   DRAFTFS_TEST_SEED=N    the seed of random tests, and DRAFTFS_TEST_SEEDS: see TestSeeds
//   DRAFTFS_TEST_CUTS=N    outcomes of each simulated power cut that are looked at
//   DRAFTFS_BINARY=PATH    the program to test, else the package's own release or debug build

import Glibc

package enum TestEnvironment {
    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// Whether plain directories stand in for mounts.
    package static let isPlain = variable("DRAFTFS_TEST_PLAIN") == "1"

    package static let isFull = variable("DRAFTFS_TEST_FULL") == "1"

    package static let isRoot = geteuid() == 0

    /// Whether this process may open the FUSE device.
    package static let hasDevice: Bool = {
        let descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }()

    /// Whether tests that take either kind of directory can run.
    package static let canRun = isPlain || hasDevice

    /// Whether tests that make sense only on a real mount can run.
    package static let canMount = !isPlain && hasDevice

    /// Whether the file system of the tests' directories keeps ACLs.
    package static let keepsACLs: Bool = {
        guard let directory = try? TemporaryDirectory("acl"),
            let set = try? ChildProcess.run(["setfacl", "-m", "u:1:r", directory.path], seconds: 20)
        else { return false }
        return set.succeeded
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

    /// Whether the program to test was built for speed: without, large files take minutes.
    package static let isOptimized = !binary.contains("/debug/")

    /// An interpreter, not the shim of a version manager, which costs 100 ms for each start.
    package static let python: String = {
        let asked = try? ChildProcess.run(
            ["python3", "-c", "import sys; print(sys.executable)"], seconds: 20)
        let path = asked?.text.split(separator: "\n").first.map(String.init) ?? ""
        return path.isEmpty ? "python3" : path
    }()

    /// The seed of a random test: the one asked for, or a new one.
    package static func seed() -> UInt64 {
        variable("DRAFTFS_TEST_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
    }
}
