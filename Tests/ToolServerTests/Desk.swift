// Desk: a catalogue over its own directory or mount, called as a server calls it: arguments and results
// are checked against the tool's schemas.

import Glibc
import MCP
import Overlay
import Platform
import StoreGround
import TestSupport
import Testing
import Tools

@testable import ToolServer

/// Where a test's files are. The tools and the results are the same in each place.
enum Place: String, CaseIterable, CustomTestStringConvertible {
    case plain, mount, store

    static let all: [Place] = {
        let isQuick = TestEnvironment.variable("DRAFTFS_TEST_QUICK") == "1"
        return TestEnvironment.canMount && !isQuick ? [.plain, .mount] : [.plain]
    }()

    /// All places, and a store, where files have no path on the host, for tests that use tools only.
    static let every = all + [.store]

    var testDescription: String { rawValue }
}

final class Desk {
    let directory: TemporaryDirectory
    let catalogue: FileToolCatalogue
    let root: String
    let ground: any Ground
    private let mount: TestMount?

    convenience init(
        _ place: Place = .plain, isReadOnly: Bool = false,
        configure: (inout ToolSettings) -> Void = { _ in }
    ) throws {
        switch place {
        case .plain:
            let directory = try TemporaryDirectory("toolserver")
            try TestSupport.makeDirectory(directory("root"))
            try self.init(
                directory, root: directory("root"), isReadOnly: isReadOnly, configure: configure)
        case .mount:
            let mount = try TestMount()
            try self.init(
                mount.directory, root: mount.root, mount: mount, isReadOnly: isReadOnly,
                configure: configure)
        case .store:
            let directory = try TemporaryDirectory("toolserver")
            try TestSupport.makeDirectory(directory("base"))
            let ground = try StoreGround(
                base: directory("base"), store: directory("store"), workspace: "ws",
                caller: Caller(user: geteuid(), group: getegid(), pid: 1, umask: 0o022))
            self.init(directory, ground, root: "", configure: configure)
        }
    }

    convenience init(
        _ directory: TemporaryDirectory, root: String, mount: TestMount? = nil,
        isReadOnly: Bool = false, configure: (inout ToolSettings) -> Void = { _ in }
    ) throws {
        let ground = try HostGround([(root, isReadOnly)], home: nil, hidesControlFiles: true)
        self.init(directory, ground, root: root, mount: mount, configure: configure)
    }

    init(
        _ directory: TemporaryDirectory, _ ground: any Ground, root: String,
        mount: TestMount? = nil, configure: (inout ToolSettings) -> Void
    ) {
        self.directory = directory
        self.ground = ground
        self.mount = mount
        self.root = root
        var settings = ToolSettings()
        configure(&settings)
        catalogue = FileToolCatalogue(ground, settings: settings)
    }

    /// Returns another server over the same files, without the state of this one.
    func restarted() -> Desk { Desk(directory, ground, root: root, mount: mount) { _ in } }

    func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

    /// Returns the reply of a call, whether it is an error or not.
    func call(_ name: String, _ arguments: [String: JSON]) throws -> ToolReply {
        let tool = try #require(catalogue.tools.first { $0.name == name }, "no tool \(name)")
        let problems = Schema(tool.inputSchema).problems(of: .object(arguments))
        if !problems.isEmpty { throw CheckFailure("\(name): \(problems.joined(separator: "; "))") }
        let reply = catalogue.call(name, arguments, CallContext())
        if !reply.isError, let schema = tool.outputSchema {
            let structured = try #require(reply.structured, "\(name) has a schema and no result")
            let misfits = Schema(schema).problems(of: structured)
            if !misfits.isEmpty { throw CheckFailure("result of \(name): \(misfits)") }
        }
        return reply
    }

    /// Returns the reply of a call that must succeed.
    @discardableResult
    func use(_ name: String, _ arguments: [String: JSON]) throws -> ToolReply {
        let reply = try call(name, arguments)
        if reply.isError { throw CheckFailure("\(name): \(reply.texts.joined(separator: " "))") }
        return reply
    }

    /// Returns the kind and the sentence of a call that must fail.
    func failure(
        _ name: String, _ arguments: [String: JSON]
    ) throws -> (kind: String, sentence: String) {
        let reply = try call(name, arguments)
        guard reply.isError else { throw CheckFailure("\(name) succeeds: \(reply.texts)") }
        return (reply.structured?["error"]?["kind"]?.text ?? "", reply.texts.first ?? "")
    }
}

extension ToolReply {
    var texts: [String] {
        content.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    var text: String { texts.first ?? "" }

    subscript(_ key: String) -> JSON? { structured?[key] }
}
