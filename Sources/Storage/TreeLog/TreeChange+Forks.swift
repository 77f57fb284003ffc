// TreeChange+Forks: rows, entries and changes of a workspace as a fork of it shows them: under the fork's own
// inode numbers.

extension InodeRecord {
    /// Returns the row that a fork shows for this row of its parent. The fork has no edit log of its own yet.
    package func moved(to workspace: UInt16) -> InodeRecord {
        var moved = self
        moved.number = number.moved(to: workspace)
        if flags.contains(.hasLog), workspace != number.workspace { moved.flags.insert(.inheritsLog) }
        return moved
    }
}

extension InodeRecord {
    /// Returns the change whose content the file had after change `sequence`. A fork's own log begins with
    /// its first edit: before that the content is the one at the fork.
    package func contentMoment(at sequence: UInt64, in logs: LogDirectory) -> UInt64 {
        flags.contains(.inheritsLog) ? min(sequence, AncestorLogs(number, in: logs).last) : sequence
    }
}

extension Entry {
    /// Returns the entry that a fork shows for this entry of its parent.
    package func moved(to workspace: UInt16) -> Entry {
        Entry(inode: inode.moved(to: workspace), type: type)
    }
}

extension TreeChange {
    /// Returns the change as a part of the past of a fork.
    package func moved(to workspace: UInt16) -> TreeChange {
        switch self {
        case .inode(let number, let before, let after):
            .inode(
                number.moved(to: workspace), before: before?.moved(to: workspace),
                after: after?.moved(to: workspace))
        case .entry(let parent, let name, let before, let after):
            .entry(
                parent.moved(to: workspace), name, before: before?.moved(to: workspace),
                after: after?.moved(to: workspace))
        case .xattr(let number, let name, let before, let after):
            .xattr(number.moved(to: workspace), name, before: before, after: after)
        case .origin(let number, let before, let after):
            .origin(number.moved(to: workspace), before: before, after: after)
        case .alias(let number, let device, let inode, let birthTime):
            .alias(number.moved(to: workspace), device: device, inode: inode, birthTime: birthTime)
        case .content(let number, let source, let sequence):
            .content(number.moved(to: workspace), source: source.moved(to: workspace), sequence: sequence)
        case .due(let number, let sequence):
            .due(number.moved(to: workspace), sequence: sequence)
        case .device, .backup, .freeze: self
        }
    }
}
