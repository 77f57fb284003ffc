// FailingGround: a ground whose n-th change fails, once. The earlier changes must be undone.

import Platform
import Synchronization
import Tools

final class FailingGround: Ground {
    private let inner: any Ground
    private let failing: Int
    private let count = Atomic<Int>(0)
    /// A change by another process right before the first rollback.
    private let overtaking: (@Sendable () throws(ToolError) -> Void)?
    /// A change by another process right before the failing change.
    private let meanwhile: (@Sendable () throws(ToolError) -> Void)?
    /// A change by another process right before a name moves to another place.
    private let racing: (@Sendable (ToolPath) throws(ToolError) -> Void)?
    /// A change by another process right before each splice.
    private let splicing: (@Sendable (ToolPath) throws(ToolError) -> Void)?

    init(
        _ inner: any Ground, failing: Int = .max,
        overtaking: (@Sendable () throws(ToolError) -> Void)? = nil,
        racing: (@Sendable (ToolPath) throws(ToolError) -> Void)? = nil,
        splicing: (@Sendable (ToolPath) throws(ToolError) -> Void)? = nil,
        meanwhile: (@Sendable () throws(ToolError) -> Void)? = nil
    ) {
        self.inner = inner
        self.failing = failing
        self.racing = racing
        self.splicing = splicing
        self.overtaking = overtaking
        self.meanwhile = meanwhile
    }

    var hasFailed: Bool { count.load(ordering: .relaxed) >= failing }

    private func change(_ path: ToolPath) throws(ToolError) {
        let number = count.add(1, ordering: .relaxed).newValue
        guard number == failing else { return }
        try meanwhile?()
        throw ToolError(.noSpace, "write", "\(path)")
    }

    var roots: Roots { inner.roots }
    func open(_ path: ToolPath) throws(ToolError) -> any GroundFile { try inner.open(path) }
    func status(_ path: ToolPath) throws(ToolError) -> FileStatus { try inner.status(path) }
    func list(_ path: ToolPath) throws(ToolError) -> [HostEntry] { try inner.list(path) }
    func look(in path: ToolPath) throws(ToolError) -> [(entry: HostEntry, status: FileStatus)] {
        try inner.look(in: path)
    }
    func resolved(_ path: ToolPath) throws(ToolError) -> ToolPath { try inner.resolved(path) }
    func symlinkTarget(_ path: ToolPath) throws(ToolError) -> [UInt8] {
        try inner.symlinkTarget(path)
    }
    func past(of path: ToolPath, writing: Bool) throws(ToolError) -> any WorkspacePast {
        let past = try inner.past(of: path, writing: writing)
        return overtaking.map { OvertakenPast(past, $0) } ?? past
    }
    /// Removals are not counted as changes, so that prepared files can be removed.
    func remove(_ path: ToolPath) throws(ToolError) { try inner.remove(path) }

    func splice(
        _ path: ToolPath, _ splices: [ByteSplice], expecting expected: FileVersion?
    ) throws(ToolError) -> FileVersion {
        try change(path)
        try splicing?(path)
        return try inner.splice(path, splices, expecting: expected)
    }

    func create(_ path: ToolPath, _ bytes: [UInt8]) throws(ToolError) {
        try change(path)
        try inner.create(path, bytes)
    }

    func makeDirectory(_ path: ToolPath, withParents: Bool) throws(ToolError) {
        try change(path)
        try inner.makeDirectory(path, withParents: withParents)
    }

    func writePart(
        _ path: ToolPath, _ bytes: [UInt8], at offset: UInt64, isNew: Bool
    ) throws(ToolError) {
        try change(path)
        try inner.writePart(path, bytes, at: offset, isNew: isNew)
    }

    func install(_ source: ToolPath, as path: ToolPath, replaces: Bool) throws(ToolError) {
        try change(path)
        try inner.install(source, as: path, replaces: replaces)
    }

    func clone(_ pairs: [(source: ToolPath, destination: ToolPath)]) throws(ToolError) -> Bool {
        if let first = pairs.first { try change(first.destination) }
        return try inner.clone(pairs)
    }

    func copyFile(
        _ source: ToolPath, to path: ToolPath, keeping kept: KeptAttributes
    ) throws(ToolError) -> UInt64 {
        try change(path)
        return try inner.copyFile(source, to: path, keeping: kept)
    }

    func keepAttributes(
        of source: ToolPath, on path: ToolPath, _ kept: KeptAttributes
    ) throws(ToolError) {
        try change(path)
        try inner.keepAttributes(of: source, on: path, kept)
    }

    func makeSymlink(_ path: ToolPath, to target: [UInt8], like status: FileStatus?) throws(ToolError) {
        try change(path)
        try inner.makeSymlink(path, to: target, like: status)
    }

    func makeLink(_ path: ToolPath, as other: ToolPath) throws(ToolError) {
        try change(other)
        try inner.makeLink(path, as: other)
    }

    func move(_ source: ToolPath, to destination: ToolPath) throws(ToolError) {
        try change(destination)
        try racing?(source)
        try inner.move(source, to: destination)
    }

    func exchange(_ one: ToolPath, _ other: ToolPath) throws(ToolError) {
        try change(other)
        try racing?(other)
        try inner.exchange(one, other)
    }
}

/// Control files for which another process is faster, once.
private final class OvertakenPast: WorkspacePast {
    private let inner: any WorkspacePast
    private let overtaking: @Sendable () throws(ToolError) -> Void
    private let isDone = Atomic<Bool>(false)

    init(_ inner: any WorkspacePast, _ overtaking: @escaping @Sendable () throws(ToolError) -> Void) {
        self.inner = inner
        self.overtaking = overtaking
    }

    var root: ToolPath { inner.root }

    func command(_ file: String, _ words: [[UInt8]]) throws(ToolError) {
        if file == "rollback", !isDone.exchange(true, ordering: .relaxed) { try overtaking() }
        try inner.command(file, words)
    }

    func read(_ file: String, _ most: Int) throws(ToolError) -> [UInt8] { try inner.read(file, most) }
}
