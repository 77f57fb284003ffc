// SimulatedDiskState: the files of a simulated disk: their current content, what certainly survives a
// power cut, and the changes in between, in order. Each file and each directory keeps its own changes, so
// that changes of different files may become durable in any order.

internal import Platform

/// One change of a file that is not durable yet.
enum PendingChange: Sendable {
    case write(at: Int, [UInt8])
    case truncate(to: Int)

    /// The file length that the change needs.
    var end: Int {
        switch self {
        case .write(let offset, let data): offset + data.count
        case .truncate(let length): length
        }
    }

    func apply(to bytes: inout [UInt8]) {
        switch self {
        case .write(let offset, let data):
            if data.isEmpty { return }
            if bytes.count < offset + data.count {
                bytes.append(contentsOf: repeatElement(0, count: offset + data.count - bytes.count))
            }
            bytes.replaceSubrange(offset..<(offset + data.count), with: data)
        case .truncate(let length):
            if bytes.count > length {
                bytes.removeLast(bytes.count - length)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: length - bytes.count))
            }
        }
    }
}

struct SimulatedNode: Sendable {
    let isDirectory: Bool
    var live: [UInt8] = []
    var durable: [UInt8] = []
    var pending: [PendingChange] = []
    var names: [String: Int] = [:]
    var durableNames: [String: Int] = [:]
    /// Each change happens whole: names with the nodes they lead to, nil for a removed name.
    var pendingNames: [[String: Int?]] = []

    mutating func change(_ change: PendingChange) {
        change.apply(to: &live)
        pending.append(change)
    }

    mutating func rename(_ changes: [String: Int?]) {
        for (name, node) in changes { names[name] = node }
        pendingNames.append(changes)
    }

    mutating func synchronize() {
        durable = live
        pending = []
        durableNames = names
        pendingNames = []
    }
}

/// The result of a call.
enum CallFate {
    case proceed
    case fail(Errno)
    case stop
}

struct SimulatedDiskState: Sendable {
    static let root = 0
    var nodes: [Int: SimulatedNode] = [root: SimulatedNode(isDirectory: true)]
    var nextNode = 1
    var generator: SeededGenerator
    /// The number of calls so far that change something.
    var changes = 0
    /// The number of all calls so far.
    var calls = 0
    var plan: SimulatedDisk.Plan?
    var isStopped = false
    /// The number of times that the file system was mounted.
    var mounts = 1
    var syncs = 0
    var syncFailure: Errno?

    /// Counts a sync and throws a planned failure before the sync does anything.
    mutating func beginSync() throws(Errno) {
        syncs += 1
        if let syncFailure { throw syncFailure }
    }

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func fate(isChange: Bool) -> CallFate {
        if isStopped { return .fail(.inputOutput) }
        calls += 1
        if isChange { changes += 1 }
        guard var current = plan, isChange || current.countsReads else { return .proceed }
        defer { plan = current.times > 0 ? current : nil }
        if current.callsBefore > 0 {
            current.callsBefore -= 1
            return .proceed
        }
        current.times -= 1
        guard let errno = current.errno else {
            isStopped = true
            return .stop
        }
        return .fail(errno)
    }

    /// Begins a call that happens whole or not at all.
    /// - Returns: false if the call takes effect and the disk stops then.
    mutating func begin(isChange: Bool = true) throws(Errno) -> Bool {
        switch fate(isChange: isChange) {
        case .proceed: return true
        case .fail(let errno): throw errno
        case .stop:
            guard Bool.random(using: &generator) else { throw .inputOutput }
            return false
        }
    }

    // MARK: Paths

    func node(_ path: String) -> Int? {
        var current = Self.root
        for name in path.split(separator: "/") {
            guard let next = nodes[current]?.names[String(name)] else { return nil }
            current = next
        }
        return current
    }

    func parent(_ path: String) throws(Errno) -> (node: Int, name: String) {
        let parts = path.split(separator: "/")
        guard let last = parts.last else { throw .invalid }
        guard let parent = node(parts.dropLast().joined(separator: "/")),
            nodes[parent]?.isDirectory == true
        else { throw .noEntry }
        return (parent, String(last))
    }

