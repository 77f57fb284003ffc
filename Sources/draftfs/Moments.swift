// Moments: the forms of a moment on a command line, and the directory with its tree.

import Control

enum Moments {
    static let help = """
        A moment is the name of a backup, @SEQ (after that change; @0 is the base), @TIME \
        (@2026-01-31T12:00:00Z, @2026-01-31), or -AGE (-30s, -10m, -2h, -1d, -1w).
        """

    /// Adds "@" to words like -10m, which would be parsed as options, in the verbs that take moments.
    /// `word` removes it again.
    static func prepared(_ arguments: [String]) -> [String] {
        guard let verb = arguments.first, ["rollback", "diff"].contains(verb) else {
            return arguments
        }
        let end = arguments.firstIndex(of: "--") ?? arguments.count
        return arguments.enumerated().map { index, word in
            let isAge = age(word) != nil || word.hasPrefix("-") && range(word) != nil
            return index < end && isAge ? "@" + word : word
        }
    }

    /// Splits FIRST..SECOND; nil for any other word, also for a path.
    static func range(_ word: String) -> (first: String, second: String)? {
        guard !word.contains("/"), let dots = word.firstRange(of: "..") else { return nil }
        let (first, second) = (String(word[..<dots.lowerBound]), String(word[dots.upperBound...]))
        return first.isEmpty || second.isEmpty ? nil : (first, second)
    }

    /// Returns the moment in the form that control files take.
    static func word(_ given: String) -> String {
        given.hasPrefix("@-") ? String(given.dropFirst()) : given
    }

    /// Returns the nanoseconds of an age such as "-10m"; nil for any other word.
    static func age(_ word: String) -> Int64? {
        word.hasPrefix("-") ? Amounts.age(Array(word.utf8.dropFirst())) : nil
    }

    /// Replaces an age by the time that it means now, so that it stays the same moment while a
    /// command runs.
    static func fixed(_ word: String, now: Int64) -> String {
        if let (first, second) = range(word) {
            return fixed(first, now: now) + ".." + fixed(second, now: now)
        }
        guard let age = age(word), age < now else { return word }
        return "@" + ISOTime.text(now - age)
    }

    /// Returns a moment that is written behind the name of a workspace and an @, in the form that control
    /// files take. The name of a backup may look like a number.
    static func behindAt(_ text: String, in place: Place) throws(Failure) -> String {
        guard let first = text.first else { throw Failure("give a moment behind the @") }
        if try place.objects("backup").contains(where: { $0.value["name"]?.text == text }) { return text }
        return first.isASCII && first.isNumber ? "@" + text : text
    }

    /// Returns the directory with the moment's tree, below `.draft`.
    static func directory(_ word: String) -> String {
        word.hasPrefix("@") || word.hasPrefix("-") ? "at/\(word)" : "backups/\(word)"
    }
}
