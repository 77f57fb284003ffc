// TreeWalk: all that lies below a directory, a directory before what is in it, by name. Symlinks are
// met and not followed. It does not recurse, and holds one descriptor at a time.

package import Platform

/// One name that a walk meets.
package struct WalkEntry: Sendable {
    /// Below the directory that the walk began in.
    package var names: [[UInt8]]
    package var path: ToolPath
    package var type: FileType
}

package enum WalkStep: Sendable {
    /// Go on, into it if it is a directory.
    case enter
    /// Go on behind it.
    case skip
    case stop
}

package struct WalkReport: Sendable, Equatable {
    /// Directories that could not be opened.
    package var unreadable = 0
    /// The walk was ended by `stop`.
    package var isStopped = false
}

package struct TreeWalk: Sendable {
    private let ground: any Ground
    /// Not met, nor what lies below.
    private let exclude: GlobRules
    /// Asked between directories.
    package var isCancelled: @Sendable () -> Bool = { false }

    package init(_ ground: any Ground, exclude: GlobRules = GlobRules()) {
        self.ground = ground
        self.exclude = exclude
    }

    /// - Throws: what `visit` throws, and the error of the first directory if it cannot be listed.
    @discardableResult
    package func run(
        _ top: ToolPath, _ visit: (WalkEntry) throws(ToolError) -> WalkStep
    ) throws(ToolError) -> WalkReport {
        var report = WalkReport()
        // What is still to be met, the next one last.
        var waiting = try entries(in: top, [])
        while let entry = waiting.popLast() {
            switch try visit(entry) {
            case .stop:
                report.isStopped = true
                return report
            case .skip: continue
            case .enter: break
            }
            guard entry.type == .directory else { continue }
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            do throws(ToolError) {
                waiting += try entries(in: entry.path, entry.names)
            } catch {
                // It went meanwhile, or is closed to us.
                report.unreadable += 1
            }
        }
        return report
    }

    private func entries(
        in directory: ToolPath, _ names: [[UInt8]]
    ) throws(ToolError) -> [WalkEntry] {
        var found: [WalkEntry] = []
        for entry in try ground.list(directory) {
            let path = directory.appending(entry.name)
            // Some file systems do not say the type in a listing.
            let type = entry.type == .unknown
                ? (try? ground.status(path).type) ?? .unknown : entry.type
            let below = names + [entry.name.bytes]
            if exclude.verdict(below, isDirectory: type == .directory) == true { continue }
            found.append(WalkEntry(names: below, path: path, type: type))
        }
        return found.sorted { $1.path.names.last?.bytes ?? [] < $0.path.names.last?.bytes ?? [] }
    }
}

private func < (one: [UInt8], other: [UInt8]) -> Bool { one.lexicographicallyPrecedes(other) }
