// PatchParser: reads a unified diff line by line. Text between the parts is skipped, as in patch(1).
// Unsupported parts (binary parts, renames) are refused, not left out.

internal import Platform

struct PatchParser {
    private let bytes: [UInt8]
    private let isText: Bool
    private let hasReturns: Bool
    private var index = 0
    private var files: [FilePatch] = []
    private var current: FilePatch?
    private var hunks = 0
    /// Whether the current part began with a `diff --git` line.
    private var isGit = false

    private static let nothing = Array("/dev/null".utf8)

    init(_ bytes: [UInt8], isText: Bool) {
        self.bytes = bytes
        self.isText = isText
        // All heads are lines of the patch itself, so the first one is enough.
        let head = bytes.split(separator: 0x0a, omittingEmptySubsequences: true).first {
            $0.starts(with: Array("@@ ".utf8))
        }
        hasReturns = head?.last == 0x0d
    }

    private func line(at index: Int) -> (text: ArraySlice<UInt8>, next: Int)? {
        guard index < bytes.count else { return nil }
        let end = bytes[index...].firstIndex(of: 0x0a) ?? bytes.count
        return (bytes[index..<end], end + 1)
    }

    /// Returns a head as text, without a CR at its end.
    private static func word(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: text.last == 0x0d ? text.dropLast() : text, as: UTF8.self)
    }

    mutating func parse() throws(ToolError) -> [FilePatch] {
        while let (text, next) = line(at: index) {
            index = next
            guard let first = text.first, [0x2d, 0x40, 0x64, 0x47, 0x42, 0x6e, 0x72, 0x63]
                .contains(first)
            else { continue }
            try head(text)
        }
        try finish()
        return files
    }

    private mutating func head(_ text: ArraySlice<UInt8>) throws(ToolError) {
        if text.starts(with: Array("--- ".utf8)), let (other, next) = line(at: index),
            other.starts(with: Array("+++ ".utf8)) {
            index = next
            try names(text, other)
        } else if text.starts(with: Array("@@ ".utf8)) {
            try hunk(Self.word(text))
        } else if text.starts(with: Array("diff --git ".utf8)) {
            try finish()
            begin()
            isGit = true
            gitNames(text.dropFirst(11))
        } else if text.starts(with: Array("Binary files ".utf8))
            || text.starts(with: Array("GIT binary patch".utf8)) {
            throw ToolError(.usage, "the patch has a binary part: only text can be patched")
        } else if isGit, current?.hunks.isEmpty == true {
            try extendedHead(Self.word(text))
        }
    }

    private mutating func begin() {
        current = FilePatch(bytes: bytes, isText: isText, hasReturns: hasReturns)
    }

    /// Reads git's headers between its first line and the hunks.
    private mutating func extendedHead(_ line: String) throws(ToolError) {
        if line.hasPrefix("new file mode ") {
            current?.kind = .make
            guard !line.hasSuffix("120000"), !line.hasSuffix("160000") else {
                throw ToolError(.usage, "the patch makes a symlink or a submodule: only files are patched")
            }
        } else if line.hasPrefix("deleted file mode ") {
            current?.kind = .remove
        } else if line.hasPrefix("rename from ") || line.hasPrefix("copy from ") {
            throw ToolError(
                .usage,
                "the patch renames or copies a file (\(line.prefix(80))): move or copy it first, then "
                    + "patch it under its new name")
        }
    }

    /// Reads `a/NAME b/NAME`, or both names quoted: the names of a part without --- and +++. Without prefixes
    /// both names are the same.
    private mutating func gitNames(_ text: ArraySlice<UInt8>) {
        let text = text.last == 0x0d ? text.dropLast() : text
        if text.first == 0x22, let (name, next) = PatchName.unquoted(text) {
            let rest = text[next...].dropFirst()
            let other = rest.first == 0x22 ? PatchName.unquoted(rest)?.name : nil
            current?.oldName = name
            current?.newName = other ?? name
            current?.hasPrefixes = other != name
        } else if text.count >= 3, text.count % 2 == 1 {
            let half = text.startIndex + text.count / 2
            let (one, other) = (text[..<half], text[(half + 1)...])
            guard text[half] == 0x20, one.dropFirst(2).elementsEqual(other.dropFirst(2)) else { return }
            let isSame = one.elementsEqual(other)
            guard isSame || one.count > 2 else { return }
            current?.oldName = Array(one)
            current?.newName = Array(other)
            current?.hasPrefixes = !isSame
        }
    }

    private mutating func names(
        _ old: ArraySlice<UInt8>, _ new: ArraySlice<UInt8>
    ) throws(ToolError) {
        if !(isGit && current?.hunks.isEmpty == true) {
            try finish()
            begin()
        }
        // Beside /dev/null there is one name, which does not tell a prefix from a directory: git's line does.
        let isBare = current?.newName != nil && current?.hasPrefixes == false
        let (from, to) = (PatchName(old.dropFirst(4)), PatchName(new.dropFirst(4)))
        current?.oldName = from.name == Self.nothing ? nil : from.name
        current?.newName = to.name == Self.nothing ? nil : to.name
        if from.name == Self.nothing || from.isEpoch { current?.kind = .make }
        if to.name == Self.nothing || to.isEpoch { current?.kind = .remove }
        let isOld = from.name == Self.nothing ? !isBare : from.name.starts(with: Array("a/".utf8))
        let isNew = to.name == Self.nothing ? !isBare : to.name.starts(with: Array("b/".utf8))
        current?.hasPrefixes = isOld && isNew
    }

    /// Ends the part of one file.
    private mutating func finish() throws(ToolError) {
        isGit = false
        guard var file = current else { return }
        current = nil
        if file.hunks.isEmpty, file.kind == .edit { return }
        // A date of 1970 means a missing file only if that side is empty.
        if let first = file.hunks.first {
            if file.kind == .make, file.hunks.count > 1 || first.oldCount > 0 {
                guard file.oldName != nil else {
                    throw ToolError(.usage, "the patch creates \(file.name), but removes lines from it")
                }
                file.kind = .edit
            }
            if file.kind == .remove, file.hunks.count > 1 || first.newCount > 0 {
                guard file.newName != nil else {
                    throw ToolError(.usage, "the patch removes \(file.name), but keeps lines in it")
                }
                file.kind = .edit
            }
        }
        guard files.count < PatchText.mostFiles else {
            throw ToolError(.bounds, "the patch has more than \(PatchText.mostFiles) files")
        }
        files.append(file)
    }

    // MARK: Hunks

    /// Reads "@@ -12,3 +12,4 @@"; a count of 1 may be left out.
    private static func range(_ word: Substring, _ sign: Character) -> (start: UInt64, count: Int)? {
        guard word.first == sign else { return nil }
        let numbers = word.dropFirst().split(separator: ",", omittingEmptySubsequences: false)
        guard let start = numbers.first.flatMap({ UInt64($0) }), numbers.count <= 2 else { return nil }
        guard numbers.count == 2 else { return (start, 1) }
        return Int(numbers[1]).flatMap { $0 >= 0 ? (start, $0) : nil }
    }

    private mutating func hunk(_ head: String) throws(ToolError) {
        if current == nil { begin() }
        let number = (current?.hunks.count ?? 0) + 1
        hunks += 1
        guard hunks <= PatchText.mostHunks else {
            throw ToolError(.bounds, "the patch has more than \(PatchText.mostHunks) hunks")
        }
        let words = head.split(separator: " ")
        guard words.count >= 4, let old = Self.range(words[1], "-"), let new = Self.range(words[2], "+")
        else {
            throw ToolError(
                .usage, "hunk \(number): \(head.prefix(80)) has no line numbers such as -12,3 +12,4")
        }
        var hunk = FilePatch.Hunk(
            number: number, oldStart: old.start, oldCount: old.count, newCount: new.count,
            body: index..<index)
        var (oldLines, newLines) = (0, 0)
        var last: UInt8 = 0x20
        while let (text, next) = line(at: index) {
            let sign = text.first ?? 0x20
            if sign == 0x5c {
                // The marker applies to the line before, which is on both sides or on one.
                if last != 0x2b { hunk.oldLacksEnd = true }
                if last != 0x2d { hunk.newLacksEnd = true }
                index = next
                continue
            }
            if oldLines >= old.count, newLines >= new.count { break }
            switch sign {
            case 0x20,
                0x0d where text.count == 1:
                oldLines += 1
                newLines += 1
                last = 0x20
            case 0x2d:
                oldLines += 1
                last = sign
            case 0x2b:
                newLines += 1
                last = sign
            default:
                throw ToolError(
                    .usage,
                    "hunk \(number): a line does not begin with a blank, + or -: "
                        + String(decoding: text.prefix(60), as: UTF8.self))
            }
            index = next
        }
        guard oldLines == old.count, newLines == new.count else {
            throw ToolError(
                .usage,
                "hunk \(number) has \(oldLines) old and \(newLines) new lines, but its head says "
                    + "\(old.count) and \(new.count): the patch is cut off or was changed by hand")
        }
        hunk.body = hunk.body.lowerBound..<min(index, bytes.count)
        current?.hunks.append(hunk)
    }
}

