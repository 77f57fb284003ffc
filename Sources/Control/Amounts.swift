// Amounts: parses and formats sizes (4096, 64K, 10G) and ages (30s, 10m, 2h, 1d, 1w).

internal import Platform

package enum Amounts {
    /// Powers of 1,024.
    private static let sizeUnits: [(letter: Character, bytes: UInt64)] = [
        ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10),
    ]
    /// In seconds.
    private static let ageUnits: [(letter: Character, seconds: UInt64)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
    ]
    private static let second: UInt64 = 1_000_000_000

    /// Parses a size in bytes.
    /// - Returns: Nil if the text is not a size, or is greater than 2^63 - 1, the limit of files and
    ///   stores.
    package static func size(_ text: some BidirectionalCollection<UInt8>) -> UInt64? {
        guard let last = text.last else { return nil }
        let letter = Character(Unicode.Scalar(last)).uppercased()
        guard let unit = sizeUnits.first(where: { String($0.letter) == letter }) else {
            return UInt64(digits: text).flatMap { $0 > UInt64(Int64.max) ? nil : $0 }
        }
        return UInt64(digits: text.dropLast()).flatMap { product($0, unit.bytes) }
    }

    /// Parses an age in nanoseconds.
    /// - Returns: Nil if the text is not an age, or is longer than 292 years, the limit of 64 bits.
    package static func age(_ text: some BidirectionalCollection<UInt8>) -> Int64? {
        guard let last = text.last,
            let unit = ageUnits.first(where: { $0.letter.asciiValue == last }),
            let count = UInt64(digits: text.dropLast()),
            let age = product(count, unit.seconds * second)
        else { return nil }
        return Int64(age)
    }

    private static func product(_ count: UInt64, _ unit: UInt64) -> UInt64? {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow || product > UInt64(Int64.max) ? nil : product
    }

    /// Returns the size in the largest unit that is exact.
    package static func sizeText(_ bytes: UInt64) -> String {
        for unit in sizeUnits where bytes > 0 && bytes % unit.bytes == 0 {
            return "\(bytes / unit.bytes)\(unit.letter)"
        }
        return "\(bytes)"
    }

    /// Returns the age in whole seconds, in the largest unit that is exact.
    /// - Parameter age: In nanoseconds, not negative.
    package static func ageText(_ age: Int64) -> String {
        let seconds = UInt64(max(0, age)) / second
        for unit in ageUnits where seconds > 0 && seconds % unit.seconds == 0 {
            return "\(seconds / unit.seconds)\(unit.letter)"
        }
        return "\(seconds)s"
    }
}
