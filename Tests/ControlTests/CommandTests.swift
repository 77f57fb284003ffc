// CommandTests: tests how the commands of each control file are parsed, and the errors of invalid commands.

import Control
import Overlay
import Past
import Platform
import Testing

@Suite("Commands")
struct CommandTests {
    typealias Good = (file: CommandFile, written: String, commands: [Command])
    typealias Bad = (file: CommandFile, written: String, says: String)

    static let long = String(repeating: "n", count: 256)

    static let good: [Good] = [
        (.backup, "one\n", [.backup(name("one"), comment: [])]),
        (.backup, "one two  'three  x'", [.backup(name("one"), comment: bytes("two three  x"))]),
        (.backup, "one --delete", [.backup(name("one"), comment: bytes("--delete"))]),
        (.backup, "a\nb c\n", [
            .backup(name("a"), comment: []), .backup(name("b"), comment: bytes("c")),
        ]),
        (.backup, "workspace:x", [.backup(name("workspace:x"), comment: [])]),
        (.backup, "--delete one", [.deleteBackup(name("one"))]),
        (.backup, "'--delete' one", [.deleteBackup(name("one"))]),
        (.backup, "--rename 'one 1' two", [.renameBackup(name("one 1"), to: name("two"))]),
        (.rollback, "one", [.rollback(.backup(name("one")), keepsTimes: false, paths: [])]),
        (.rollback, "@17 --times", [.rollback(.sequence(17), keepsTimes: true, paths: [])]),
        (.rollback, "@17 a /b/../c --times", [
            .rollback(.sequence(17), keepsTimes: true, paths: [bytes("a"), bytes("c")]),
        ]),
        (.rollback, "@17 ./--times /", [
            .rollback(.sequence(17), keepsTimes: false, paths: [bytes("--times"), []]),
        ]),
        (.rollback, "-10m", [
            .rollback(.time(noon - 600_000_000_000), keepsTimes: false, paths: []),
        ]),
        (.undo, "\n", [.undo(1, paths: [])]),
        (.undo, "3", [.undo(3, paths: [])]),
        (.undo, "3 a 4", [.undo(3, paths: [bytes("a"), bytes("4")])]),
        (.undo, "./3", [.undo(1, paths: [bytes("3")])]),
        (.undo, "a b", [.undo(1, paths: [bytes("a"), bytes("b")])]),
        (.undo, "3a", [.undo(1, paths: [bytes("3a")])]),
        (.clone, "src /dst/x/", [.clone(bytes("src"), to: bytes("dst/x"))]),
        (.verify, "\n", [.verify(paths: [])]),
        (.verify, "a 'b c'", [.verify(paths: [bytes("a"), bytes("b c")])]),
        (.limits, "bytes 10G\nfiles 1000", [
            .limit(.bytes, .value(10 << 30)), .limit(.files, .value(1000)),
        ]),
        (.limits, "file-size 1k", [.limit(.fileSize, .value(1024))]),
        (.limits, "memory none", [.limit(.memory, .none)]),
        (.limits, "large-file 0", [.limit(.largeFile, .value(0))]),
        (.limits, "retention 2w", [.limit(.retention, .value(1_209_600_000_000_000))]),
        (.drift, "accept a/b", [.acceptDrift(bytes("a/b"))]),
        (.drift, "drop ./-x", [.dropDrift(bytes("-x"))]),
        (.drift, "theirs a", [.dropDrift(bytes("a"))]),
        (.drift, "ours a", [.keepOurs(bytes("a"), over: nil)]),
        (.drift, "ours a 1-2-3-4", [.keepOurs(bytes("a"), over: bytes("1-2-3-4"))]),
        (.refresh, ".", [.refresh(RefreshRequest())]),
        (.refresh, "--dry-run --ours\n", [.refresh(RefreshRequest(isDryRun: true, choice: .ours))]),
        (.refresh, "\n", [.refresh(RefreshRequest())]),
        (.refresh, "--ours --commit 7 /a b", [
            .refresh(
                RefreshRequest(choice: .ours, decides: [bytes("a"), bytes("b")], commit: 7)),
        ]),
        (.discard, "one 'two 2' ./-x", [.discard([name("one"), name("two 2"), name("-x")])]),
        (.discard, "one\ntwo", [.discard([name("one")]), .discard([name("two")])]),
        (.discard, "--now", [.remove([])]),
        (.discard, "--now one two", [.remove([name("one"), name("two")])]),
        (.discard, "--all-clean", [.discardClean]),
        (.run, "3 1500 'make test' 'a\nb'", [
            .run(status: 3, milliseconds: 1_500, command: bytes("make test"), output: bytes("a\nb")),
        ]),
        (.run, "0 0 true", [.run(status: 0, milliseconds: 0, command: bytes("true"), output: [])]),
        (.restore, "one", [.restore(name("one"), id: nil, newName: nil)]),
        (.fork, "two", [.fork(name("two"), nil)]),
        (.fork, "./-x kept", [.fork(name("-x"), .backup(name("kept")))]),
        (.fork, "two @7", [.fork(name("two"), .sequence(7))]),
        (.gc, ".", [.release(isDryRun: false, age: nil)]),
        (.gc, "--older-than 0s --dry-run", [.release(isDryRun: true, age: 0)]),
        (.merge, "two", [.merge(MergeRequest(into: name("two")))]),
        (.merge, "./-x --dry-run --ours --at 7 /a b", [
            .merge(
                MergeRequest(
                    into: name("-x"), isDryRun: true, choice: .ours, decides: [bytes("a"), bytes("b")],
                    sequence: 7)),
        ]),
        (.merge, "two --theirs .", [.merge(MergeRequest(into: name("two"), choice: .theirs))]),
        (.commit, ".", [.commit(CommitRequest())]),
        (.commit, "a .", [.commit(CommitRequest())]),
        (.commit, "--theirs /a b", [
            .commit(CommitRequest(paths: [bytes("a"), bytes("b")], choice: .theirs)),
        ]),
        (.commit, "a --dry-run", [.commit(CommitRequest(paths: [bytes("a")], isDryRun: true))]),
        (.restore, "one --as two --id 7", [.restore(name("one"), id: 7, newName: name("two"))]),
    ]

