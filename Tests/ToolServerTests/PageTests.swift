// The documentation page of the tools: its table matches the schemas.

import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct ToolPageTests {
    /// Returns the row of the table for a tool: required arguments first, in bold.
    static func row(_ tool: Tool) -> String {
        let schema = tool.description.inputSchema
        let required = (schema["required"]?.items ?? []).compactMap(\.text)
        let others = Set((schema["properties"]?.members ?? [:]).keys).subtracting(required).sorted()
        let words = required.map { "**\($0)**" } + others
        return "| `\(tool.description.name)` | \(tool.group.rawValue) | \(words.joined(separator: ", ")) |"
    }

    @Test("The page has each tool with its arguments, and no other")
    func table() throws {
        let page = try readText(
            "\(TestEnvironment.packageRoot)/Sources/ToolServer/ToolServer.docc/ToolServer.md")
        let table = page.components("| Tool | GROUP | Arguments |\n|---|---|---|\n").last ?? ""
        let rows = table.split(separator: "\n").prefix { $0.hasPrefix("| `") }.map(String.init)
        #expect(rows == FileToolCatalogue.all.map(Self.row))
    }
}
