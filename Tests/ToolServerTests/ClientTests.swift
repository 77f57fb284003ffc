// The protocol's own client library drives the program on every ground: a plain directory, a mount, and a
// store without a mount. scripts/test makes the virtual environments.

import TestSupport
import Testing

@Suite(.serialized) struct ClientTests {
    /// The path of a Python with a version of the library.
    static func python(_ line: String) -> String? { TestEnvironment.variable("DRAFTFS_TEST_MCP\(line)") }

    private func drive(_ line: String, _ place: Place) throws {
        // The program opens a store itself.
        let desk = try place == .store ? nil : Desk(place)
        let directory = try TemporaryDirectory("client")
        let python = try #require(Self.python(line))
        let script = "\(TestEnvironment.packageRoot)/Tests/ToolServerTests/Clients/client.py"
        let result = try ChildProcess.run(
            [python, script, TestEnvironment.binary, desk?.root ?? directory.path, place.rawValue],
            seconds: 660)
        #expect(result.succeeded, "\(result.text.suffix(500)) \(result.errorText.suffix(3_000))")
        #expect(result.text.hasPrefix("ok"))
        if place == .store {
            try ChildProcess.check([TestEnvironment.binary, "fsck", directory("store")])
        }
    }

    @Test(
        "Version 1.30.0 of the client uses every tool",
        .enabled(if: python("1") != nil, "scripts/test installs mcp 1.30.0 and sets DRAFTFS_TEST_MCP1"),
        arguments: Place.every)
    func first(place: Place) throws { try drive("1", place) }

    @Test(
        "Version 2.3.0 of the client uses every tool",
        .enabled(if: python("2") != nil, "scripts/test installs mcp 2.3.0 and sets DRAFTFS_TEST_MCP2"),
        arguments: Place.every)
    func second(place: Place) throws { try drive("2", place) }
}
