// EditKeeper: keeps the contents that files outside of workspaces had before an edit. A file that is
// replaced gets a second name here, which costs nothing; if that is not possible it is copied, up to a
// size. All contents are below one directory, which mirrors the paths:
// DIR/home/me/f.txt/20260131T120000.000000000Z. Only the newest contents of each file are kept, within
// bounds on the bytes and contents in all.

import FoundationEssentials
import Glibc
internal import Platform
internal import Synchronization

package final class EditKeeper: Sendable {
    package struct Bounds: Sendable {
        /// The maximum number of contents of one file.
        package var each = 10
        package var bytes: UInt64 = 1 << 30
        package var contents = 10_000
        /// The maximum number of bytes of a file that is copied.
        package var copied: UInt64 = 64 << 20

        package init() {}
    }

    private struct State {
        /// What was kept or not, by path, until it is asked for.
        var told: [ToolPath: String] = [:]
        /// The bytes and contents that were added since the last sweep.
        var bytes: UInt64 = 0
        var contents = Int.max
    }

    private let directory: ToolPath
    private let bounds: Bounds
    private let state = Mutex(State())

    /// The maximum number of bytes of a path in an answer: replies are short.
    private static let longestName = 160
    /// The maximum number of answers that wait to be asked for.
    private static let mostTold = 256

    /// Makes the directory if it does not exist.
    package init(_ path: String, bounds: Bounds = Bounds()) throws(ToolError) {
        self.bounds = bounds
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        directory = try ToolPath(Array(whole.utf8))
        guard Self.make(directory) else { throw ToolError(.last, "make the directory", path) }
    }

    /// Keeps the content that a file has now.
    /// - Parameters:
    ///   - path: the path without symlinks.
    ///   - isReplaced: whether another file takes its only name, so that its own content stays as it is.
    ///   - tells: whether the caller asks later for what became of it.
    /// - Returns: the second name or the copy; nil if the content is not kept.
    @discardableResult
    func keep(_ file: File, _ path: ToolPath, isReplaced: Bool, tells: Bool) -> ToolPath? {
        // Temporary files of a call are no earlier contents.
        if path.names.contains(where: WorkingName.isOne) { return nil }
        let said: String
        var kept: ToolPath?
        do throws(Errno) {
            let place = try store(file, path, isReplaced: isReplaced)
            kept = place
            let name = place.description
            said = name.utf8.count <= Self.longestName
                ? "kept as \(name)" : "kept below \(directory), under the file's own path"
        } catch {
            switch error {
            case .fileTooBig:
                said = "not kept: it has more than \(bounds.copied) bytes, and a hard link is not possible"
            case .quota:
                said = "not kept: it has more than \(bounds.bytes / 2) bytes"
            default: said = "not kept: \(error)"
            }
        }
        if !tells { return kept }
        state.withLock { state in
            if state.told.count >= Self.mostTold { state.told = [:] }
            state.told[path] = said
        }
        return kept
    }

    /// Drops the content that was kept for a change that was not made. With its second name the file would
    /// be written in place by the next change.
    func drop(_ kept: ToolPath, of path: ToolPath) {
        Self.remove(kept, isDirectory: false)
        state.withLock { _ = $0.told.removeValue(forKey: path) }
    }

    func told(of path: ToolPath) -> String? { state.withLock { $0.told.removeValue(forKey: path) } }

    private func store(
        _ file: File, _ path: ToolPath, isReplaced: Bool
    ) throws(Errno) -> ToolPath {
        let place = ToolPath(names: directory.names + path.names)
        guard place.bytes.count + 64 < Roots.longestPath else { throw .nameTooLong }
        guard Self.make(place) else { throw .last }
        let status = try file.status()
        // A larger file would push out all other contents, and would itself go with the next one.
        guard status.blocks << 9 <= bounds.bytes / 2 else { throw .quota }
        let name = place.appending(Self.name(Clock.system.realtime()))
        if !isReplaced || !Self.link(file, as: name) {
            try copy(file, status, to: name)
        }
        forgetOld(in: place, keeping: bounds.each)
        let isDue = state.withLock { state in
            state.bytes = state.bytes.addingReportingOverflow(status.blocks << 9).partialValue
            state.contents = state.contents.addingReportingOverflow(1).partialValue
            let isDue = state.bytes > bounds.bytes / 16
                || !(0...bounds.contents / 16).contains(state.contents)
            if isDue { (state.bytes, state.contents) = (0, 0) }
            return isDue
        }
        if isDue { sweep() }
        return name
    }

    private static func link(_ file: File, as name: ToolPath) -> Bool {
        withCString(name.bytes) {
            linkat(AT_FDCWD, "/proc/self/fd/\(file.descriptor)", AT_FDCWD, $0, AT_SYMLINK_FOLLOW) == 0
        }
    }

    private func copy(_ file: File, _ status: FileStatus, to name: ToolPath) throws(Errno) {
        let fresh = try File.open(
            "\(name)", flags: OpenFlags.createNew | O_NOFOLLOW | O_CLOEXEC, mode: 0o600)
        do throws(Errno) {
            if (try? fresh.cloneContent(of: file)) != nil { return }
            guard status.blocks << 9 <= bounds.copied else { throw .fileTooBig }
            _ = try HostGround.copyContent(of: file, status, to: fresh)
        } catch {
            Self.remove(name, isDirectory: false)
            throw error
        }
    }

    // MARK: Names

    /// Returns a name for a time. It has leading zeros, so that the order of names is the order of times.
    static func name(_ time: Int64) -> FileName {
        let date = Date(timeIntervalSince1970: Double(time / 1_000_000_000))
        let seconds = date.formatted(
            Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted)).dropLast()
        let rest = String(time % 1_000_000_000)
        let zeros = String(repeating: "0", count: max(0, 9 - rest.utf8.count))
        return FileName(trusted: Array("\(seconds).\(zeros)\(rest)Z".utf8))
    }

    /// Returns whether a name has the form of a kept content. Only files with such names are removed.
    private static func isName(_ name: FileName) -> Bool {
        let form = Array("00000000T000000.000000000Z".utf8)
        guard name.bytes.count == form.count else { return false }
        return zip(name.bytes, form).allSatisfy { byte, wanted in
            wanted == 0x30 ? (0x30...0x39).contains(byte) : byte == wanted
        }
    }

    /// Makes a directory and those above it, accessible to the user only.
    private static func make(_ path: ToolPath) -> Bool {
        var above = ToolPath(names: [])
        for name in path.names {
            above = above.appending(name)
            let result = withCString(above.bytes) { mkdir($0, 0o700) }
            if result != 0, errno != EEXIST { return false }
        }
        return (try? FileStatus(path.bytes, in: nil))?.type == .directory
    }

    private static func remove(_ path: ToolPath, isDirectory: Bool) {
        // An error is ignored: the name is already removed, or the directory is not empty any more.
        _ = withCString(path.bytes) { unlinkat(AT_FDCWD, $0, isDirectory ? AT_REMOVEDIR : 0) }
    }

    // MARK: Bounds

    private static func list(_ path: ToolPath) -> [HostEntry] {
        (try? File.open("\(path)", flags: OpenFlags.directory | O_NOFOLLOW).listDirectory()) ?? []
    }

    private func forgetOld(in place: ToolPath, keeping count: Int) {
        let names = Self.list(place).map(\.name).filter(Self.isName).sorted()
        for name in names.dropLast(count) { Self.remove(place.appending(name), isDirectory: false) }
    }

    /// Goes through everything that is kept, and removes the oldest contents until a quarter of each bound
    /// is free.
    private func sweep() {
        var found: [(path: ToolPath, bytes: UInt64)] = []
        var directories = [directory]
        var index = 0
        while index < directories.count {
            let place = directories[index]
            index += 1
            for entry in Self.list(place) {
                let path = place.appending(entry.name)
                guard let status = try? FileStatus(path.bytes, in: nil) else { continue }
                if status.type == .directory {
                    directories.append(path)
                } else if status.type == .regular, Self.isName(entry.name) {
                    found.append((path, status.blocks << 9))
                }
            }
        }
        var bytes = found.reduce(UInt64(0)) { $0.addingReportingOverflow($1.bytes).partialValue }
        guard bytes > bounds.bytes || found.count > bounds.contents else { return }
        let none = FileName(trusted: [])
        found.sort { ($0.path.names.last ?? none) < ($1.path.names.last ?? none) }
        var left = found.count
        for (path, size) in found {
            if bytes <= bounds.bytes / 4 * 3, left <= bounds.contents / 4 * 3 { break }
            Self.remove(path, isDirectory: false)
            bytes -= min(bytes, size)
            left -= 1
        }
        for place in directories.dropFirst().reversed() { Self.remove(place, isDirectory: true) }
    }
}
