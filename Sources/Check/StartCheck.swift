// StartCheck: checks the state that a tree log begins with, once its oldest records were released.

internal import Overlay
internal import Platform
internal import Storage

/// Checks the state that a tree log begins with.
struct StartCheck {
    let scan: WorkspaceCheck

    private var treeLogID: UInt64 { UInt64(scan.id) << 48 }
    private var disk: any Disk { scan.disk }
    private var log: CheckLog { scan.log }

    /// Checks the state, and makes it again from the database if it is damaged.
    /// - Parameter path: that of the tree log.
    func run(_ path: String, _ treeLog: any DiskFile) throws(StorageError) {
        let startPath = TreeLogStart.path(beside: path)
        guard disk.exists(startPath) else {
            guard TreeLogFront.isMarked(treeLog, id: treeLogID, key: scan.key),
                !remake(path, treeLog) else { return }
            log.add(
                Finding(.error, startPath, "it is missing", advice: advice))
            return
        }
        log.countFile()
        var found = try verify(path)
        // A release may have replaced it meanwhile.
        if scan.situation == .inUse, found.isDamaged { found = try verify(path) }
        try log.advance(UInt64(Format.logHeaderLength))
        if found.isDamaged, remake(path, treeLog) { return }
        if let what = found.what {
            log.add(
                Finding(
                    .error, startPath, range: 0..<max(1, found.check.end), what, advice: advice))
        }
        scan.faults.report(found.check, startPath, TreeLogStart.id(of: treeLogID), atLeast: 0, .start)
    }

    private let advice = "the database has the last state; without it the workspace cannot be opened"

    private struct Found {
        var check: LogCheck
        /// What is wrong with the file as a whole.
        var what: String?
        var isDamaged: Bool { what != nil || check.hasDamage }
    }

    private func verify(_ path: String) throws(StorageError) -> Found {
        let startPath = TreeLogStart.path(beside: path)
        let file: any DiskFile
        do throws(Errno) {
            file = try disk.open(startPath, .readOnly)
        } catch {
            throw .system(error, doing: "open", path: startPath)
        }
        var verifier = LogVerifier(
            file, kind: .start, id: TreeLogStart.id(of: treeLogID), key: scan.key, path: startPath)
        var found = Found(
            check: try verifier.verify { (record) throws(StorageError) in
                log.countRecord()
                try log.advance(record.header.recordLength)
            })
        do throws(StorageError) {
            let start = try TreeLogStart(beside: path, id: treeLogID, key: scan.key, on: disk)
            if let start, found.check.end < start.length {
                found.what = "its last records are missing"
            }
        } catch {
            guard case .damaged(_, let what) = error else { throw error }
            found.what = what
        }
        return found
    }

    /// Verifies the tree log from where it begins.
    /// - Parameter counts: whether its records count, and are looked at.
    func verifyTreeLog(
        _ path: String, _ file: any DiskFile, upTo end: UInt64, counts: Bool
    ) throws(StorageError) -> LogCheck {
        let front = try TreeLogFront(of: file, path, id: treeLogID, key: scan.key, on: disk)
        let transactions = TransactionReader(file, log: treeLogID, key: scan.key, from: front.position)
        var verifier = LogVerifier(
            file, kind: .tree, id: treeLogID, key: scan.key, path: path, from: front.position,
            after: front.first, upTo: end)
        return try verifier.verify { (record) throws(StorageError) in
            if counts { try scan.checkTransaction(record, file, transactions, path) }
        }
    }

    /// Makes the state again from the database.
    /// - Returns: false if that is not possible: then fillers are put in place of what is lost.
    private func remake(_ path: String, _ file: any DiskFile) -> Bool {
        guard scan.repairs, let database = scan.database, !scan.databaseIsDamaged, scan.layers.isEmpty,
            !scan.lacksLayer,
            let generation = DatabasePaths.generation(scan.databaseName) else { return false }
        let horizon = try? HorizonRecord(of: scan.id, on: disk)
        var isDone = false
        let isMended = scan.mend { () throws(StorageError) in
            isDone = try TreeLogStart.remake(
                from: database, generation: generation, before: horizon?.first ?? 0, beside: path, file,
                id: treeLogID, key: scan.key, on: disk)
        }
        guard isMended, isDone else { return false }
        var finding = Finding(
            .error, TreeLogStart.path(beside: path),
            "the state that the tree log begins with is damaged or missing",
            advice: "it was made again from the database: nothing is lost")
        finding.isRepaired = true
        log.add(finding)
        return true
    }
}
