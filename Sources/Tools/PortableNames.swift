// PortableNames: finds names of a copy that other systems cannot hold, or cannot hold together.

package enum PortableNames {
    /// The names that Windows reserves for devices, with any suffix.
    private static let reserved: Set<String> = Set(
        ["con", "prn", "aux", "nul"]
            + (1...9).flatMap { ["com\($0)", "lpt\($0)"] })

    /// Returns one sentence for each unsuitable name, at most 100.
    package static func warnings(_ paths: [[[UInt8]]]) -> [String] {
        var warnings: [String] = []
        // Canonically equivalent strings are equal: NFC and NFD are one key.
        var folded: [String: String] = [:]
        for names in paths where warnings.count < 100 {
            guard let last = names.last else { continue }
            let shown = ToolPath.text(names)
            warnings += problems(last).map { "\(shown): \($0)" }
            if let other = folded.updateValue(shown, forKey: shown.lowercased()) {
                warnings.append(
                    "\(shown) and \(other) are the same name on systems that ignore case or composition")
            }
        }
        return Array(warnings.prefix(100))
    }

    private static func problems(_ name: [UInt8]) -> [String] {
        guard let text = String(validating: name, as: UTF8.self) else { return ["the name is not UTF-8"] }
        var problems: [String] = []
        let forbidden = "<>:\"|?*\\".unicodeScalars
        if let bad = text.unicodeScalars.first(where: { $0.value < 0x20 || forbidden.contains($0) }) {
            let what = bad.value < 0x20 ? "control characters" : "\(bad)"
            problems.append("Windows names have no \(what)")
        }
        if text.hasSuffix(".") || text.hasSuffix(" ") {
            problems.append("Windows drops the dot or blank at the end")
        }
        let stem = text.prefix { $0 != "." }.lowercased()
        if reserved.contains(stem) { problems.append("Windows reserves \(stem) for a device") }
        if text.utf16.count > 255 { problems.append("longer than 255 units") }
        return problems
    }
}
