// TreeWalk: walks everything below a directory by name; a directory is visited before its entries. Symlinks
// are visited and not followed. The walk does not recurse, and holds one descriptor at a time.

package import Platform

/// One entry that a walk visits.
package struct WalkEntry: Sendable {
    /// The names below the directory in which the walk began.
    package var names: [[UInt8]]
    package var path: ToolPath
    package var type: FileType
}

package enum WalkStep: Sendable {
    /// Continue, into the entry if it is a directory.
    case enter
    /// Continue without entering the directory.
    case skip
    case stop
}

package struct WalkReport: Sendable, Equatable {
    /// The number of directories that could not be opened.
    package var unreadable = 0
    /// Whether the walk was ended by `stop`.
    package var isStopped = false
}

package struct TreeWalk: Sendable {
    private let ground: any Ground
    /// Excluded entries are not visited, nor anything below them.
    private let exclude: GlobRules
    /// Returns whether the call is cancelled; asked between directories.
    package var isCancelled: @Sendable () -> Bool = { false }

    package init(_ ground: any Ground, exclude: GlobRules = GlobRules()) {
        self.ground = ground
        self.exclude = exclude
    }

    /// - Throws: the errors of `visit`, and the error of the first directory if it cannot be listed.
    @discardableResult
    package func run(
        _ top: ToolPath, _ visit: (WalkEntry) throws(ToolError) -> WalkStep
    ) throws(ToolError) -> WalkReport {
        var report = WalkReport()
        // The entries to visit, the next one last.
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
                // The directory was removed meanwhile, or access is denied.
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
            // Some file systems do not return the type in a listing.
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
