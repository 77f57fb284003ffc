// FuzzTests: tests that random bytes never trap the parsers of commands, and that each parsed command is
// valid.

import Control
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite("Random bytes as commands")
struct FuzzTests {
    /// Parts of valid commands, which get deeper into the parsers than random bytes.
    private static let pieces: [[UInt8]] = [
        "--delete ", "--rename ", "--times ", "@", "@2026-01-31", "T12:00:00", "Z", "+01:00", "-10m", "..",
        "/", "./", "'", "\"", "\\", "\n", " ", "\0", "none", "bytes ", "accept ", "drop ", "3 ",
        "{\"path\":\"a\",\"edits\":[", "{\"at\":", "\"end\"", ",\"delete\":", ",\"insert\":\"", "\"}",
        "]}", "\\u", "\\ud83d", "0000", "\"insert_base64\":\"QUJD\"", "{}", ",", "[", "99999999999999999999",
        "diff.", "workspace:", "history.",
    ].map(bytes)

    private static func sample(_ random: inout SeededGenerator) -> [UInt8] {
        var result: [UInt8] = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: result.append(UInt8.random(in: 0...255, using: &random))
            case 1: result.append(UInt8.random(in: 0x20...0x7e, using: &random))
            default: result += pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }
        }
        return result
    }

    /// Returns a valid edit with a few bytes changed, removed or doubled.
    private static func mutant(_ random: inout SeededGenerator) -> [UInt8] {
        var result = bytes(
            #"{"path":"a/b","edits":[{"at":1,"delete":2,"insert":"\u0000\ud83d\ude00"},"#
                + #"{"at":"end","insert_base64":"QUJD"}]} {"path":"c","edits":[{"at":7,"delete":1}]}"#)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<result.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: result[place] = UInt8.random(in: 0...255, using: &random)
            case 1: result.remove(at: place)
            case 2: result.insert(result[place], at: place)
            default: result.removeSubrange(place...)
            }
            if result.isEmpty { break }
        }
        return result
    }

    @Test func `Random bytes never trap, and what is understood keeps its promises`() {
        let seeds = TestSeeds.list("random bytes as commands")
        let steps = 10_000
        var generators = seeds.map(\.generator)
        var understood = 0
        for step in 0..<steps {
            // The seeds take turns, each for 8 steps.
            let seed = seeds[step / 8 % seeds.count]
            var random = generators[step / 8 % seeds.count]
            defer { generators[step / 8 % seeds.count] = random }
            let written = step % 4 == 0 ? Self.mutant(&random) : Self.sample(&random)
            let files = step % 4 == 0 ? [.edit] : CommandFile.allCases
            for file in files where file != .edit || step % 8 < 5 {
                let result = read(written, file)
                understood += result.commands.count
                for command in result.commands where !Self.isSound(command) {
                    Issue.record("\(seed), step \(step): \(written) is \(command)")
                }
                let sentence = result.error?.description
                if sentence?.contains(where: \.isNewline) == true || sentence == "" {
                    Issue.record("\(seed), step \(step): \(sentence ?? "")")
                }
            }
            _ = Moment(nameInAt: FileName(trusted: written), now: noon)
            _ = DiffGround(controlFile: FileName(trusted: written), now: .min)
            _ = HistoryName.sequence(controlFile: FileName(trusted: written))
            _ = ISOTime.time(written)
            _ = Amounts.size(written)
            _ = Amounts.age(written)
            _ = DiffText.quoted(written)
            _ = try? JSONReader.string(written)
        }
        #expect(understood > 5_000, "too few commands were understood")
    }

    private static func isSound(_ command: Command) -> Bool {
        switch command {
        case .backup(let name, let comment):
            return isSound(name) && !comment.contains(0)
        case .deleteBackup(let name): return isSound(name)
        case .renameBackup(let name, let newName): return isSound(name) && isSound(newName)
        case .rollback(_, _, let paths), .verify(let paths): return paths.allSatisfy(isSoundPath)
        case .undo(let count, let paths): return count > 0 && paths.allSatisfy(isSoundPath)
        case .clone(let source, let target): return isSoundPath(source) && isSoundPath(target)
        case .acceptDrift(let path), .dropDrift(let path), .keepOurs(let path, _):
            return isSoundPath(path)
        case .limit(_, .value(let value)): return value <= UInt64(Int64.max)
        case .limit, .refresh, .discardClean: return true
        case .release(_, let age): return age ?? 0 <= UInt64(Int64.max)
        case .run(let status, let milliseconds, let command, let output):
            return status >= 0 && milliseconds >= 0 && !command.contains(0) && !output.contains(0)
        case .discard(let names): return !names.isEmpty && names.allSatisfy(isSoundName)
        case .remove(let names): return names.allSatisfy(isSoundName)
        case .fork(let name, _): return isSoundName(name)
        case .commit(let request): return request.paths.allSatisfy { !$0.isEmpty && isSoundPath($0) }
        case .merge(let request):
            return isSoundName(request.target) && request.decides.allSatisfy(isSoundPath)
        case .restore(let name, _, let newName): return isSoundName(name) && isSoundName(newName ?? name)
        case .edit(let path, let splices):
            var end: UInt64 = 0
            for splice in splices {
                if splice.offset < end { return false }
                if splice.offset != Splice.end { end = splice.offset + splice.delete }
            }
            return isSoundPath(path) && !splices.isEmpty && end <= UInt64(Int64.max)
        }
    }

    private static func isSound(_ name: FileName) -> Bool {
        (try? FileName(name.bytes)) != nil && !bytes("@-.").contains(name.bytes[0])
            && name.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }

    /// Returns whether a workspace can have the name.
    private static func isSoundName(_ name: FileName) -> Bool { (try? FileName(name.bytes)) != nil }

    /// Returns whether the path is normalised: it is empty, or each of its parts is a valid name.
    private static func isSoundPath(_ path: [UInt8]) -> Bool {
        path.isEmpty
            || path.split(separator: 0x2f, omittingEmptySubsequences: false)
                .allSatisfy { (try? FileName(Array($0))) != nil }
    }
}