    @Test(arguments: good)
    func `A command is understood`(row: Good) {
        let result = read(row.written, row.file)
        #expect(result.error == nil, "\(row.written): \(result.error?.description ?? "")")
        #expect(result.commands == row.commands, "\(row.written)")
    }

    static let bad: [Bad] = [
        (.backup, "\n", "needs a name"),
        (.backup, "''", "is empty"),
        (.discard, "\n", "needs a name"),
        (.discard, "--all-clean one", "needs no name"),
        (.discard, "one --now", "no option"),
        (.discard, "a/b", "not the name of a workspace"),
        (.discard, "..", "not the name of a workspace"),
        (.run, "0 true", "needs a status"),
        (.run, "-1 0 true", "needs a status"),
        (.run, "0 1.5 true", "needs a status"),
        (.run, "4294967296 0 true", "needs a status"),
        (.run, "0 0 make test out", "needs a status"),
        (.fork, "\n", "needs a name"),
        (.fork, "a/b", "not the name of a workspace"),
        (.fork, "two @x", "not a moment"),
        (.fork, "one two three", "and no more"),
        (.gc, "--older-than", "needs an age"),
        (.gc, "--older-than x", "needs an age"),
        (.gc, "one", "takes no"),
        (.merge, "\n", "needs the name"),
        (.merge, "a/b", "not the name of a workspace"),
        (.merge, "two --at x", "needs a number"),
        (.merge, "two --ours --theirs", "one of --ours and --theirs"),
        (.commit, "\n", "needs paths"),
        (.commit, "--ours", "needs paths"),
        (.commit, "--ours --theirs a", "one of --ours and --theirs"),
        (.commit, "--force a", "no option"),
        (.restore, "\n", "needs a name"),
        (.restore, "one --as .draft", "name of the control directory"),
        (.restore, "one two", "a value for each option"),
        (.restore, "one --as", "a value for each option"),
        (.restore, "one --id 70000", "not the id of a workspace"),
        (.restore, "one --to two", "no option"),
        (.backup, "@1", "may not begin with"),
        (.backup, "-x", "may not begin with"),
        (.backup, ".x", "may not begin with"),
        (.backup, "a/b", "neither / nor control"),
        (.backup, "a..b", "two dots in a row"),
        (.backup, "'a\nb'", "neither / nor control"),
        (.backup, "a\u{7f}", "neither / nor control"),
        (.backup, "--delete", "--delete needs one name"),
        (.backup, "--delete a b", "--delete needs one name"),
        (.backup, "--delete @1", "may not begin with"),
        (.backup, "--rename a", "--rename needs two names"),
        (.backup, "--rename a b c", "--rename needs two names"),
        (.backup, "--rename a .b", "may not begin with"),
        (.backup, "--other a", "may not begin with"),
        (.rollback, "\n", "needs a moment"),
        (.rollback, "''", "is empty"),
        (.rollback, "--times", "is not an age"),
        (.rollback, "one --tims", "has no option \"--tims\""),
        (.rollback, "one ../x", "leaves the workspace"),
        (.rollback, "one ''", "a path is empty"),
        (.rollback, "@x", "is not a moment"),
        (.undo, "0", "from one to as many as there are"),
        (.undo, "99999999999999999999999", "from one to as many as there are"),
        (.undo, "18446744073709551615", "from one to as many as there are"),
        (.undo, "-3", "has no option"),
        (.undo, "2 ..", "leaves the workspace"),
        (.clone, "a", "needs two paths, not 1"),
        (.clone, "a b c", "needs two paths, not 3"),
        (.clone, "\n", "needs two paths, not 0"),
        (.clone, "-r a", "has no option"),
        (.verify, "--all", "has no option"),
        (.limits, "\n", "needs a key and a value"),
        (.limits, "bytes", "needs a key and a value"),
        (.limits, "bytes 1 2", "needs a key and a value"),
        (.limits, "byte 1", "there is no limit \"byte\""),
        (.limits, "bytes 1X", "a size like"),
        (.limits, "bytes -1", "a size like"),
        (.limits, "bytes 99999999T", "a size like"),
        (.limits, "files 1K", "a whole number"),
        (.limits, "files 9223372036854775808", "a whole number"),
        (.limits, "retention 5", "an age like"),
        (.limits, "retention 99999w", "an age like"),
        (.limits, "memory NONE", "a size like"),
        (.drift, "\n", "needs a verb and a path"),
        (.drift, "accept", "needs a verb and a path"),
        (.drift, "accept a b", "needs a verb and a path"),
        (.drift, "keep a", "has no verb \"keep\""),
        (.drift, "drop ../a", "leaves the workspace"),
        (.refresh, "'", "not closed"),
    ]

