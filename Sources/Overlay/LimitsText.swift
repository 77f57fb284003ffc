// LimitsText: limits as people write and read them: "KEY VALUE" lines, sizes with K M G T (powers of
// 1024), ages with s m h d w, and "none".

internal import Platform
package import Storage

package enum LimitsText {
    package static func name(_ key: LimitKey) -> String {
        switch key {
        case .bytes: "bytes"
        case .files: "files"
        case .fileSize: "file-size"
        case .memory: "memory"
        case .largeFile: "large-file"
        case .retention: "retention"
        }
    }

    package static func render(_ limits: OperatorLimits, keys: [LimitKey]) -> [UInt8] {
        var text = ""
        for key in keys { text += "\(name(key)) \(value(limits[key], of: key))\n" }
        return Array(text.utf8)
    }

    static func value(_ value: UInt64?, of key: LimitKey) -> String {
        guard let value else { return "none" }
        switch key {
        case .retention: return age(nanoseconds: value)
        case .files: return "\(value)"
        default: return size(value)
        }
    }

    static func key(_ text: String) throws(CommandError) -> LimitKey {
        if let key = LimitKey.allCases.first(where: { name($0) == text }) { return key }
        let names = LimitKey.allCases.map { name($0) }.joined(separator: ", ")
        throw CommandError(.invalid, "there is no limit \"\(text)\": the limits are \(names)")
    }

    /// - Returns: nil for "none".
    static func parse(_ text: String, of key: LimitKey) throws(CommandError) -> UInt64? {
        if text == "none" { return nil }
        let found = key == .retention ? nanoseconds(text) : bytes(text)
        guard let found else {
            let form = key == .retention
                ? "a number with s, m, h, d or w" : "a number, with K, M, G or T if need be"
            throw CommandError(
                .invalid, "\"\(text)\" is no value for \(name(key)): give \(form), or none")
        }
        if key == .memory, found < minimumMemory {
            throw CommandError(
                .invalid, "memory \(text) is too little: the least is \(size(minimumMemory))")
        }
        return found
    }

    /// What the program itself, SQLite and the descriptors need, with some room for work.
    package static let minimumMemory: UInt64 = 64 << 20

    // MARK: Sizes

    private static let sizes: [(unit: Character, shift: UInt64)] = [
        ("T", 40), ("G", 30), ("M", 20), ("K", 10),
    ]

    /// "10M"; nil where the text is no size.
    package static func bytes(_ text: String) -> UInt64? {
        var digits = text[...]
        var shift: UInt64 = 0
        if let last = text.last, let unit = sizes.first(where: { "\($0.unit)" == last.uppercased() }) {
            digits = text.dropLast()
            shift = unit.shift
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let number = UInt64(digits)
        else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        // The largest number stands for "none", and sizes are signed offsets elsewhere.
        return overflow || value > UInt64(Int64.max) ? nil : value
    }

    /// In the largest unit that is exact.
    package static func size(_ bytes: UInt64) -> String {
        for (unit, shift) in sizes where bytes > 0 && bytes & (1 << shift - 1) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)"
    }

    // MARK: Ages

    private static let ages: [(unit: Character, nanoseconds: UInt64)] = [
        ("w", 604_800_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]

    /// "2h"; nil where the text is no age.
    package static func nanoseconds(_ text: String) -> UInt64? {
        guard let last = text.last, let unit = ages.first(where: { $0.unit == last }),
            text.count > 1, text.dropLast().allSatisfy({ $0.isASCII && $0.isNumber }),
            let number = UInt64(text.dropLast())
        else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit.nanoseconds)
        return overflow || value > UInt64(Int64.max) ? nil : value
    }

    package static func age(nanoseconds: UInt64) -> String {
        for (unit, length) in ages where nanoseconds > 0 && nanoseconds % length == 0 {
            return "\(nanoseconds / length)\(unit)"
        }
        return "\(nanoseconds / 1_000_000_000)s"
    }
}
