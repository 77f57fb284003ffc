// draftfs log: shows the history of a workspace in steps: the changes of one process, or of processes of one
// name, that follow each other without a long pause.

import ArgumentParser
import Control
import Platform

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the steps of a workspace: what each process did, and when.",
        discussion: """
            A step has the changes of processes of one name that follow each other with pauses of at most \
            --pause seconds. draftfs history shows each change by itself; rollback @N goes back to before \
            the step that begins with N + 1.
            """)

    @Argument(help: "Only changes of this file, or of files below this directory.", completion: .file())
    var path: String?

    @Option(help: ArgumentHelp("Show at most the last N steps; 0 for all.", valueName: "n"))
    var limit = 20

    @Option(help: ArgumentHelp("The longest pause within a step, in seconds.", valueName: "seconds"))
    var pause = 10

    @Option(help: ArgumentHelp("Show at most N paths of each step; 0 for all.", valueName: "n"))
    var paths = 3

    @OptionGroup var workspace: WorkspaceOptions

    /// The changes that are read at once, and at most, for the last steps.
    private static let firstChanges = 4_096
    private static let mostChanges = 1 << 20

    func validate() throws {
        if limit < 0 || pause < 0 || paths < 0 {
            throw ValidationError("--limit, --pause and --paths cannot be negative")
        }
    }

    func run() throws {
        let place = try workspace.place(path.map { [$0] } ?? [])
        let prefix = try path.map { path throws(Failure) in try place.path(path) }
            .flatMap { $0 == "/" ? nil : $0 }
        let newest = JSONValue(parsing: try place.bytes("status"))?["sequence"]?.unsigned
        var steps: [LogStep] = []
        var count = limit == 0 ? Int.max : Self.firstChanges
        while true {
            let items = try HistoryCommand.collect(limit: count, prefix: prefix, newest: newest, in: place)
            steps = LogStep.steps(items.map(\.value), pause: Int64(pause) * 1_000_000_000)
            // The first of the steps may have begun before the changes that were read.
            let isWhole = items.count < count
            if isWhole || steps.count > limit || count >= Self.mostChanges {
                if !isWhole, steps.count > 1 { steps.removeFirst() }
                break
            }
            count *= 8
        }
        if limit > 0 { steps = Array(steps.suffix(limit)) }
        let most = paths == 0 ? Int.max : paths
        if workspace.json {
            for step in steps { print(step.json(atMost: most).line) }
        } else if !steps.isEmpty {
            let head = ["SEQUENCE", "TIME", "LASTED", "PROCESS", "CHANGES", "PATHS"]
            printText(Text.table([head] + steps.map { $0.row(atMost: most) }, right: [0, 2]))
        }
    }
}

/// A step: changes that belong together.
struct LogStep {
    private(set) var first: UInt64
    private(set) var last: UInt64
    /// Nanoseconds since 1970.
    private(set) var begin: Int64
    private(set) var end: Int64
    private let name: String
    private var processes: [UInt64] = []
    private var operations: [(name: String, count: Int)] = []
    /// In the order of their first change.
    private(set) var paths: [String] = []
    private var known: Set<String> = []
    private(set) var changes = 0

    private init(_ item: JSONValue, _ time: Int64) {
        first = item["seq"]?.unsigned ?? 0
        last = first
        (begin, end) = (time, time)
        name = item["comm"]?.text ?? ""
    }

    /// Joins changes, the oldest first, to steps.
    /// - Parameter pause: the longest pause within a step, in nanoseconds.
    static func steps(_ items: [JSONValue], pause: Int64) -> [LogStep] {
        var steps: [LogStep] = []
        for item in items {
            let time = item["time"]?.text.flatMap { ISOTime.time($0.utf8) } ?? 0
            if let step = steps.last, step.name == item["comm"]?.text ?? "",
                time.subtracting(clamping: step.end) <= pause {
                steps[steps.count - 1].add(item, time)
            } else {
                steps.append(LogStep(item, time))
                steps[steps.count - 1].add(item, time)
            }
        }
        return steps
    }

    private mutating func add(_ item: JSONValue, _ time: Int64) {
        changes += 1
        last = item["seq"]?.unsigned ?? last
        end = max(end, time)
        if let pid = item["pid"]?.unsigned, !processes.contains(pid), processes.count < 64 {
            processes.append(pid)
        }
        let operation = item["op"]?.text ?? ""
        if let index = operations.firstIndex(where: { $0.name == operation }) {
            operations[index].count += 1
        } else {
            operations.append((operation, 1))
        }
        for path in [item["old_path"]?.text, item["path"]?.text].compactMap({ $0 })
        where !path.isEmpty && known.insert(path).inserted {
            paths.append(path)
        }
    }

    func json(atMost most: Int) -> JSONValue {
        .members([
            "from": .integer(first), "to": .integer(last), "time": .text(ISOTime.text(begin)),
            "until": .text(ISOTime.text(end)), "comm": .text(name),
            "pids": .list(processes.map { .integer($0) }),
            "changes": .integer(changes),
            "operations": .object(operations.map { .init(key: $0.name, value: .integer($0.count)) }),
            "path_count": .integer(paths.count), "paths": .list(paths.prefix(most).map { .text($0) }),
        ])
    }

    func row(atMost most: Int) -> [String] {
        let process = processes.count == 1 ? "[\(processes[0])]" : " (\(processes.count) processes)"
        var shown = paths.prefix(most).map(Text.printable).joined(separator: ", ")
        if paths.count > most { shown += ", and \(paths.count - most) more" }
        let work = operations.sorted { $0.count > $1.count }.prefix(6).map { "\($0.count) \($0.name)" }
        return [
            first == last ? "\(first)" : "\(first)..\(last)", Text.short(ISOTime.text(begin)),
            Text.decimal(Double(end - begin) / 1e9) + " s", Text.printable(name) + process,
            work.joined(separator: ", "), shown,
        ]
    }
}
