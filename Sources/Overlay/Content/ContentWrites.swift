// Writes, truncations and other changes of a file's bytes. Each is one record of the file's edit log.

package import Platform
package import Storage

extension WorkspaceContent {
    /// Runs one edit between `beginEdit` and `endEdit` of the tree.
    /// - Parameters:
    ///   - isRelease: the edit makes the file smaller, so no limit refuses it.
    ///   - needsBase: a first edit keeps some of the base's content.
    /// - Returns: whether the file carries a capability.
    @discardableResult
    func edit(
        _ number: InodeNumber, isRelease: Bool = false, needsBase: Bool = true, caller: Caller,
        _ body: (EditLog, Stamp) throws(Errno) -> ContentVersion?
    ) throws(Errno) -> Bool {
        workspace.gate.enter()
        defer { workspace.gate.leave() }
        let asksForRows = !isRelease && workspace.quota.limitsFiles
        let log = try workspace.baseFiles.withPin(needsBase ? number : nil) { (tree, kept) throws(Errno) in
            if asksForRows { try tree.quota.admit(files: tree.bounds.missingRows(of: number)) }
            return try tree.edits.beginEdit(number, kept: kept, caller: caller)
        }
        let version: ContentVersion?
        do throws(Errno) {
            version = try body(log, caller.stamp(workspace.clock.realtime()))
        } catch {
            workspace.withTreeSafely { _ = $0.edits.endEdit(number, nil) }
            throw error
        }
        return workspace.withTreeSafely { $0.edits.endEdit(number, version) }
    }

    /// Writes all of `data` at `offset` as one record.
    /// - Returns: whether set-id bits were cleared, so that modes cached by the kernel are stale.
    package func write(
        _ number: InodeNumber, _ data: UnsafeRawBufferPointer, at offset: UInt64,
        killSetID: Bool, caller: Caller
    ) throws(Errno) -> Bool {
        if data.isEmpty { return false }
        let end = offset.addingReportingOverflow(UInt64(data.count))
        try workspace.quota.admit(bytes: UInt64(data.count), end: end.overflow ? .max : end.partialValue)
        let hasCapability = try edit(number, caller: caller) { (log, stamp) throws(Errno) in
            try log.write(data, at: offset, stamp: stamp, sequence: workspace.sequence)
        }
        guard killSetID || hasCapability else { return false }
        return try clearPrivileges(number, setID: killSetID, caller: caller)
    }

    /// Writes all of `bytes` at `offset` as one record, for the engine itself.
    package func write(
        _ number: InodeNumber, _ bytes: [UInt8], at offset: UInt64, caller: Caller
    ) throws(Errno) {
        let result = bytes.withUnsafeBytes { bytes -> Result<Bool, Errno> in
            do throws(Errno) {
                return .success(
                    try write(number, bytes, at: offset, killSetID: false, caller: caller))
            } catch {
                return .failure(error)
            }
        }
        _ = try result.get()
    }

    private func clearPrivileges(
        _ number: InodeNumber, setID: Bool, caller: Caller
    ) throws(Errno) -> Bool {
        try workspace.withTree { (tree) throws(Errno) in
            let inode = try tree.inode(number)
            guard setID || inode.record.flags.contains(.hasCapability) else { return false }
            return try tree.attributes.clearPrivileges(of: inode, setID: setID, caller: caller)
        }
    }

    func truncate(
        _ number: InodeNumber, to size: UInt64, killSetID: Bool, caller: Caller
    ) throws(Errno) {
        if size > EditLog.maximumSize { throw .fileTooBig }
        let (isEmptyAlready, isRelease) = try workspace.withTree { (tree) throws(Errno) in
            let inode = try tree.edits.regular(number)
            let isRelease = size <= inode.record.size
            guard size == 0, inode.record.size == 0, tree.openLogs[number] == nil else {
                return (false, isRelease)
            }
            // A log that cannot be opened is replaced below.
            if inode.record.flags.contains(.hasLog), (try? tree.edits.log(of: inode)) == nil {
                return (false, true)
            }
            try tree.attributes.touchTimes(number, caller: caller)
            return (true, true)
        }
        if !isRelease { try workspace.quota.admit(bytes: 0, end: size) }
        if !isEmptyAlready {
            do throws(Errno) {
                try truncateLog(number, to: size, isRelease: isRelease, caller: caller)
                if size == 0 { workspace.dueLogs.noteEmptied(number) }
            } catch {
                // The truncation to 0 discards the content of a log that cannot be opened.
                guard size == 0, error == .inputOutput, try startLogAnew(number) else { throw error }
                try truncateLog(number, to: size, isRelease: isRelease, caller: caller)
            }
        }
        _ = try clearPrivileges(number, setID: killSetID, caller: caller)
    }

    private func truncateLog(
        _ number: InodeNumber, to size: UInt64, isRelease: Bool, caller: Caller
    ) throws(Errno) {
        try edit(
            number, isRelease: isRelease, needsBase: size > 0, caller: caller
        ) { (log, stamp) throws(Errno) in
            try log.truncate(to: size, stamp: stamp, sequence: workspace.sequence)
        }
    }
}
