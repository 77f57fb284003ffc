// SchemaChecker: one check of a value against a schema.

struct SchemaChecker {
    private(set) var problems: [String] = []

    private var isFull: Bool { problems.count >= Schema.problemLimit }

    private mutating func report(_ problem: String) {
        if !isFull { problems.append(problem) }
    }

    mutating func check(_ value: JSON, _ schema: JSON, at place: Schema.Place) {
        if isFull { return }
        if schema == false { return report("\(place.name) is not allowed") }
        guard schema.members != nil else { return }
        // A value of the wrong type violates the other keywords too; one problem is enough.
        guard checkType(value, schema, at: place) else { return }
        checkChoice(value, schema, at: place)
        switch value {
        case .integer, .number: checkNumber(value, schema, at: place)
        case .text(let text): checkText(text, schema, at: place)
        case .list(let items): checkItems(items, schema, at: place)
        case .object(let members): checkMembers(members, schema, at: place)
        case .null, .boolean: break
        }
    }

    private mutating func checkType(
        _ value: JSON, _ schema: JSON, at place: Schema.Place
    ) -> Bool {
        guard let type = schema["type"] else { return true }
        let wanted = type.text.map { [$0] } ?? (type.items ?? []).compactMap(\.text)
        if wanted.contains(where: { Self.fits(value, type: $0) }) { return true }
        let names = wanted.map(Self.name).joined(separator: " or ")
        report("\(place.name) must be \(names), not \(value.kind)")
        return false
    }

    private static func fits(_ value: JSON, type: String) -> Bool {
        switch type {
        case "null": value.isNull
        case "boolean": value.boolean != nil
        case "integer": value.integer != nil
        case "number": value.double != nil
        case "string": value.text != nil
        case "array": value.items != nil
        case "object": value.members != nil
        default: false
        }
    }

    private static func name(_ type: String) -> String {
        switch type {
        case "null": "null"
        case "integer", "array", "object": "an \(type)"
        default: "a \(type)"
        }
    }

    private mutating func checkChoice(_ value: JSON, _ schema: JSON, at place: Schema.Place) {
        if let choices = schema["enum"]?.items, !choices.contains(where: value.isSame) {
            report("\(place.name) must be one of \(Self.list(choices))")
        }
        if let constant = schema["const"], !value.isSame(as: constant) {
            report("\(place.name) must be \(Self.written(constant))")
        }
        guard let branches = schema["anyOf"]?.items, !branches.isEmpty else { return }
        var nearest: [String] = []
        for branch in branches {
            var checker = SchemaChecker()
            checker.check(value, branch, at: place)
            if checker.problems.isEmpty { return }
            // The branch whose type matches describes the problem best.
            var typed = SchemaChecker()
            if nearest.isEmpty || typed.checkType(value, branch, at: place) {
                nearest = checker.problems
            }
        }
        for problem in nearest { report(problem) }
    }

    private mutating func checkNumber(_ value: JSON, _ schema: JSON, at place: Schema.Place) {
        if let least = schema["minimum"], Self.compare(value, least) < 0 {
            report("\(place.name) must be at least \(Self.written(least))")
        }
        if let most = schema["maximum"], Self.compare(value, most) > 0 {
            report("\(place.name) must be at most \(Self.written(most))")
        }
        if let least = schema["exclusiveMinimum"], Self.compare(value, least) <= 0 {
            report("\(place.name) must be more than \(Self.written(least))")
        }
        if let most = schema["exclusiveMaximum"], Self.compare(value, most) >= 0 {
            report("\(place.name) must be less than \(Self.written(most))")
        }
    }

    /// Compares exactly if both are whole numbers.
    private static func compare(_ first: JSON, _ second: JSON) -> Int {
        if let mine = first.integer, let theirs = second.integer {
            return mine < theirs ? -1 : mine > theirs ? 1 : 0
        }
        guard let mine = first.double, let theirs = second.double else { return 0 }
        return mine < theirs ? -1 : mine > theirs ? 1 : 0
    }

    private mutating func checkText(_ text: String, _ schema: JSON, at place: Schema.Place) {
        let bounds = (schema["minLength"]?.integer, schema["maxLength"]?.integer)
        guard bounds.0 != nil || bounds.1 != nil else { return }
        let count = text.unicodeScalars.count
        checkCount(count, of: "characters", bounds, at: place)
    }

    private mutating func checkCount(
        _ count: Int, of things: String, _ bounds: (least: Int64?, most: Int64?),
        at place: Schema.Place
    ) {
        if let least = bounds.least, count < least {
            report("\(place.name) must have at least \(least) \(things), not \(count)")
        }
        if let most = bounds.most, count > most {
            report("\(place.name) must have at most \(most) \(things), not \(count)")
        }
    }

    private mutating func checkItems(_ items: [JSON], _ schema: JSON, at place: Schema.Place) {
        checkCount(
            items.count, of: "items", (schema["minItems"]?.integer, schema["maxItems"]?.integer),
            at: place)
        guard let inner = schema["items"] else { return }
        for (index, item) in items.enumerated() {
            if isFull { return }
            check(item, inner, at: place.item(index))
        }
    }

    private mutating func checkMembers(
        _ members: [String: JSON], _ schema: JSON, at place: Schema.Place
    ) {
        for key in (schema["required"]?.items ?? []).compactMap(\.text) where members[key] == nil {
            report("\(place.member(key).name) is missing")
        }
        checkCount(
            members.count, of: "members",
            (schema["minProperties"]?.integer, schema["maxProperties"]?.integer), at: place)
        let known = schema["properties"]?.members ?? [:]
        let others = schema["additionalProperties"]
        // The order is fixed, so that the same arguments give the same answer.
        for (key, member) in members.sorted(by: { $0.key < $1.key }) {
            if isFull { return }
            if let inner = known[key] {
                check(member, inner, at: place.member(key))
            } else if others == false {
                let names = known.keys.sorted().joined(separator: ", ")
                let choice = names.isEmpty ? "there are none" : "known are \(names)"
                report("\(place.member(key).name) is not known (\(choice))")
            } else if let others {
                check(member, others, at: place.member(key))
            }
        }
    }

    private static func list(_ values: [JSON]) -> String {
        values.prefix(20).map(written).joined(separator: ", ")
    }

    private static func written(_ value: JSON) -> String { Excerpt.of(value.line ?? value.kind) }
}
