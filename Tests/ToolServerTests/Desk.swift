// Desk: a catalogue over a directory of its own, called as a server would call it: arguments and
// results are checked against the tool's schemas.

import MCP
import Platform
import TestSupport
import Testing
import Tools

@testable import ToolServer

struct Desk {
    let directory: TemporaryDirectory
    let catalogue: FileToolCatalogue

    init(isReadOnly: Bool = false, configure: (inout ToolSettings) -> Void = { _ in }) throws {
        let directory = try TemporaryDirectory("toolserver")
        try makeDirectory(directory("root"))
        try self.init(directory, root: directory("root"), isReadOnly: isReadOnly, configure: configure)
    }

    init(
        _ directory: TemporaryDirectory, root: String, isReadOnly: Bool = false,
        configure: (inout ToolSettings) -> Void = { _ in }
    ) throws {
        self.directory = directory
        var settings = ToolSettings()
        configure(&settings)
        let ground = try HostGround([(root, isReadOnly)], home: nil, hidesControlFiles: true)
        catalogue = FileToolCatalogue(ground, settings: settings)
        self.root = root
    }

    let root: String

    func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

    func write(_ name: String, _ text: String) throws { try writeFile(self(name), text) }
    func write(_ name: String, _ bytes: [UInt8]) throws { try writeFile(self(name), bytes) }
    func string(_ name: String) throws -> String { try readText(self(name)) }

    /// The reply, whatever it is.
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

    /// A reply that is no error.
    @discardableResult
    func use(_ name: String, _ arguments: [String: JSON]) throws -> ToolReply {
        let reply = try call(name, arguments)
        if reply.isError { throw CheckFailure("\(name): \(reply.texts.joined(separator: " "))") }
        return reply
    }

    /// The kind of failure, and its sentence.
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
