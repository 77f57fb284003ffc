// CommandWords: splits a write to a control file into commands and words, quoted as in a shell
// (POSIX.1-2017, XCU 2.2). Words are bytes, not text: names may hold any byte but NUL.

package import Overlay

/// Reads one command after the other. A command ends with its line, unless the line end is quoted.
/// Blank lines are skipped, but a write of only blank lines is one command without words.
package struct CommandWords: Sendable {
    private let bytes: [UInt8]
    private var position = 0
    private var hasCommand = false
    /// The line of the last command, counted from 1.
    package private(set) var line = 1
    private var nextLine = 1

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Returns the words of the next command.
    /// - Returns: Nil at the end.
    /// - Throws: EINVAL for a quote that is not closed, a backslash at the end, and NUL. Nothing is
    ///   read after such an error.
    package mutating func next() throws(CommandError) -> [[UInt8]]? {
        while position < bytes.count {
            let words = try commandLine()
            if words.isEmpty && (position < bytes.count || hasCommand) { continue }
            hasCommand = true
            return words
        }
        return nil
    }

    private mutating func commandLine() throws(CommandError) -> [[UInt8]] {
        line = nextLine
        var words: [[UInt8]] = []
        var word: [UInt8]?
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case Byte.lineEnd:
                nextLine += 1
                if let word { words.append(word) }
                return words
            case Byte.space, Byte.tab:
                if let done = word { words.append(done) }
                word = nil
            case Byte.singleQuote:
                word = (word ?? []) + (try singleQuoted())
            case Byte.doubleQuote:
                word = (word ?? []) + (try doubleQuoted())
            case Byte.backslash:
                guard position < bytes.count else { throw fault("ends with a backslash", "") }
                let escaped = bytes[position]
                position += 1
                if escaped == Byte.lineEnd {
                    nextLine += 1
                } else {
                    word = (word ?? []) + [try checked(escaped)]
                }
            default:
                let start = position - 1
                while position < bytes.count, !Byte.special.contains(bytes[position]) { position += 1 }
                for byte in bytes[start..<position] { _ = try checked(byte) }
                word = (word ?? []) + bytes[start..<position]
            }
        }
        if let word { words.append(word) }
        return words
    }

    private mutating func singleQuoted() throws(CommandError) -> [UInt8] {
        var result: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == Byte.singleQuote { return result }
            if byte == Byte.lineEnd { nextLine += 1 }
            result.append(try checked(byte))
        }
        throw fault("has a ' that is not closed", "close it, or write \\' for the character itself")
    }

    private mutating func doubleQuoted() throws(CommandError) -> [UInt8] {
        var result: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == Byte.doubleQuote { return result }
            if byte == Byte.lineEnd { nextLine += 1 }
            // Between double quotes a backslash quotes only characters that are special there.
            if byte == Byte.backslash, position < bytes.count {
                let escaped = bytes[position]
                if escaped == Byte.lineEnd {
                    nextLine += 1
                    position += 1
                    continue
                }
                if Byte.quotedInDouble.contains(escaped) {
                    position += 1
                    result.append(escaped)
                    continue
                }
            }
            result.append(try checked(byte))
        }
        throw fault("has a \" that is not closed", "close it, or write \\\" for the character itself")
    }

    private mutating func checked(_ byte: UInt8) throws(CommandError) -> UInt8 {
        if byte == 0 { throw fault("holds a NUL byte", "no name can hold one") }
        return byte
    }

    private mutating func fault(_ what: String, _ remedy: String) -> CommandError {
        position = bytes.count
        hasCommand = true
        return .invalid("the command in line \(line) \(what)" + (remedy.isEmpty ? "" : ": \(remedy)"))
    }
}

/// Bytes with a special meaning in commands.
enum Byte {
    static let tab: UInt8 = 0x09
    static let lineEnd: UInt8 = 0x0a
    static let space: UInt8 = 0x20
    static let doubleQuote = UInt8(ascii: "\"")
    static let singleQuote = UInt8(ascii: "'")
    static let backslash = UInt8(ascii: "\\")
    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")
    static let colon = UInt8(ascii: ":")
    static let dash = UInt8(ascii: "-")
    static let at = UInt8(ascii: "@")

    static let special: [UInt8] = [tab, lineEnd, space, doubleQuote, singleQuote, backslash]
    static let quotedInDouble: [UInt8] = [
        doubleQuote, backslash, UInt8(ascii: "$"), UInt8(ascii: "`"),
    ]

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
