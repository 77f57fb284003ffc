// SimulatedDisk: a Disk in memory that can fail a call, stop between two calls as at a kill of the
// process, and lose power. Bytes are durable once they are synced, names once their directory is synced.
// All randomness comes from seeds.

package import Platform
internal import Synchronization

package final class SimulatedDisk: Disk {
    /// The planned failure of a later call.
    package struct Plan: Sendable {
        /// The number of calls that succeed before.
        package var callsBefore: Int
        /// The error of the call; nil stops the disk in the middle of it.
        package var errno: Errno?
        /// The number of calls in a row that fail.
        package var times = 1
        /// Whether calls that change nothing are counted too.
        package var countsReads = false

        package init(
            callsBefore: Int, errno: Errno?, times: Int = 1, countsReads: Bool = false
        ) {
            self.callsBefore = callsBefore
            self.errno = errno
            self.times = times
            self.countsReads = countsReads
        }
    }

    fileprivate let state: Mutex<SimulatedDiskState>
    private let syncHook = Mutex<(@Sendable () -> Void)?>(nil)

    package init(seed: UInt64) { state = Mutex(SimulatedDiskState(seed: seed)) }

    private init(_ state: SimulatedDiskState) { self.state = Mutex(state) }

    // MARK: Events

    package func set(_ plan: Plan?) { state.withLock { $0.plan = plan } }

    /// Whether a planned failure or stop has not happened yet.
    package var isPlanOpen: Bool { state.withLock { $0.plan != nil } }
    /// Makes each sync fail with an error from now on; nil ends this.
    package func failSyncs(_ errno: Errno?) { state.withLock { $0.syncFailure = errno } }
    /// Calls `body` once, at the beginning of the next sync of a file.
    package func beforeNextSync(_ body: @escaping @Sendable () -> Void) {
        syncHook.withLock { $0 = body }
    }
    fileprivate func willSynchronize() {
        let body = syncHook.withLock { hook in
            defer { hook = nil }
            return hook
        }
        body?()
    }
    /// The number of syncs that were requested so far, of files, directories and the whole disk.
    package var syncs: Int { state.withLock { $0.syncs } }
    package var isStopped: Bool { state.withLock { $0.isStopped } }
    /// The number of calls so far that change something.
    package var changes: Int { state.withLock { $0.changes } }
    /// The number of all calls so far.
    package var calls: Int { state.withLock { $0.calls } }

    /// Returns the disk as the next process finds it after this one was killed.
    /// - Parameter remounted: whether it is reached through another mount, as in another container.
    package func afterKill(seed: UInt64 = 0, remounted: Bool = false) -> SimulatedDisk {
        let state = state.withLock { $0 }
        var copy = state.copy(seed: seed) { _ in }
        if remounted { copy.mounts += 1 }
        return SimulatedDisk(copy)
    }

    /// Returns the disk as the next process finds it. A later power cut may still discard pending
    /// changes.
    package func afterKillKeepingPending() -> SimulatedDisk {
        SimulatedDisk(state.withLock { $0 })
    }

    /// Returns the disk after a power cut: what was synced, and a random part of the rest. The boot is
    /// the same, as when only the disk lost power, and its file system is mounted again.
    package func afterPowerCut(seed: UInt64) -> SimulatedDisk {
        let state = state.withLock { $0 }
        return SimulatedDisk(state.afterPowerCut(seed: seed))
    }

    // MARK: Access without the store

    package func contents(of path: String) -> [UInt8]? {
        state.withLock { state in state.node(path).flatMap { state.nodes[$0]?.live } }
    }

    /// Changes a file's bytes durably. Does nothing if the file does not exist.
    package func setContents(of path: String, to bytes: [UInt8]) {
        state.withLock { state in
            guard let node = state.node(path) else { return }
            state.nodes[node]?.live = bytes
            state.nodes[node]?.synchronize()
        }
    }

    // MARK: Disk

    package func open(_ path: String, _ mode: DiskOpenMode) throws(Errno) -> any DiskFile {
        let node = try state.withLock { (state) throws(Errno) -> Int in
            if let known = state.node(path) {
                _ = try state.begin(isChange: false)
                guard state.nodes[known]?.isDirectory == false else { throw .isDirectory }
                if mode == .createNew { throw .exists }
                return known
            }
            guard mode == .create || mode == .createNew else {
                _ = try state.begin(isChange: false)
                throw .noEntry
            }
            let goesOn = try state.begin()
            let (parent, name) = try state.parent(path)
            let number = state.add(SimulatedNode(isDirectory: false), name, in: parent)
            if !goesOn { throw .inputOutput }
            return number
        }
        return SimulatedFile(self, node)
    }

    package func makeDirectory(_ path: String) throws(Errno) {
        try change { (state) throws(Errno) in
            let (parent, name) = try state.parent(path)
            if state.nodes[parent]?.names[name] != nil { throw .exists }
            _ = state.add(SimulatedNode(isDirectory: true), name, in: parent)
        }
    }

    package func rename(_ old: String, to new: String) throws(Errno) {
        try change { (state) throws(Errno) in
            let (oldParent, oldName) = try state.parent(old)
            let (newParent, newName) = try state.parent(new)
            guard let node = state.nodes[oldParent]?.names[oldName] else { throw .noEntry }
            if let there = state.node(new), state.nodes[there]?.names.isEmpty == false {
                throw .notEmpty
            }
            if oldParent == newParent {
                state.nodes[oldParent]?.rename([oldName: nil, newName: node])
            } else {
                state.nodes[newParent]?.rename([newName: node])
                state.nodes[oldParent]?.rename([oldName: nil])
            }
        }
    }

    package func remove(_ path: String) throws(Errno) {
        try change { (state) throws(Errno) in
            guard let node = state.node(path) else { throw .noEntry }
            guard state.nodes[node]?.names.isEmpty == true else { throw .notEmpty }
            let (parent, name) = try state.parent(path)
            state.nodes[parent]?.rename([name: nil])
        }
    }

    package func removeTree(_ path: String) throws(Errno) {
        try change { (state) throws(Errno) in
            let (parent, name) = try state.parent(path)
            guard state.nodes[parent]?.names[name] != nil else { throw .noEntry }
            state.nodes[parent]?.rename([name: nil])
        }
    }

    package func list(_ path: String) throws(Errno) -> [String] {
        try state.withLock { (state) throws(Errno) in
            _ = try state.begin(isChange: false)
            guard let node = state.node(path).flatMap({ state.nodes[$0] }) else { throw .noEntry }
            guard node.isDirectory else { throw .notDirectory }
            return node.names.keys.sorted()
        }
    }

    package var mount: String { "simulated-\(state.withLock { $0.mounts })" }

    package func exists(_ path: String) -> Bool {
        state.withLock { $0.node(path) != nil }
    }

    package func clone(_ source: File, to path: String) throws(Errno) { throw .notSupported }

    package func synchronizeDirectory(_ path: String) throws(Errno) {
        try change { (state) throws(Errno) in
            try state.beginSync()
            guard let node = state.node(path) else { throw .noEntry }
            state.nodes[node]?.synchronize()
        }
    }

    package func synchronizeAll() throws(Errno) {
        try change { (state) throws(Errno) in
            try state.beginSync()
            for number in Array(state.nodes.keys) { state.nodes[number]?.synchronize() }
        }
    }

    /// Makes a change that happens whole or not at all.
    fileprivate func change(
        _ body: (inout SimulatedDiskState) throws(Errno) -> Void
    ) throws(Errno) {
        try state.withLock { (state) throws(Errno) in
            let goesOn = try state.begin()
            try body(&state)
            // The process was killed before the call returned.
            if !goesOn { throw .inputOutput }
        }
    }
}

