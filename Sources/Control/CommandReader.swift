// CommandReader: reads the commands in a write to a control file, one after the other. Text after a
// mistake is not read, so the first command that fails ends the write.

package import Overlay
internal import Past
internal import Platform

package struct CommandReader {
    private let file: CommandFile
    private let now: Int64
    private var words: CommandWords
    private var edits: EditReader?

    /// - Parameter now: Nanoseconds since 1970, for -AGE.
    package init(_ bytes: [UInt8], of file: CommandFile, now: Int64) {
        self.file = file
        self.now = now
        words = CommandWords(file == .edit ? [] : bytes)
        edits = file == .edit ? EditReader(bytes) : nil
    }

    /// The line of the last command. Nil if commands are not lines.
    package var line: Int? { file == .edit ? nil : words.line }

    /// Returns the error of the last command. From the second line on, its sentence names the line.
    func naming(_ error: CommandError) -> CommandError {
        guard let line, line > 1 else { return error }
        return CommandError(error.errno, "line \(line): \(error)", done: error.done)
    }

    /// - Returns: Nil at the end.
    package mutating func next() throws(CommandError) -> Command? {
        if var edits {
            defer { self.edits = edits }
            return try edits.next()
        }
        guard let words = try words.next() else { return nil }
        switch file {
        case .backup: return try backup(words)
        case .rollback: return try rollback(words)
        case .undo: return try undo(words)
        case .clone:
            let paths = try paths(words[...])
            guard paths.count == 2 else { throw usage("needs two paths, not \(paths.count)") }
            return .clone(paths[0], to: paths[1])
        case .verify: return .verify(paths: try paths(words[...]))
        case .limits: return try limit(words)
        case .drift: return try drift(words)
        case .refresh: return try refresh(words)
        case .discard: return try discard(words)
        case .restore: return try restore(words)
        case .run: return try run(words)
        case .fork: return try fork(words)
        case .commit: return try commit(words)
        case .merge: return try merge(words)
        case .gc: return try release(words)
        case .edit: return nil
        }
    }

    private func usage(_ what: String) -> CommandError {
        .invalid("\(file.rawValue) \(what): write \(file.syntax)")
    }

    private func paths(_ words: ArraySlice<[UInt8]>) throws(CommandError) -> [[UInt8]] {
        var paths: [[UInt8]] = []
        for word in words {
            if word.first == Byte.dash {
                throw .invalid(
                    "\(file.rawValue) has no option \(shown(word)): "
                        + "write ./ before a path that begins with -")
            }
            paths.append(try CommandPath.normalise(word))
        }
        return paths
    }

    private func backup(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first else { throw usage("needs a name") }
        if first.elementsEqual("--delete".utf8) {
            guard words.count == 2 else { throw usage("--delete needs one name") }
            return .deleteBackup(try FileName(backup: words[1]))
        }
        if first.elementsEqual("--rename".utf8) {
            guard words.count == 3 else { throw usage("--rename needs two names") }
            return .renameBackup(
                try FileName(backup: words[1]), to: try FileName(backup: words[2]))
        }
        let name = try FileName(backup: first)
        return .backup(name, comment: Array(words.dropFirst().joined(separator: [Byte.space])))
    }

    private func rollback(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first else { throw usage("needs a moment") }
        let moment = try Moment(first, now: now)
        let rest = words.dropFirst()
        let isOption: ([UInt8]) -> Bool = { $0.elementsEqual("--times".utf8) }
        let keepsTimes = rest.contains(where: isOption)
        return .rollback(
            moment, keepsTimes: keepsTimes, paths: try paths(rest.filter { !isOption($0) }[...]))
    }

    private func undo(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first, first.allSatisfy(Byte.isDigit), !first.isEmpty else {
            return .undo(1, paths: try paths(words[...]))
        }
        guard let count = UInt64(digits: first), count > 0, let count = Int(exactly: count) else {
            throw .invalid(
                "undo needs a number of changes, from one to as many as there are, not \(shown(first)): "
                    + "a file of that name is ./\(String(decoding: first, as: UTF8.self))")
        }
        return .undo(count, paths: try paths(words.dropFirst()))
    }

    private func limit(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard words.count == 2 else { throw usage("needs a key and a value") }
        guard let key = LimitKey(rawValue: String(decoding: words[0], as: UTF8.self)) else {
            throw .invalid(
                "there is no limit \(shown(words[0])): the limits are "
                    + LimitKey.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if words[1].elementsEqual("none".utf8) { return .limit(key, .none) }
        let value: UInt64?
        let wanted: String
        switch key.unit {
        case .size: (value, wanted) = (Amounts.size(words[1]), "a size like 4096, 64K or 10G")
        case .age:
            (value, wanted) = (Amounts.age(words[1]).map { UInt64($0) }, "an age like 12h, 7d or 4w")
        case .count:
            (value, wanted) = (UInt64(digits: words[1]).flatMap { Int64(exactly: $0) }
                .map { UInt64($0) }, "a whole number")
        }
        guard let value else {
            throw .invalid(
                "the limit \(key.rawValue) needs \(wanted), or none, not \(shown(words[1]))")
        }
        return .limit(key, .value(value))
    }

    private func drift(_ words: [[UInt8]]) throws(CommandError) -> Command {
        let verb = words.first.map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 2 || words.count == 3 && verb == "ours" else {
            throw usage("needs a verb and a path")
        }
        let path = try paths(words[1..<2])[0]
        switch verb {
        case "accept": return .acceptDrift(path)
        case "ours": return .keepOurs(path, over: words.count > 2 ? words[2] : nil)
        // "drop" is the former name.
        case "theirs", "drop": return .dropDrift(path)
        default: throw usage("has no verb \(shown(words[0]))")
        }
    }

    private func run(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard words.count == 3 || words.count == 4,
            let status = UInt64(digits: words[0]).flatMap({ Int32(exactly: $0) }),
            let milliseconds = UInt64(digits: words[1]).flatMap({ Int64(exactly: $0) })
        else { throw usage("needs a status, a number of milliseconds and a command") }
        return .run(
            status: status, milliseconds: milliseconds, command: words[2],
            output: words.count > 3 ? words[3] : [])
    }

    private func fork(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first else { throw usage("needs a name") }
        guard words.count <= 2 else { throw usage("takes a name and a moment, and no more") }
        let moment = words.count > 1 ? try Moment(words[1], now: now) : nil
        return .fork(try workspace(first), moment)
    }

    private func commit(_ words: [[UInt8]]) throws(CommandError) -> Command {
        let (isDryRun, choice, rest) = try choice(words)
        let paths = try paths(rest[...])
        guard !paths.isEmpty else { throw usage("needs paths, or . for all") }
        // The root stands for everything.
        return .commit(
            CommitRequest(paths: paths.contains([]) ? [] : paths, isDryRun: isDryRun, choice: choice))
    }

    private func refresh(_ words: [[UInt8]]) throws(CommandError) -> Command {
        var (isDryRun, choice, rest) = try choice(words)
        let commit = try number("--commit", in: &rest)
        // The root stands for everything, as in: echo . > refresh
        let paths = try paths(rest[...])
        return .refresh(
            RefreshRequest(
                isDryRun: isDryRun, choice: choice, decides: paths.contains([]) ? [] : paths, commit: commit))
    }

    private func merge(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first else { throw usage("needs the name of a workspace") }
        var (isDryRun, choice, rest) = try choice(Array(words.dropFirst()))
        let sequence = try number("--at", in: &rest)
        let paths = try paths(rest[...])
        return .merge(
            MergeRequest(
                into: try workspace(first), isDryRun: isDryRun, choice: choice,
                decides: paths.contains([]) ? [] : paths, sequence: sequence))
    }

    /// Takes an option with a number out of the words.
    private func number(_ option: String, in words: inout [[UInt8]]) throws(CommandError) -> UInt64? {
        guard let index = words.firstIndex(where: { $0.elementsEqual(option.utf8) }) else { return nil }
        guard index + 1 < words.count, let number = UInt64(digits: words[index + 1]) else {
            throw usage("needs a number after \(option)")
        }
        words.removeSubrange(index...(index + 1))
        return number
    }

    private func release(_ words: [[UInt8]]) throws(CommandError) -> Command {
        var (isDryRun, age) = (false, UInt64?.none)
        var rest = words[...]
        while let word = rest.popFirst() {
            switch String(decoding: word, as: UTF8.self) {
            case ".": continue
            case "--dry-run": isDryRun = true
            case "--older-than":
                guard let found = rest.popFirst().flatMap({ Amounts.age($0) }) else {
                    throw usage("needs an age like 0s, 12h or 7d after --older-than")
                }
                age = UInt64(found)
            default: throw usage("takes no \(shown(word))")
            }
        }
        return .release(isDryRun: isDryRun, age: age)
    }

    /// Returns what decides conflicts, and the other words.
    private func choice(
        _ words: [[UInt8]]
    ) throws(CommandError) -> (isDryRun: Bool, choice: ConflictChoice, rest: [[UInt8]]) {
        var (isDryRun, found, rest) = (false, ConflictChoice.refuse, [[UInt8]]())
        for word in words {
            switch String(decoding: word, as: UTF8.self) {
            case "--dry-run": isDryRun = true
            case "--ours", "--theirs":
                let choice: ConflictChoice = word.elementsEqual("--ours".utf8) ? .ours : .theirs
                guard found == .refuse || found == choice else {
                    throw usage("takes one of --ours and --theirs")
                }
                found = choice
            default: rest.append(word)
            }
        }
        return (isDryRun, found, rest)
    }

    // MARK: The list of workspaces

    private func discard(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first else { throw usage("needs a name") }
        if first.elementsEqual("--all-clean".utf8) {
            guard words.count == 1 else { throw usage("--all-clean needs no name") }
            return .discardClean
        }
        let isForGood = first.elementsEqual("--now".utf8)
        var names: [FileName] = []
        for word in words.dropFirst(isForGood ? 1 : 0) { names.append(try workspace(word)) }
        return isForGood ? .remove(names) : .discard(names)
    }

    private func restore(_ words: [[UInt8]]) throws(CommandError) -> Command {
        guard let first = words.first, words.count % 2 == 1 else {
            throw usage("needs a name, and a value for each option")
        }
        let name = try workspace(first)
        var id: UInt16?
        var newName: FileName?
        for at in stride(from: 1, to: words.count, by: 2) {
            switch String(decoding: words[at], as: UTF8.self) {
            case "--id":
                guard let value = UInt64(digits: words[at + 1]).flatMap({ UInt16(exactly: $0) }) else {
                    throw .invalid("\(shown(words[at + 1])) is not the id of a workspace: read discard")
                }
                id = value
            case "--as": newName = try workspace(words[at + 1])
            default: throw usage("has no option \(shown(words[at]))")
            }
        }
        return .restore(name, id: id, newName: newName)
    }

    /// Returns the name of a workspace. A name that begins with a dash is written after ./, as a path is.
    private func workspace(_ word: [UInt8]) throws(CommandError) -> FileName {
        if word.first == Byte.dash {
            throw .invalid(
                "\(file.rawValue) has no option \(shown(word)): write ./ before a name that begins with -")
        }
        let name = word.starts(with: [Byte.dot, Byte.slash]) ? Array(word.dropFirst(2)) : word
        if name.elementsEqual(".draft".utf8) {
            throw .invalid(".draft is the name of the control directory: give another one")
        }
        do throws(Errno) {
            return try FileName(name)
        } catch {
            throw CommandError(error, "\(shown(word)) is not the name of a workspace: read list")
        }
    }
}