/// A name after --- or +++.
struct PatchName {
    var name: [UInt8]
    /// Whether its date is the start of 1970, which means that there is no such file.
    var isEpoch = false

    init(_ text: ArraySlice<UInt8>) {
        let text = text.last == 0x0d ? text.dropLast() : text
        if text.first == 0x22, let (name, _) = Self.unquoted(text) {
            self.name = name
            return
        }
        name = Array(text.prefix { $0 != 0x09 })
        let date = String(decoding: text.dropFirst(name.count + 1), as: UTF8.self)
        // The start of 1970 in any time zone.
        isEpoch = date.hasPrefix("1970-01-01 ") && date.contains(":00.000000000")
            || date.hasPrefix("1970-01-01 ") && !date.contains(".") && date.contains(":00 ")
            || date.hasPrefix("1969-12-31 ") && date.contains(":00")
    }

    /// Reads a name in quotes as in C, with octal escapes.
    static func unquoted(_ text: ArraySlice<UInt8>) -> (name: [UInt8], next: Int)? {
        var name: [UInt8] = []
        var index = text.startIndex + 1
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            if byte == 0x22 { return (name, index) }
            guard byte == 0x5c else {
                name.append(byte)
                continue
            }
            guard index < text.endIndex else { return nil }
            let digits = text[index...].prefix(3).prefix { (0x30...0x37).contains($0) }
            if digits.isEmpty {
                // \a, \b, \t, \n, \v, \f and \r; all others stand for themselves.
                let escapes: [UInt8: UInt8] = [
                    0x61: 7, 0x62: 8, 0x74: 9, 0x6e: 10, 0x76: 11, 0x66: 12, 0x72: 13,
                ]
                name.append(escapes[text[index]] ?? text[index])
                index += 1
            } else {
                let value = digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }
                name.append(UInt8(truncatingIfNeeded: value))
                index += digits.count
            }
        }
        return nil
    }
}
