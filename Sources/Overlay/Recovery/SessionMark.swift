// SessionMark: tells the next start how the last session ended.

import Glibc
package import Platform
internal import Storage

/// A file in the workspace's directory while the workspace is in use. It holds the boot's id, the sequence
/// number that was durable when the session began, and the mount of the store's file system. A mark of
/// another boot says that the machine went down. A mark of another mount says that the file system may lack
/// what was never synced: its device went away, or a snapshot of it was restored.
package enum SessionMark {
    package enum State {
        /// There is no mark: the workspace was closed.
        case closed
        /// The mark is of this boot and mount: a daemon uses the workspace, or was killed.
        case same
        case otherBoot
        /// The mark is of this boot. Nothing needs to be lost: a file system can be mounted at several
        /// places.
        case otherMount
        /// The mark cannot be read. It is treated as one of another boot, which trusts the store less.
        case damaged
    }

    package static func path(_ directory: String) -> String { "\(directory)/in-use" }

    private static var bootID: [UInt8] {
        guard let file = try? File.open("/proc/sys/kernel/random/boot_id", flags: O_RDONLY),
            let bytes = try? file.readBytes(64, at: 0) else { return [] }
        return bytes.filter { $0 != 0x0a }
    }

    /// Returns the text of a mark: the boot's id, the sequence number up to which everything was durable
    /// when the session began (0 if not known), and the mount.
    private static func text(_ synced: UInt64, _ disk: any Disk) -> [UInt8] {
        bootID + Array(" \(synced) \(disk.mount)".utf8)
    }

    private static func read(_ directory: String, _ disk: any Disk) -> ChecksummedText? {
        (try? disk.open(path(directory), .readOnly).readAll()).map { ChecksummedText(decoding: $0) }
    }

    /// Returns the sequence number up to which everything was durable when the session that left the mark
    /// began; 0 if it is not known.
    static func synced(_ directory: String, _ disk: any Disk) -> UInt64 {
        guard let mark = read(directory, disk), !mark.isDamaged else { return 0 }
        let parts = mark.text.split(separator: 0x20)
        return parts.count < 2 ? 0 : UInt64(String(decoding: parts[1], as: UTF8.self)) ?? 0
    }

    package static func state(_ directory: String, _ disk: any Disk) -> State {
        guard disk.exists(path(directory)) else { return .closed }
        guard let mark = read(directory, disk), !mark.isDamaged else { return .damaged }
        let parts = mark.text.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.first == bootID[...] else { return .otherBoot }
        // A mark without a third word is of an older draftfs: it is treated as another mount, which trusts
        // less.
        return parts.count > 2 && parts[2] == Array(disk.mount.utf8)[...] ? .same : .otherMount
    }

    static func set(_ directory: String, synced: UInt64, _ disk: any Disk) throws(Errno) {
        let file = try disk.open(path(directory), .create)
        try file.truncate(to: 0)
        try file.writeBytes(ChecksummedText.encode(text(synced, disk)), at: 0)
        try file.synchronize()
        try disk.synchronizeDirectory(directory)
    }

    /// Removes the mark. Everything is made durable first: after this, a power cut takes nothing.
    static func clear(_ directory: String, _ disk: any Disk) throws(Errno) {
        try disk.synchronizeAll()
        if disk.exists(path(directory)) { try disk.remove(path(directory)) }
    }
}
