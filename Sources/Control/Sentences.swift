// Sentences: what the errors of commands have in common: one line of text, whatever the names in it.

internal import Overlay
internal import Platform

extension CommandError {
    static func invalid(_ sentence: String) -> CommandError { CommandError(.invalid, sentence) }
}

/// A word of a command between quotes, on one line and not too long.
/// - Parameter limit: bytes after which the rest is left out.
func shown(_ word: [UInt8], limit: Int = 200) -> String {
    let text = String(decoding: word.prefix(limit), as: UTF8.self)
    return JSONText.quoted(word.count > limit ? text + "…" : text)
}

func shown(_ name: FileName) -> String { shown(name.bytes) }
