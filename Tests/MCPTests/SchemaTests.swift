// Schemas: values that match, and the descriptions of mismatches.

import MCP
import Testing

@Suite("Schema")
struct SchemaTests {
    private func problems(_ value: JSON, _ schema: JSON) -> [String] {
        Schema(schema).problems(of: value)
    }

    private static let edit: JSON = [
        "type": "object",
        "properties": [
            "path": ["type": "string", "minLength": 1, "maxLength": 4],
            "edits": [
                "type": "array", "minItems": 1, "maxItems": 2,
                "items": [
                    "type": "object", "properties": ["oldText": ["type": "string"]],
                    "required": ["oldText"], "additionalProperties": false,
                ],
            ],
            "mode": ["enum": ["fail", "skip", 3]],
            "head": ["type": ["integer", "null"], "minimum": 1, "maximum": 10],
            "ratio": ["type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1],
            "fixed": ["const": true],
            "where": ["anyOf": [["type": "string"], ["type": "integer", "minimum": 0]]],
        ],
        "required": ["path"], "additionalProperties": false,
    ]

    @Test(
        arguments: [
            ["path": "a"], ["path": "äöü😀", "head": 10], ["path": "a", "head": 3.0],
            ["path": "a", "head": .null],
            ["path": "a", "edits": [["oldText": ""], ["oldText": "x"]]],
            ["path": "a", "mode": 3.0],
            ["path": "a", "ratio": 0.5, "fixed": true], ["path": "a", "where": "x"],
            ["path": "a", "where": 0],
        ] as [JSON])
    func `What fits has no problems`(value: JSON) {
        #expect(problems(value, Self.edit) == [])
    }

    @Test(
        arguments: [
            ([1], "the whole must be an object, not an array"), ([:], "path is missing"),
            (["path": 1], "path must be a string, not an integer"),
            (["path": .null], "path must be a string, not null"),
            (["path": ""], "path must have at least 1 characters, not 0"),
            (["path": "😀😀😀😀😀"], "path must have at most 4 characters, not 5"),
            (["path": "a", "edits": []], "edits must have at least 1 items, not 0"),
            (["path": "a", "edits": [["oldText": ""], [:]]], "edits[1].oldText is missing"),
            (
                ["path": "a", "edits": [["oldText": "", "x": 1]]],
                "edits[0].x is not known (known are oldText)"
            ),
            (["path": "a", "edits": [1, 2, 3]], "edits must have at most 2 items, not 3"),
            (["path": "a", "mode": "x"], #"mode must be one of "fail", "skip", 3"#),
            (["path": "a", "head": 1.5], "head must be an integer or null, not a number"),
            (["path": "a", "head": "1"], "head must be an integer or null, not a string"),
            (["path": "a", "head": 0], "head must be at least 1"),
            (["path": "a", "head": .integer(.max)], "head must be at most 10"),
            (["path": "a", "ratio": 0], "ratio must be more than 0"),
            (["path": "a", "ratio": 1.0], "ratio must be less than 1"),
            (["path": "a", "fixed": 1], "fixed must be true"),
            (["path": "a", "where": -1], "where must be at least 0"),
            (["path": "a", "where": []], "where must be a string, not an array"),
        ] as [(JSON, String)])
    func `What does not fit is named with its place`(value: JSON, problem: String) {
        #expect(problems(value, Self.edit).first == problem)
    }

    @Test func `All problems are found at once, up to a bound`() {
        let value: JSON = ["head": 0, "mode": "x", "zebra": 1]
        #expect(problems(value, Self.edit).count == 4)
        let many = JSON.list((0..<1000).map { _ in "x" })
        #expect(problems(many, ["type": "array", "items": ["type": "integer"]]).count == 5)
    }

    @Test func `Members that are not named may have a schema`() {
        let schema: JSON = ["type": "object", "additionalProperties": ["type": "string"]]
        #expect(problems(["a": "x"], schema) == [])
        #expect(problems(["a": 1], schema) == ["a must be a string, not an integer"])
        #expect(problems(["a": 1], ["type": "object"]) == [])
    }

    @Test func `Integers are compared exactly`() {
        let schema: JSON = ["maximum": 9_007_199_254_740_992]
        #expect(problems(9_007_199_254_740_993, schema).count == 1)
        #expect(problems(9_007_199_254_740_992, schema) == [])
    }

    @Test func `Keywords that would not be checked can be found`() {
        #expect(Schema(Self.edit).unknownKeywords == [])
        let schema: JSON = [
            "type": "object", "properties": ["a": ["pattern": "x"], "pattern": ["type": "string"]],
            "anyOf": [["not": [:]]],
        ]
        #expect(Schema(schema).unknownKeywords == ["pattern", "not"])
    }

    @Test func `The demonstration's tools have schemas that are checked`() {
        for tool in DemonstrationCatalogue().tools {
            #expect(Schema(tool.inputSchema).unknownKeywords == [], "\(tool.name)")
        }
    }
}