    @Test(arguments: bad)
    func `A command that is wrong says why`(row: Bad) {
        expectFailure(row.written, row.file, says: row.says)
    }

    @Test func `Names that are too long are ENAMETOOLONG`() {
        expectFailure(Self.long, .backup, .nameTooLong, says: "256 bytes")
        expectFailure("a b/\(Self.long)", .clone, .nameTooLong, says: "256 bytes")
        let longest = String(repeating: "n", count: 255)
        #expect(read(longest, .backup).commands == [.backup(name(longest), comment: [])])
    }

    @Test func `Commands before a mistake are done, and those after it are not read`() {
        let result = read("a\n@b\nc\n", .backup)
        #expect(result.commands == [.backup(name("a"), comment: [])])
        #expect(result.error?.errno == .invalid)
    }

    static let paths: [(word: String, path: String?)] = [
        ("a", "a"), ("/", ""), (".", ""), ("./", ""), ("//", ""), ("a/..", ""), ("/a", "a"),
        ("//a//b/", "a/b"), ("./a/./b", "a/b"), ("a/../b", "b"), ("a/b/../../c", "c"),
        ("..a/...", "..a/..."), (" ", " "), ("a\nb", "a\nb"),
        ("", nil), ("..", nil), ("/..", nil), ("a/../..", nil), ("a/../../a", nil), ("../a", nil),
        ("a\0", nil),
    ]

    @Test(arguments: paths)
    func `Paths begin at the root of the workspace and stay in it`(
        row: (word: String, path: String?)
    ) {
        let path = try? CommandPath.normalise(bytes(row.word))
        #expect(path == row.path.map(bytes), "\(row.word)")
    }

    @Test func `Each file says what may be written to it`() {
        for file in CommandFile.allCases {
            let usage = text(StateTexts.usage(file))
            #expect(usage.contains(file.syntax) && usage.hasSuffix("\n"))
            #expect(usage.split(separator: "\n").count == 1)
        }
    }
}
