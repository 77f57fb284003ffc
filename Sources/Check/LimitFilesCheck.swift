// LimitFilesCheck: checks the files `limits`, `usage` and `run`. All are dispensable: if no copy can be read,
// a repair removes the file, and defaults or a new count take its place.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

enum LimitFilesCheck {
    /// - Parameter directory: the directory of a workspace, or empty for the store's own limits.
    static func limits(
        _ directory: String, on disk: any Disk, log: CheckLog, repairs: Bool
    ) throws(StorageError) {
        let path = (directory.isEmpty ? "" : directory + "/") + OperatorLimits.fileName
        let hadFile = disk.exists(path)
        try check(
            path, Format.limitsMagic, copies: 2, on: disk, log: log, repairs: repairs,
            advice: "a repair removes it, and the defaults apply until limits are set again; "
                + "discarded workspaces are kept until then")
        if repairs, directory.isEmpty, hadFile, !disk.exists(path) {
            // The lost limits may have kept discarded workspaces longer than the default does.
            var limits = OperatorLimits()
            limits.set(.retention, to: nil)
            try limits.write(to: directory, on: disk)
        }
    }

    /// Checks how far back the history of a workspace can be seen.
    static func horizon(
        _ directory: String, on disk: any Disk, log: CheckLog, repairs: Bool
    ) throws(StorageError) {
        let path = "\(directory)/\(HorizonRecord.fileName)"
        let payload = try SealedCopies.check(
            path, magic: Format.horizonMagic, copies: 2, on: disk, log: log, repairs: repairs,
            advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        guard payload == nil, disk.exists(path) else { return }
        log.add(
            Finding(
                .error, path, "no copy of it can be read",
                advice: "of the history only backups can be seen, until draftfs gc writes it again"))
    }

    /// Checks a usage record. A repair changes what was counted, so it removes the record in any case.
    static func usage(
        _ directory: String, on disk: any Disk, log: CheckLog, repairs: Bool
    ) throws(StorageError) {
        let path = "\(directory)/usage"
        try check(
            path, Format.usageMagic, copies: 1, on: disk, log: log, repairs: repairs,
            advice: "the next start counts the usage again")
        if repairs, disk.exists(path) { try? disk.remove(path) }
    }

    /// Checks the result of the last command.
    static func run(
        _ directory: String, on disk: any Disk, log: CheckLog, repairs: Bool
    ) throws(StorageError) {
        try check(
            RunRecord.path(directory), Format.runMagic, copies: 1, on: disk, log: log, repairs: repairs,
            advice: "run the command again")
    }

    private static func check(
        _ path: String, _ magic: UInt64, copies: Int, on disk: any Disk, log: CheckLog,
        repairs: Bool, advice: String
    ) throws(StorageError) {
        guard disk.exists(path) else { return }
        let payload = try SealedCopies.check(
            path, magic: magic, copies: copies, on: disk, log: log, repairs: repairs,
            advice: repairs ? "" : "draftfs fsck --repair rewrites it")
        if payload != nil { return }
        let length = (try? disk.open(path, .readOnly).length()) ?? 0
        // While the store is in use a usage record may be removed meanwhile.
        if !disk.exists(path) { return }
        var finding = Finding(
            .error, path, range: 0..<max(1, length), "no copy of it can be read", advice: advice)
        finding.isRepaired = repairs && (try? disk.remove(path)) != nil
        log.add(finding)
    }
}
