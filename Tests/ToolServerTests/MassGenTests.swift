// MassGen, a framework of agents, as it is installed: its client drives the program under the name that
// it looks for, and its own tests of workspaces run in a mount. scripts/test --massgen installs it.

import Glibc
import TestSupport
import Testing

/// The path of a Python that has MassGen.
private let massGenPython = TestEnvironment.variable("DRAFTFS_TEST_MASSGEN")

@Suite(
    .serialized, .enabled(if: massGenPython != nil, "scripts/test --massgen installs it, 1.8 GB"))
struct MassGenTests {

    /// MassGen's tests of workspaces, snapshots and permissions.
    private static let tests = [
        "snapshot_version_store", "snapshot_versioned_save", "snapshot_copy_offload", "snapshot_preservation",
        "isolation_context", "path_permission_manager", "path_permission_hook_adversarial",
        "two_tier_workspace", "workspace_cleanup",
    ]

    /// Puts what MassGen writes outside of its work into a directory of the test.
    private static func environment(_ directory: TemporaryDirectory, path: String = "") -> [String: String] {
        let found = TestEnvironment.variable("PATH") ?? "/usr/bin:/bin"
        return ["HOME": directory.path, "PATH": path.isEmpty ? found : "\(path):\(found)"]
    }

    @Test("MassGen's client finds the program as mcp-server-filesystem, and uses it", arguments: Place.all)
    func client(place: Place) throws {
        let python = try #require(massGenPython)
        let desk = try Desk(place)
        let home = try TemporaryDirectory("massgen")
        try makeDirectory(home("bin"))
        try must("link", symlink(TestEnvironment.binary, home("bin/mcp-server-filesystem")))
        let script = "\(TestEnvironment.packageRoot)/Tests/ToolServerTests/Clients/massgen_client.py"
        let result = try ChildProcess.run(
            [python, script, desk.root], seconds: 400,
            environment: Self.environment(home, path: home("bin")), directory: home.path)
        #expect(result.succeeded, "\(result.text.suffix(500)) \(result.errorText.suffix(3_000))")
        #expect(result.text.contains("ok "))
        print("MassGen's client on \(place.rawValue): \(result.text.suffix(40))")
    }

    @Test(
        "MassGen's tests of workspaces pass with their files on a mount",
        .enabled(if: Place.all.contains(.mount), "needs /dev/fuse, and no --quick"))
    func workspaces() throws {
        let python = try #require(massGenPython)
        let mount = try TestMount(limit: 900)
        let home = try TemporaryDirectory("massgen")
        let code = "import massgen, os; print(os.path.dirname(massgen.__file__))"
        let words = try ChildProcess.check(
            [python, "-c", code], seconds: 200, environment: Self.environment(home))
        let package = try #require(words.split(separator: "\n").last)
        let result = try ChildProcess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto",
             "--basetemp=\(mount("bt"))"]
                + Self.tests.map { "\(package)/tests/test_\($0).py" },
            seconds: 800, environment: Self.environment(home), directory: home.path)
        #expect(result.succeeded, "\(result.text.suffix(4_000)) \(result.errorText.suffix(1_000))")
        // The installed version has 168 tests: none is left out.
        #expect(result.text.contains("168 passed"), "\(result.text.suffix(300))")
        #expect(mount.finish() == [])
    }
}
