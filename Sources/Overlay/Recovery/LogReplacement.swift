// A file whose edit log cannot be opened answers EIO. Truncating it to 0 discards its content: then the log
// is put aside, and a new one is begun.

internal import Platform
internal import Storage

extension WorkspaceContent {
    /// Puts the log of a file aside if it cannot be opened.
    /// - Returns: whether a new log was made.
    func startLogAnew(_ number: InodeNumber) throws(Errno) -> Bool {
        try workspace.withTree { (tree) throws(Errno) in
            let inode = try tree.edits.regular(number)
            guard inode.record.flags.contains(.hasLog), tree.openLogs[number] == nil,
                (try? tree.edits.log(of: inode)) == nil else { return false }
            let aside = try EditLogReplacement.startAnew(
                number, sequence: inode.record.contentSequence, now: workspace.clock.realtime(),
                in: workspace.logs)
            workspace.events.post(
                .warning,
                "\(LogDirectory.path(number)) could not be opened; the file was truncated to 0 and has "
                    + "a new log" + (aside.map { ", the old one is \($0)" } ?? ""))
            return true
        }
    }
}
