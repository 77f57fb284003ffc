// Text: output for people: sizes, times, tables, and names without control characters.

enum Text {
    /// Returns for example "17 B" or "4.4 KiB", in units of 1024.
    static func size(_ bytes: UInt64) -> String {
        if bytes < 1024 { return "\(bytes) B" }
        var value = Double(bytes) / 1024
        for unit in ["KiB", "MiB", "GiB", "TiB"] {
            if value < 1023.95 { return "\(decimal(value)) \(unit)" }
            value /= 1024
        }
        return "\(decimal(value)) PiB"
    }

    /// Returns the number with one digit after the point.
    static func decimal(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        let tenths = Int64((value * 10).rounded())
        // Above -1 the whole part is 0, which has no sign.
        return "\(tenths < 0 ? "-" : "")\(abs(tenths / 10)).\(abs(tenths % 10))"
    }

    /// Returns for example "0:07", "12:34" or "1:02:03".
    static func duration(_ seconds: UInt64) -> String {
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = seconds / 60
        if minutes < 60 { return "\(minutes):\(two(seconds % 60))" }
        return "\(minutes / 60):\(two(minutes % 60)):\(two(seconds % 60))"
    }

    /// Escapes all characters that a terminal would act on.
    static func printable(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                let digits = String(scalar.value, radix: 16)
                shown += "\\x" + (digits.count < 2 ? "0" : "") + digits
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// Returns columns as wide as their widest cell, separated by two spaces. The columns in `right`
    /// are right-aligned. The last column is not padded.
    static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "  " }
                line += right.contains(column) ? blanks + cell
                    : column == row.count - 1 ? cell : cell + blanks
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// Returns a time of a control file without its fraction, to keep tables narrow.
    static func short(_ time: String) -> String {
        guard let point = time.firstIndex(of: ".") else { return printable(time) }
        return printable(String(time[..<point] + time[point...].dropFirst().drop { $0.isNumber }))
    }
}
