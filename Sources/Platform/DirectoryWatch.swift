// DirectoryWatch: fanotify(7) on single directories: their names, and the content and attributes of
// their files. Events come with a key of the directory, which is its file handle.

internal import CPlatform
import Glibc

package final class DirectoryWatch: Sendable {
    package struct Event: Sendable {
        /// Of the directory; as `watch` answered it.
        package var key: [UInt8]
        /// Empty where the directory itself is meant.
        package var name: [UInt8]
        /// The name came, went or moved; else content or attributes changed.
        package var isName: Bool
        /// A directory moved or went, so that paths are others than they were.
        package var movedDirectory: Bool
    }

    private let file: File
    /// Microseconds.
    private static let pause: UInt32 = 5_000

    /// - Throws: where the kernel has no fanotify or does not permit it.
    package init() throws(Errno) {
        let descriptor = cp_fanotify_open()
        if descriptor < 0 { throw .last }
        file = File(owning: descriptor)
    }

    /// Watches a directory, from now on; again is once.
    /// - Returns: its key.
    /// - Throws: ENOSPC where there are too many, EOPNOTSUPP and others where its file system cannot.
    package func watch(_ directory: File) throws(Errno) -> [UInt8] {
        if cp_fanotify_watch(file.descriptor, directory.descriptor) != 0 { throw .last }
        let key = [UInt8](unsafeUninitializedCapacity: 132) { buffer, count in
            count = cp_handle_key(directory.descriptor, buffer.baseAddress, buffer.count)
        }
        if key.isEmpty { throw .notSupported }
        return key
    }

    /// What happened, after waiting for it.
    /// - Returns: nil where events were lost.
    package func read(milliseconds: Int32) throws(Errno) -> [Event]? {
        if cp_wait_readable(file.descriptor, milliseconds) <= 0 { return [] }
        // What belongs together comes together, and a base that changes all the time costs little.
        usleep(Self.pause)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = buffer.withUnsafeMutableBytes {
            Glibc.read(file.descriptor, $0.baseAddress, $0.count)
        }
        if count < 0 {
            let failure = Errno.last
            if failure == .again || failure == .interrupted { return [] }
            throw failure
        }
        var events: [Event] = []
        var position = 0
        var raw = cp_base_event_t()
        while cp_fanotify_next(buffer, count, &position, &raw) != 0 {
            if raw.overflow != 0 { return nil }
            let name = withUnsafeBytes(of: raw.name) { Array($0.prefix(raw.name_length)) }
            events.append(
                Event(
                    key: withUnsafeBytes(of: raw.key) { Array($0.prefix(raw.key_length)) },
                    name: name == [0x2e] ? [] : name, isName: raw.names != 0,
                    movedDirectory: raw.moved_directory != 0))
        }
        return events
    }
}
