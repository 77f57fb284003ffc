// KeptCopy: copies a file of the base into the store, where it cannot have a name of the file itself.

internal import Overlay
internal import Platform

struct KeptCopy {
    let base: CommitBase
    let table: EpochTable

    /// In bytes: how much is read at a time where the kernel cannot copy.
    private static let block = 1 << 20

    /// Copies a file that is no directory, with its times and extended attributes. It gets its name once it
    /// is whole.
    /// - Throws: EBUSY if it is changed meanwhile.
    /// - Parameter suffix: what follows the id in the name of the copy.
    func make(of path: [UInt8], _ id: UInt64, suffix: String = "") throws(Errno) {
        let place = BasePlace(path: path)
        let directory = try base.directory(place.directory)
        let status = try FileStatus(place.name, in: directory)
        let kept = try KeptFiles(table).directory()
        let (name, fresh) = (Array("\(id)\(suffix)".utf8), Array("\(id)\(suffix).new".utf8))
        if (try? FileStatus(name, in: kept)) != nil { return }
        if (try? FileStatus(fresh, in: kept)) != nil { try kept.remove(fresh) }
        switch status.type {
        case .regular:
            let source = try File.openBeneath(place.name, in: directory, flags: OpenFlags.readFile)
            let file = try File.open(fresh, in: kept, flags: OpenFlags.createNew)
            try copy(source, status.size, to: file)
            guard try status.isUnchanged(source.status()) else { throw .busy }
        case .symlink: try kept.makeSymlink(fresh, to: directory.readSymlink(place.name))
        case .directory: throw .isDirectory
        default:
            try kept.makeNode(fresh, mode: status.mode, device: status.specialDevice)
        }
        try kept.setTimes(of: status, onSymlink: fresh)
        try kept.rename(fresh, to: name, in: kept, replaces: false)
    }

    /// Copies content. Extents are shared where the file systems can, and holes stay holes.
    private func copy(_ source: File, _ size: UInt64, to file: File) throws(Errno) {
        // If they do not share extents, the bytes are copied. Any other error shows there.
        if (try? file.cloneContent(of: source)) != nil { return }
        var at: UInt64 = 0
        while let run = source.dataRun(from: at), run.lowerBound < size {
            at = run.lowerBound
            let end = min(run.upperBound, size)
            while at < end {
                var count = try file.copyBytes(of: source, at: at, count: Int(min(end - at, 1 << 30)))
                if count == 0 {
                    let bytes = try source.readBytes(Int(min(end - at, UInt64(Self.block))), at: at)
                    try file.writeBytes(bytes, at: at)
                    count = bytes.count
                }
                // The file was cut meanwhile: the caller sees that it changed.
                if count == 0 { return }
                at += UInt64(count)
            }
            at = max(at, end)
        }
        try file.truncate(to: size)
    }
}
