// ScenarioTests: what operators do with control files, as sh scripts in Scenarios/. Each runs on its own
// mount. Comments in a script say how to mount; see prologue.sh.

import Glibc
import Platform
import TestSupport
import Testing

/// A script and the settings in its comments.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    /// Additional arguments for `draftfs mount`.
    private(set) var options: [String] = []
    /// Mounts all workspaces instead of one.
    private(set) var isList = false
    /// The script leaves findings for `verify`, or errors in the daemon's log.
    private(set) var damages = false
    /// The reason why the script cannot succeed yet.
    private(set) var known: String?

    var testDescription: String { name }

    static let directory: String = {
        let parts = #filePath.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/") + "/Scenarios"
    }()

    static func path(_ name: String) -> String { "\(directory)/\(name)" }

    static let all: [Scenario] = {
        let found = (try? names(in: directory)) ?? []
        return found.map { String(decoding: $0, as: UTF8.self) }
            .filter { $0.hasSuffix(".sh") && $0.first?.isNumber == true }.sorted()
            .map { Scenario($0) }
    }()

    private init(_ name: String) {
        self.name = name
        let text = (try? readText(Self.path(name))) ?? ""
        for line in text.split(separator: "\n").prefix(8) {
            if line == "# list" { isList = true }
            if line == "# damages" { damages = true }
            if let words = line.after("# options: ") {
                options = words.split(separator: " ").map(String.init)
            }
            if let words = line.after("# known: ") { known = String(words) }
        }
    }
}

extension Substring {
    fileprivate func after(_ start: String) -> Substring? {
        hasPrefix(start) ? dropFirst(start.count) : nil
    }
}

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Scenarios {
        @Test("The scenarios are found")
        func found() { #expect(Scenario.all.count >= 50) }

        @Test("A scenario ends as it should", arguments: Scenario.all)
        func scenario(_ scenario: Scenario) throws {
            if let known = scenario.known {
                withKnownIssue(Comment(rawValue: known)) { try run(scenario) }
            } else {
                try run(scenario)
            }
        }

        private func run(_ scenario: Scenario) throws {
            try mounted(
                workspace: scenario.isList ? nil : "ws", options: scenario.options, limit: 120,
                expectErrors: scenario.damages,
                prepare: { base in
                    try ChildProcess.check(["sh", Scenario.path("base.sh"), base], seconds: 20)
                    // For scenarios with other users.
                    try must("chmod", chmod("\(base)/..", 0o755))
                }
            ) { mount in
                let result = try ChildProcess.run(
                    ["sh", Scenario.path(scenario.name), mount.root, mount.base, mount.store],
                    seconds: 60, environment: ["draftfs": TestEnvironment.binary])
                try expect(
                    result.succeeded,
                    "\(scenario.name) \(result.timedOut ? "is late" : "ended with \(result.status)")"
                        + ":\n\(result.text.suffix(1_500))\(result.errorText.suffix(1_500))")
                try expect(mount.isAlive, "the daemon is dead")
                if !scenario.damages, !scenario.isList { try verify(mount) }
            }
        }

        /// Verifies all data of the workspace.
        private func verify(_ mount: TestMount) throws {
            try same(
                try ControlFiles.command(mount(".draft/verify"), "\n"), 0, "start of verify")
            for _ in 0..<2_000 {
                let report = try readText(mount(".draft/verify"))
                if report.contains("\"state\": \"done\"") {
                    return try expect(report.contains("\"clean\": true"), "verify: \(report)")
                }
                usleep(5_000)
            }
            throw CheckFailure("verify runs for ever")
        }
    }
}
