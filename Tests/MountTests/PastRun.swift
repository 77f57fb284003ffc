// PastRun: applies the same steps to a plain directory and a mount, and keeps the state of both at
// earlier moments.

import Glibc
import TestSupport

final class PastRun {
    static let tops = ["t", "u"]
    /// The number of random steps between two commands.
    static let chunk = 50

    /// What happens between two chunks of steps. Kinds that find more bugs are listed more than once.
    enum Interlude {
        case backup, moment, rollback, rollbackPath, undo, clone, edit, kill, remount, lookBack
        case verify
        static let all: [Interlude] = [
            .backup, .moment, .moment, .rollback, .rollback, .rollback, .rollbackPath,
            .rollbackPath, .undo, .clone, .clone, .edit, .kill, .remount, .lookBack,
            .verify,
        ]
    }

    struct Moment {
        /// The word for the moment in commands: the name of a backup, or @ and a number.
        let word: String
        /// Its view below the control directory.
        let view: String
        /// The copy of the plain directory.
        let copy: String
        let snapshot: Snapshot
    }

    let seed: UInt64
    let plain: TemporaryDirectory
    let mount: TestMount
    var random: SeededGenerator
    var generator: OperationGenerator
    var ours: OperationTarget
    var theirs: OperationTarget
    var moments: [Moment] = []
    var momentCount = 0
    var recent: [String] = []

    var now: String { plain("now") }

    init(seed: UInt64, plain: TemporaryDirectory, mount: TestMount) {
        self.seed = seed
        self.plain = plain
        self.mount = mount
        random = SeededGenerator(seed: seed)
        generator = OperationGenerator(seed: seed, tops: Self.tops)
        ours = OperationTarget(root: mount.root)
        theirs = OperationTarget(root: plain("now"))
    }

    func run(chunks: Int) throws {
        try remember(asBackup: true)
        for chunk in 0..<chunks {
            try steps(Self.chunk, "chunk \(chunk)")
            let choice = pick(Interlude.all)
            recent.append("-- \(choice)")
            try perform(choice)
            try compare("chunk \(chunk) and \(choice)")
        }
        try lookBack(count: .max)
        release()
        try verify()
    }

    private func verify() throws {
        let report = try mount.verified()
        try expect(
            report.contains("\"errors\": 0") && report.contains("\"findings\": []"),
            "verify: \(report.suffix(1_500))")
    }

    func steps(
        _ count: Int, _ place: String, where isWanted: (Operation) -> Bool = { _ in true }
    ) throws {
        var left = count
        while left > 0 {
            let operation = generator.next()
            guard isWanted(operation) else { continue }
            left -= 1
            let expected = theirs.apply(operation)
            let found = ours.apply(operation)
            recent.append("\(operation): \(expected)".prefix(300).description)
            if recent.count > 200 { recent.removeFirst(100) }
            if found != expected {
                throw CheckFailure("\(place): the mount answered \(found) at the last step")
            }
        }
    }

    private func perform(_ choice: Interlude) throws {
        switch choice {
        case .backup: try remember(asBackup: true)
        case .moment: try remember(asBackup: false)
        case .rollback: try rollback()
        case .rollbackPath: try rollbackPath()
        case .undo: try undo()
        case .clone: try clone()
        case .edit: for _ in 0..<3 { try edit() }
        case .lookBack: try lookBack(count: 3)
        case .verify: try verify()
        case .kill:
            try mount.kill9()
            release()
            try mount.start()
        case .remount:
            release()
            try mount.remount()
        }
    }

    func release() {
        ours.releaseAll()
        theirs.releaseAll()
    }

    func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
    func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    func compare(_ when: String) throws {
        let (one, two) = (try TreeWalk(now), try TreeWalk(mount.root))
        let differences = one.differences(to: two)
        if !differences.isEmpty {
            let text = differences.joined(separator: "\n")
            throw CheckFailure("plain directory and mount differ after \(when):\n\(text)")
        }
    }

    // MARK: Moments

    /// Makes a backup, or takes the number of the last change, and copies the plain directory.
    func remember(asBackup: Bool) throws {
        momentCount += 1
        let name = "moment \(momentCount)"
        let dirty = try dirtyMappings()
        defer { for map in dirty { munmap(map.start, map.size) } }
        if asBackup { try mount.mustCommand("backup", quoted(Array(name.utf8))) }
        // Both trees show what the mappings hold, but only a backup makes the kernel send it.
        let snapshot = try Snapshot(mount.root)
        if !asBackup { for map in dirty { msync(map.start, map.size, MS_SYNC) } }
        let word = asBackup ? name : "@\(try mount.sequence())"
        let view = asBackup ? "backups/\(name)" : "at/\(word)"
        try ChildProcess.check(["cp", "-a", now, plain(name)])
        recent.append("\(word) is \(name)")
        let moment = Moment(
            word: word, view: mount(".draft/\(view)"), copy: plain(name),
            snapshot: asBackup ? snapshot : try Snapshot(mount.root))
        if moments.count < 6 { return moments.append(moment) }
        let index = below(moments.count)
        try ChildProcess.check(["rm", "-rf", moments[index].copy])
        moments[index] = moment
    }

    /// Makes shared mappings of a file on both sides and writes to them without a sync.
    private func dirtyMappings() throws -> [(start: UnsafeMutableRawPointer, size: Int)] {
        let files = try TreeWalk(now).entries.filter {
            $0.value.mode & S_IFMT == S_IFREG && $0.value.size > 0
        }.keys.sorted { $0.lexicographicallyPrecedes($1) }
        if files.isEmpty { return [] }
        let path = pick(files)
        let fill = random.next()
        return try [now, mount.root].map { root in
            let held = try must("open", open(cPath(path, below: root), O_RDWR | O_CLOEXEC))
            defer { close(held) }
            let size = Int(try status(held).st_size)
            guard let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0),
                map != MAP_FAILED
            else { throw CheckFailure("mmap: \(words(errno))") }
            memcpy(map, bytes(min(size, 9_000), fill: fill), min(size, 9_000))
            return (map, size)
        }
    }

    func lookBack(count: Int) throws {
        for moment in moments.shuffled(using: &random).prefix(count) {
            let found = try Snapshot(moment.view)
            try expectSame(found.walk.entries, moment.snapshot, "the view of \(moment.word)")
            let kept = try TreeWalk(moment.copy).differences(to: found.walk)
            try expect(kept.isEmpty, "the view of \(moment.word) and its copy: \(kept)")
        }
    }

    func expectSame(
        _ found: [[UInt8]: TreeEntry], _ expected: Snapshot, _ what: String
    ) throws {
        let differences = exactDifferences(found, expected.walk.entries)
        if !differences.isEmpty {
            throw CheckFailure("\(what):\n" + differences.joined(separator: "\n"))
        }
    }
}
