// ChildOutput: runs a program, passes on what it writes as it comes, and keeps the end of it.

import Glibc
import Platform
import Synchronization

struct ChildOutput {
    /// The exit status, or 128 plus the number of the signal that ended the program.
    let status: Int32
    /// The last bytes of both outputs, in the order in which they came.
    let tail: [UInt8]

    /// `tail` as text that a control file takes: a NUL cannot be in a word.
    var text: String {
        String(decoding: tail, as: UTF8.self).replacing("\0", with: "\u{fffd}")
    }

    private static let most = 64 << 10
    /// How often the end of the program is looked for, in milliseconds. A process that it leaves behind may
    /// keep the pipes open.
    private static let interval: Int32 = 100

    static func run(_ words: [String], in directory: String, isSilent: Bool) throws(Failure) -> ChildOutput {
        guard chdir(directory) == 0 else {
            throw Failure("cannot change into \(directory): \(Errno.last)")
        }
        let output: (read: Int32, write: Int32), errors: (read: Int32, write: Int32)
        do throws(Errno) {
            output = try Subprocess.makePipe()
            errors = try Subprocess.makePipe()
        } catch {
            throw Failure("cannot make a pipe: \(error)")
        }
        PassedSignals.catchAll()
        let child: Int32
        do throws(Errno) {
            child = try Subprocess.start(
                words.map { Array($0.utf8) }, environment: environment(), output: output.write,
                errors: .to(errors.write), keepsInput: true)
        } catch {
            // The statuses of a shell.
            let sentence = "draftfs: cannot run \(Text.printable(words[0])): \(error)"
            if !isSilent { printError(sentence) }
            return ChildOutput(status: error == .noEntry ? 127 : 126, tail: Array((sentence + "\n").utf8))
        }
        PassedSignals.pass(to: child)
        close(output.write)
        close(errors.write)
        return passOn(child, output.read, errors.read, isSilent: isSilent)
    }

    private static func environment() -> [String] {
        var variables: [String] = []
        var next = environ
        while let variable = next.pointee {
            variables.append(String(cString: variable))
            next += 1
        }
        return variables
    }

    private static func passOn(
        _ child: Int32, _ output: Int32, _ errors: Int32, isSilent: Bool
    ) -> ChildOutput {
        var tail: [UInt8] = []
        var status: Int32?
        var open = [output, errors].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while open.contains(where: { $0.fd >= 0 }) {
            let ready = poll(&open, nfds_t(open.count), status == nil ? interval : 0)
            if ready < 0, errno != EINTR { break }
            // All that the program itself has written was read.
            if ready == 0, status != nil { break }
            if status == nil { status = reaped(child) }
            if ready <= 0 { continue }
            for index in open.indices where open[index].fd >= 0 && open[index].revents != 0 {
                let count = read(open[index].fd, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                if count <= 0 {
                    close(open[index].fd)
                    open[index].fd = -1
                    continue
                }
                let bytes = buffer[..<count]
                tail += bytes
                if tail.count > 2 * most { tail.removeFirst(tail.count - most) }
                // If the reader of the output is gone, the program goes on, and its result is kept.
                if !isSilent { writeBytes(bytes, to: index == 0 ? STDOUT_FILENO : STDERR_FILENO) }
            }
        }
        while status == nil {
            status = reaped(child)
            if status == nil { usleep(1_000) }
        }
        return ChildOutput(status: status ?? 1, tail: tail.suffix(most))
    }

    private static func reaped(_ child: Int32) -> Int32? {
        guard let status = Subprocess.poll(child) else { return nil }
        PassedSignals.pass(to: 0)
        return status
    }
}

/// The signals that a running program gets instead of this process, which must outlive it to keep its result.
enum PassedSignals {
    /// The program that signals are passed on to; 0 if there is none.
    private static let child = Atomic<Int32>(0)
    /// A signal that came before the program was started.
    private static let early = Atomic<Int32>(0)

    /// A signal that is ignored stays ignored, for the program too (nohup(1)).
    static func catchAll() {
        signal(SIGPIPE, SIG_IGN)
        let ignored = ignoredSignals()
        // The terminal sends these to the program as well.
        for number in [SIGINT, SIGQUIT] where !ignored.contains(number) { signal(number) { _ in } }
        for number in [SIGTERM, SIGHUP] where !ignored.contains(number) {
            signal(number) { number in
                let process = PassedSignals.child.load(ordering: .relaxed)
                if process > 0 {
                    kill(process, number)
                } else {
                    PassedSignals.early.store(number, ordering: .relaxed)
                }
            }
        }
    }

    /// - Parameter process: 0 once it has ended.
    static func pass(to process: Int32) {
        child.store(process, ordering: .relaxed)
        let number = early.exchange(0, ordering: .relaxed)
        if number > 0, process > 0 { kill(process, number) }
    }

    /// Returns the signals that this process ignores (proc(5), SigIgn); none if that cannot be read.
    private static func ignoredSignals() -> Set<Int32> {
        guard let file = try? File.open("/proc/self/status", flags: O_RDONLY),
            let bytes = try? file.readBytes(8_192, at: 0)
        else { return [] }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.first == "SigIgn:", words.count > 1, let mask = UInt64(words[1], radix: 16)
            else { continue }
            return Set((1...64).filter { mask >> UInt64($0 - 1) & 1 == 1 }.map { Int32($0) })
        }
        return []
    }
}
