// DirectoryWatch: watches single directories with fanotify(7): their names, and the content and
// attributes of their files. Each event has a key of its directory, which is the directory's file
// handle.

internal import CPlatform
import Glibc

package final class DirectoryWatch: Sendable {
    package struct Event: Sendable {
        /// The directory's key, as returned by `watch`.
        package var key: [UInt8]
        /// Empty if the event is about the directory itself.
        package var name: [UInt8]
        /// Whether a name was added, removed or moved. Otherwise content or attributes changed.
        package var isName: Bool
        /// Whether a directory was moved or removed, which changes the paths below it.
        package var movedDirectory: Bool
    }

    private let file: File
    /// In microseconds.
    private static let pause: UInt32 = 5_000

    /// - Throws: An errno if the kernel has no fanotify or does not permit it.
    package init() throws(Errno) {
        let descriptor = cp_fanotify_open()
        if descriptor < 0 { throw .last }
        file = File(owning: descriptor)
    }

    /// Starts to watch a directory. A second call for the same directory has no effect.
    /// - Returns: Its key.
    /// - Throws: ENOSPC if there are too many watches, EOPNOTSUPP and others if the file system has no
    ///   support.
    package func watch(_ directory: File) throws(Errno) -> [UInt8] {
        if cp_fanotify_watch(file.descriptor, directory.descriptor) != 0 { throw .last }
        let key = [UInt8](unsafeUninitializedCapacity: 132) { buffer, count in
            count = cp_handle_key(directory.descriptor, buffer.baseAddress, buffer.count)
        }
        if key.isEmpty { throw .notSupported }
        return key
    }

    /// Waits for events and returns them.
    /// - Returns: Nil if events were lost.
    package func read(milliseconds: Int32) throws(Errno) -> [Event]? {
        if cp_wait_readable(file.descriptor, milliseconds) <= 0 { return [] }
        // Collects related events in one read, and limits the cost of a base that changes all the time.
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
            // fanotify names the directory itself `.`.
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
