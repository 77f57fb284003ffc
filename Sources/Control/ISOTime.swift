// ISOTime: times in ISO 8601 (the profile of RFC 3339), in nanoseconds since 1970. The calendar is
// implemented here in twenty lines, because Foundation is not linked, and gmtime(3) and timegm(3) need
// Glibc's structures and support neither fractions nor offsets.

internal import Platform

package enum ISOTime {
    private static let second: Int64 = 1_000_000_000

    /// Returns the time in UTC, with nine digits of the second: 2026-01-31T12:00:00.000000000Z.
    package static func text(_ time: Int64) -> String {
        let seconds = time.flooredQuotient(second)
        let days = seconds.flooredQuotient(86_400)
        let clock = seconds - days * 86_400
        let date = civil(days)
        let rest = time % second
        let nanoseconds = rest < 0 ? rest + second : rest
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
            + "\(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))."
            + "\(padded(nanoseconds, 9))Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Parses 2026-01-31 (midnight UTC), 2026-01-31T12:00Z, 2026-01-31T12:00:00.5+01:00. A time of day
    /// needs a zone. Without it, the moment would depend on the machine.
    /// - Returns: Nil for anything else, for dates that do not exist, and outside 1678 to 2261, the
    ///   range of 64 bits.
    package static func time(_ text: some Collection<UInt8>) -> Int64? {
        var reader = Reader(rest: Array(text)[...])
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2),
            reader.take("-"), let day = reader.number(2), (1...12).contains(month), day >= 1,
            day <= length(ofMonth: month, year), (1678...2261).contains(year)
        else { return nil }
        let midnight = days(year, month, day) * 86_400
        if reader.isAtEnd { return midnight * second }
        guard reader.take("T") || reader.take("t"), let hour = reader.number(2), reader.take(":"),
            let minute = reader.number(2), hour < 24, minute < 60
        else { return nil }
        var seconds = midnight + hour * 3600 + minute * 60
        var nanoseconds: Int64 = 0
        if reader.take(":") {
            guard let number = reader.number(2), number < 60 else { return nil }
            seconds += number
            if reader.take(".") || reader.take(",") {
                guard let fraction = reader.fraction() else { return nil }
                nanoseconds = fraction
            }
        }
        guard let offset = reader.offset(), reader.isAtEnd else { return nil }
        return (seconds - offset) * second + nanoseconds
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func number(_ width: Int) -> Int64? {
            let digits = rest.prefix(width)
            guard digits.count == width, let number = UInt64(digits: digits) else { return nil }
            rest = rest.dropFirst(width)
            return Int64(number)
        }

        /// Parses one to nine digits and returns nanoseconds.
        mutating func fraction() -> Int64? {
            let digits = rest.prefix { Byte.isDigit($0) }
            guard (1...9).contains(digits.count), var number = number(digits.count) else { return nil }
            for _ in digits.count..<9 { number *= 10 }
            return number
        }

        /// Parses a zone and returns the seconds east of Greenwich.
        mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let sign: Int64
            if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
            guard let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 3600 + minutes * 60)
        }
    }

    private static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Returns the days since 1970 of a date in the Gregorian calendar. Years are counted from March,
    /// so that the leap day is the last day of its year. Then any five consecutive months have 153
    /// days, and 400 years have 146,097 days.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year.flooredQuotient(400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
    }
}

extension Int64 {
    /// Returns the quotient rounded down, even below zero. The divisor is positive.
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