private final class SimulatedFile: DiskFile {
    private let disk: SimulatedDisk
    private let node: Int

    init(_ disk: SimulatedDisk, _ node: Int) {
        self.disk = disk
        self.node = node
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        let bytes = try look()
        guard offset < UInt64(bytes.count) else { return 0 }
        let part = bytes[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }

    func length() throws(Errno) -> UInt64 { UInt64(try look().count) }

    private func look() throws(Errno) -> [UInt8] {
        try disk.state.withLock { (state) throws(Errno) in
            _ = try state.begin(isChange: false)
            return state.nodes[node]?.live ?? []
        }
    }

    func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(Errno) {
        let data = Array(first) + Array(second)
        try disk.state.withLock { (state) throws(Errno) in
            // A stopped disk fails every call and keeps its content.
            if state.isStopped { throw .inputOutput }
            let failure: Errno
            switch state.fate(isChange: true) {
            case .proceed:
                state.nodes[node]?.change(.write(at: Int(offset), data))
                return
            case .fail(let errno): failure = errno
            case .stop: failure = .inputOutput
            }
            let kept = Int.random(in: 0...data.count, using: &state.generator)
            state.nodes[node]?.change(.write(at: Int(offset), Array(data[..<kept])))
            throw failure
        }
    }

    func truncate(to length: UInt64) throws(Errno) {
        try disk.change { (state) throws(Errno) in
            state.nodes[node]?.change(.truncate(to: Int(length)))
        }
    }

    func punch(_ range: Range<UInt64>) throws(Errno) -> Bool {
        try disk.change { (state) throws(Errno) in
            state.nodes[node]?.change(
                .write(at: Int(range.lowerBound), [UInt8](repeating: 0, count: Int(range.count))))
        }
        return true
    }

    func synchronize() throws(Errno) {
        disk.willSynchronize()
        try disk.change { (state) throws(Errno) in
            try state.beginSync()
            state.nodes[node]?.synchronize()
        }
    }
}