    mutating func add(_ node: SimulatedNode, _ name: String, in parent: Int) -> Int {
        let number = nextNode
        nextNode += 1
        nodes[number] = node
        nodes[parent]?.rename([name: number])
        return number
    }

    // MARK: State after a kill or a power cut

    func copy(seed: UInt64, _ change: (inout SimulatedNode) -> Void) -> SimulatedDiskState {
        var copy = SimulatedDiskState(seed: seed)
        copy.nextNode = nextNode
        copy.mounts = mounts
        // In the order of their numbers, so that one seed gives one result.
        for number in nodes.keys.sorted() {
            guard var node = nodes[number] else { continue }
            change(&node)
            node.durable = node.live
            node.pending = []
            node.durableNames = node.names
            node.pendingNames = []
            copy.nodes[number] = node
        }
        return copy
    }

    func afterPowerCut(seed: UInt64) -> SimulatedDiskState {
        var random = SeededGenerator(seed: seed)
        var cut = copy(seed: seed) { node in
            node.names = node.durableNames
            let names = Int.random(in: 0...node.pendingNames.count, using: &random)
            for change in node.pendingNames.prefix(names) {
                for (name, number) in change { node.names[name] = number }
            }
            if Bool.random(using: &random) {
                node.keepPrefix(&random)
            } else {
                node.keepSectors(&random)
            }
        }
        cut.mounts += 1
        return cut
    }
}

extension SimulatedNode {
    /// Applies a power cut to a file whose writes reach the disk in order.
    fileprivate mutating func keepPrefix(_ random: inout SeededGenerator) {
        live = durable
        let count = Int.random(in: 0...pending.count, using: &random)
        for change in pending.prefix(count) { change.apply(to: &live) }
        guard count < pending.count, case .write(let at, let data) = pending[count]
        else { return }
        // Some sectors of the write in progress are there, sometimes with a length beyond them.
        let sector = Bool.random(using: &random) ? 512 : 4096
        let first = at / sector
        let last = (at + data.count) / sector
        let kept = Int.random(in: first...(last + 1), using: &random) * sector
        let end = min(max(kept - at, 0), data.count)
        PendingChange.write(at: at, Array(data[..<end])).apply(to: &live)
        if Int.random(in: 0..<4, using: &random) == 0, live.count < at + data.count {
            PendingChange.truncate(to: at + data.count).apply(to: &live)
        }
    }

    /// Applies a power cut to a file whose sectors reach the disk in any order: each sector, and the
    /// length, has the state after a random number of changes.
    fileprivate mutating func keepSectors(_ random: inout SeededGenerator) {
        let sector = Bool.random(using: &random) ? 512 : 4096
        var bytes = durable
        var kept: [Int: ArraySlice<UInt8>] = [:]
        let longest = pending.reduce(durable.count) { max($0, $1.end) }
        let sectors = (longest + sector - 1) / sector
        // Often all sectors but a few have the same state, so that the others matter.
        let usual = Int.random(in: 0...pending.count, using: &random)
        let moments = (0..<sectors).map { _ in
            Bool.random(using: &random) ? usual : Int.random(in: 0...pending.count, using: &random)
        }
        let lengthMoment = Int.random(in: 0...pending.count, using: &random)
        var length = durable.count
        for moment in 0...pending.count {
            if moment > 0 { pending[moment - 1].apply(to: &bytes) }
            if moment == lengthMoment { length = bytes.count }
            for (index, own) in moments.enumerated() where own == moment {
                let start = min(index * sector, bytes.count)
                kept[index] = bytes[start..<min(start + sector, bytes.count)]
            }
        }
        live = [UInt8](repeating: 0, count: length)
        for (index, part) in kept where index * sector < length {
            let part = part.prefix(length - index * sector)
            live.replaceSubrange(index * sector..<(index * sector + part.count), with: part)
        }
    }
}
