// OperationTarget: applies operations to one tree by system calls and returns their outcomes. A target
// belongs to one thread. Its held descriptors are closed with it.

internal import CPlatform
import Glibc

package final class OperationTarget {
    private let root: [UInt8]
    private var held: [Int32] = [-1, -1, -1, -1]

    package init(root: String) { self.root = Array(root.utf8) + [0x2F] }

    deinit { releaseAll() }

    package func releaseAll() {
        for slot in held.indices where held[slot] >= 0 {
            close(held[slot])
            held[slot] = -1
        }
    }

    /// Applies the step. The outcome includes the status of the step's path afterwards, so that a
    /// difference is found at the step that caused it.
    package func apply(_ operation: Operation) -> Outcome {
        var outcome = perform(operation)
        if let path = operation.subject { outcome.facts = inspect(path).facts }
        return outcome
    }

    private func perform(_ operation: Operation) -> Outcome {
        switch operation {
        case .create, .write, .append, .read, .truncate, .allocate, .copyRange, .mapWrite:
            return applyToContent(operation)
        case .hold, .writeHeld, .readHeld, .truncateHeld, .inspectHeld, .release:
            return applyToHeld(operation)
        case .inspect(let path): return inspect(path)
        case .list(let path): return list(path)
        default: return Outcome(code: applyToNames(operation), value: 0)
        }
    }

    private func full(_ path: [UInt8]) -> [CChar] {
        (root + path + [0]).map { CChar(bitPattern: $0) }
    }

    private func applyToNames(_ operation: Operation) -> Int32 {
        switch operation {
        case .rename(let from, let to, let flags):
            return code(cp_renameat2(AT_FDCWD, full(from), AT_FDCWD, full(to), flags))
        case .link(let from, let to): return code(link(full(from), full(to)))
        case .unlink(let path): return code(unlink(full(path)))
        case .makeDirectory(let path, let mode): return code(mkdir(full(path), mode))
        case .removeDirectory(let path): return code(rmdir(full(path)))
        case .symlink(let target, let path):
            let raw = (target + [0]).map { CChar(bitPattern: $0) }
            return code(symlink(raw, full(path)))
        case .makeNode(let path, let mode, let device):
            return code(mknod(full(path), mode, dev_t(device)))
        case .changeMode(let path, let mode): return code(chmod(full(path), mode))
        case .changeOwner(let path, let uid, let gid): return code(lchown(full(path), uid, gid))
        case .setTimes(let path, let seconds, let nanoseconds):
            let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
            return code(utimensat(AT_FDCWD, full(path), [time, time], AT_SYMLINK_NOFOLLOW))
        case .setAttribute(let path, let name, let value, let flags):
            return code(cp_setxattr(full(path), name, value, value.count, flags))
        case .removeAttribute(let path, let name):
            return code(cp_removexattr(full(path), name))
        default: return EINVAL
        }
    }

    /// Opens a regular file. Other kinds are not opened, because a fifo or a device could block.
    private func opened(
        _ path: [UInt8], _ flags: Int32, _ mode: mode_t = 0o644, _ body: (Int32) -> Outcome
    ) -> Outcome {
        let path = full(path)
        var found = stat()
        if stat(path, &found) == 0, found.st_mode & S_IFMT != S_IFREG {
            return Outcome(code: 1_000 + Int32(found.st_mode >> 12), value: 0)
        }
        let descriptor = open(path, flags | O_CLOEXEC | O_NONBLOCK, mode)
        if descriptor < 0 { return Outcome(code: errno, value: 0) }
        defer { close(descriptor) }
        return body(descriptor)
    }

    private func applyToContent(_ operation: Operation) -> Outcome {
        switch operation {
        case .create(let path, let mode, let exclusive, let truncating):
            let flags = O_RDWR | O_CREAT | (exclusive ? O_EXCL : 0) | (truncating ? O_TRUNC : 0)
            return opened(path, flags, mode) { inspect($0) }
        case .write(let path, let offset, let length, let fill):
            return opened(path, O_WRONLY) { write($0, offset, length, fill) }
        case .append(let path, let length, let fill):
            return opened(path, O_WRONLY | O_APPEND | O_CREAT) { write($0, 0, length, fill) }
        case .read(let path, let offset, let length):
            return opened(path, O_RDONLY) { read($0, offset, length) }
        case .truncate(let path, let size):
            return Outcome(code: code(truncate(full(path), off_t(size))), value: 0)
        case .allocate(let path, let mode, let offset, let length):
            return opened(path, O_RDWR) {
                Outcome(code: code(cp_fallocate($0, mode, offset, length)), value: 0)
            }
        case .copyRange(let from, let at, let to, let offset, let length):
            return opened(from, O_RDONLY) { source in
                opened(to, O_WRONLY | O_CREAT) { target in
                    copy(source, at, target, offset, length)
                }
            }
        case .mapWrite(let path, let offset, let length, let fill):
            return opened(path, O_RDWR) { mapWrite($0, offset, length, fill) }
        default: return Outcome(code: EINVAL, value: 0)
        }
    }

    private func write(
        _ descriptor: Int32, _ offset: Int64, _ length: Int, _ fill: UInt64
    ) -> Outcome {
        let made = bytes(length, fill: fill)
        let count = pwrite(descriptor, made, made.count, off_t(offset))
        return count < 0 ? Outcome(code: errno, value: 0) : Outcome(code: 0, value: UInt64(count))
    }

    private func read(_ descriptor: Int32, _ offset: Int64, _ length: Int) -> Outcome {
        var buffer = [UInt8](repeating: 0, count: length)
        let count = pread(descriptor, &buffer, length, off_t(offset))
        if count < 0 { return Outcome(code: errno, value: 0) }
        return Outcome(code: 0, value: digest(Array(buffer.prefix(count))) &+ UInt64(count))
    }

    private func copy(
        _ source: Int32, _ at: Int64, _ target: Int32, _ offset: Int64, _ length: Int
    ) -> Outcome {
        var (from, to, left) = (at, offset, length)
        while left > 0 {
            let count = cp_copy_file_range(source, &from, target, &to, left)
            if count < 0 { return Outcome(code: errno, value: UInt64(length - left)) }
            if count == 0 { break }
            left -= Int(count)
        }
        return Outcome(code: 0, value: UInt64(length - left))
    }

    private func mapWrite(
        _ descriptor: Int32, _ offset: Int, _ length: Int, _ fill: UInt64
    ) -> Outcome {
        var found = stat()
        if fstat(descriptor, &found) != 0 { return Outcome(code: errno, value: 0) }
        let size = Int(found.st_size)
        if size < offset + length { return Outcome(code: 1_100, value: UInt64(size)) }
        let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let map, map != MAP_FAILED else { return Outcome(code: errno, value: 1) }
        defer { munmap(map, size) }
        let made = bytes(length, fill: fill)
        memcpy(map + offset, made, length)
        return Outcome(code: code(msync(map, size, MS_SYNC)), value: UInt64(length))
    }

    private func applyToHeld(_ operation: Operation) -> Outcome {
        switch operation {
        case .hold(let slot, let path, let unlinking):
            if held[slot] >= 0 { close(held[slot]) }
            held[slot] = -1
            let outcome = opened(path, O_RDWR) { descriptor in
                held[slot] = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
                return inspect(descriptor)
            }
            if unlinking && outcome.code == 0 {
                return Outcome(
                    code: code(unlink(full(path))), value: 0, facts: outcome.facts)
            }
            return outcome
        case .writeHeld(let slot, let offset, let length, let fill):
            return write(held[slot], offset, length, fill)
        case .readHeld(let slot, let offset, let length):
            return read(held[slot], offset, length)
        case .truncateHeld(let slot, let size):
            return Outcome(code: code(ftruncate(held[slot], off_t(size))), value: 0)
        case .inspectHeld(let slot, let syncing):
            if syncing && fsync(held[slot]) != 0 { return Outcome(code: errno, value: 1) }
            return inspect(held[slot])
        case .release(let slot):
            let result = code(close(held[slot]))
            held[slot] = -1
            return Outcome(code: result, value: 0)
        default: return Outcome(code: EINVAL, value: 0)
        }
    }

    private func inspect(_ descriptor: Int32) -> Outcome {
        var found = stat()
        if fstat(descriptor, &found) != 0 { return Outcome(code: errno, value: 0) }
        return Outcome(code: 0, value: 0, facts: facts(found))
    }

    private func inspect(_ path: [UInt8]) -> Outcome {
        var found = stat()
        if lstat(full(path), &found) != 0 { return Outcome(code: errno, value: 0) }
        return Outcome(code: 0, value: 0, facts: facts(found))
    }

    private func facts(_ found: stat) -> Outcome.Facts {
        let isDirectory = found.st_mode & S_IFMT == S_IFDIR
        return Outcome.Facts(
            mode: found.st_mode, links: UInt64(found.st_nlink), uid: found.st_uid,
            gid: found.st_gid, size: isDirectory ? 0 : Int64(found.st_size),
            modified: found.st_mtim.tv_sec < 1_420_000_000 ? Int64(found.st_mtim.tv_sec) : 0)
    }

    private func list(_ path: [UInt8]) -> Outcome {
        guard let stream = opendir(full(path)) else { return Outcome(code: errno, value: 0) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) { names.append(nameBytes(entry)) }
        let sorted = names.sorted { $0.lexicographicallyPrecedes($1) }
        return Outcome(code: 0, value: digest(Array(sorted.joined(separator: [0x2F]))))
    }
}
