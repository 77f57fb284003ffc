// PinCheck: checks contents of the pool, each one once, however many origins name it, and repairs them if
// requested. A lost content does no harm while the base file is unchanged.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

final class PinCheck {
    private let disk: any Disk
    private let log: CheckLog
    private let repairs: Bool
    private var checked: Set<PinIdentity> = []

    init(_ disk: any Disk, _ log: CheckLog, repairs: Bool) {
        self.disk = disk
        self.log = log
        self.repairs = repairs
    }

    /// A content, and what is known of the file it belongs to.
    private struct Subject {
        var identity: PinIdentity
        /// The path below the workspace's root.
        var path: [UInt8]?
        /// The base file, if it is unchanged.
        var original: File?
        var isNamed: Bool
    }

    /// - Parameters:
    ///   - path: the path of the file that needs the content.
    ///   - original: the base file, if it is unchanged.
    func check(
        _ identity: PinIdentity, path: [UInt8], original: File?
    ) throws(StorageError) {
        guard checked.insert(identity).inserted else { return }
        let subject = Subject(
            identity: identity, path: path, original: original, isNamed: true)
        guard disk.exists(identity.path) else {
            // A power cut may have taken it; the base serves as long as it is unchanged.
            return add(
                subject, original == nil ? .error : .warning, nil, "the kept content is missing")
        }
        try check(subject)
    }

    /// Checks contents that no present file needs: moments of the past may need them.
    func checkRest() throws(StorageError) {
        var rest: [PinIdentity] = []
        PinPool(disk, counter: SpaceCounter(), openFiles: 1).visit { path in
            guard let identity = PinIdentity(path: path) else {
                log.add(Finding(.notice, path, "it is not a file of draftfs"))
                return
            }
            if path != identity.path {
                log.add(Finding(.notice, path, "its creation was interrupted", advice: "nothing needs it"))
            } else if !checked.contains(identity) {
                rest.append(identity)
            }
        }
        for identity in rest {
            try check(Subject(identity: identity, path: nil, original: nil, isNamed: false))
        }
    }

    private func check(_ subject: Subject) throws(StorageError) {
        let path = subject.identity.path
        guard let file = try? disk.open(path, repairs ? .readWrite : .readOnly),
            let length = try? file.length()
        else { return add(subject, .error, nil, "it cannot be opened") }
        log.countFile()
        log.expect(length)
        var pin: PinFile
        do throws(PinFile.Fault) {
            pin = try PinFile(file, subject.identity)
        } catch {
            let whole = 0..<max(1, length)
            // A content without an origin is the rest of a making that was interrupted.
            let severity: Finding.Severity = subject.isNamed ? .error : .notice
            guard repairs, (try? PinFile.mendFooter(of: file, subject.identity)) == true,
                let mended = try? PinFile(file, subject.identity)
            else {
                try log.advance(length)
                return add(subject, severity, whole, "its end is missing or damaged")
            }
            pin = mended
            add(subject, .error, whole, "its end is damaged", isMended: true)
        }
        if let range = (try? pin.paddingFault()).flatMap({ $0 }) {
            let isMended = repairs && (try? pin.clear(range)) != nil
            add(subject, .error, range, "bytes that must be zero are not zero", isMended: isMended)
        }
        let blocks = try pin.damagedBlocks { (count) throws(StorageError) in try log.advance(count) }
        try checkBlocks(blocks, of: pin, subject)
        if pin.footer.isShared { try compare(pin, subject) }
        if repairs { try? file.synchronize() }
    }

    /// The number of blocks of one content in which a flipped bit is searched for: a tenth of a second
    /// each.
    private static let blocksToTry = 64

    private func checkBlocks(
        _ blocks: [UInt64], of pin: PinFile, _ subject: Subject
    ) throws(StorageError) {
        for (index, block) in blocks.enumerated() {
            let what = "its block \(block) has a wrong checksum"
            if repairs, index < Self.blocksToTry, let range = (try? pin.mend(block)).flatMap({ $0 }) {
                add(subject, .error, range, what, isMended: true)
                continue
            }
            // The fault may be in the entry of the table.
            let end = PinFile.length(subject.identity.size, isShared: false)
            let range = pin.range(ofBlock: block)
            add(subject, .error, blocks.count == 1 ? range.lowerBound..<end : range, what)
            // The file is gone, or stays as it is.
            if repairs { return }
        }
    }

    /// Compares with the base file: extents that are shared with the base have no checksums in the pool.
    private func compare(_ pin: PinFile, _ subject: Subject) throws(StorageError) {
        guard let original = subject.original else { return }
        let size = subject.identity.size
        var at: UInt64 = 0
        while at < size {
            let count = Int(min(size - at, 1 << 20))
            let kept = (try? pin.content(count, at: at)) ?? []
            let base = (try? original.readBytes(count, at: at)) ?? []
            if kept != base, base.count == count {
                return add(
                    subject, .error, at..<(at + UInt64(count)), "it differs from the base file")
            }
            at += UInt64(count)
            try log.advance(UInt64(count))
        }
    }

    private func add(
        _ subject: Subject, _ severity: Finding.Severity, _ range: Range<UInt64>?, _ what: String,
        isMended: Bool = false
    ) {
        let path = subject.identity.path
        var finding = Finding(severity, path, path: subject.path, range: range, what)
        finding.isRepaired = isMended
        if isMended {
            finding.advice = "nothing is lost"
        } else if !subject.isNamed {
            if severity == .error { finding.severity = .warning }
            finding.advice = "no current file needs it; past moments may"
        } else if subject.original != nil {
            // Without the pin the base is read, as long as it is unchanged.
            finding.advice = "the base still has this content"
            finding.isRepaired = repairs && disk.exists(path) && (try? disk.remove(path)) != nil
        } else {
            finding.advice = "the base has changed: restore the file from a copy of the store, or "
                + "settle the drift"
        }
        log.add(finding)
    }
}
