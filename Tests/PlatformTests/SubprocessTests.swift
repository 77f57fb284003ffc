// SubprocessTests: tests which descriptors a started program inherits.

import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct SubprocessTests {
    @Test("A program that starts while another thread makes a pipe inherits no end of it")
    func closedOnExec() throws {
        let isDone = Shared(false)
        let made = Mutex<Set<UInt64>>([])
        let inherited = Mutex<Set<UInt64>>([])
        let statuses = Mutex<[Int32?]>([])
        try onThreads(2) { index in
            if index == 1 {
                while !isDone.value {
                    guard let ends = try? Subprocess.makePipe() else { continue }
                    var status = stat()
                    if fstat(ends.read, &status) == 0 {
                        made.withLock { _ = $0.insert(UInt64(status.st_ino)) }
                    }
                    close(ends.read)
                    close(ends.write)
                }
                return
            }
            for _ in 0..<60 {
                var output: [UInt8] = []
                let status = try? Subprocess.run(
                    ["ls", "-l", "/proc/self/fd"].map { Array($0.utf8) }, environment: []
                ) { output += $0 }
                statuses.withLock { $0.append(status) }
                // A line has a form such as `3 -> pipe:[12345]`.
                let pipes = String(decoding: output, as: UTF8.self).split(separator: "[")
                    .compactMap { UInt64($0.prefix { $0.isNumber }) }
                inherited.withLock { $0.formUnion(pipes) }
            }
            isDone.value = true
        }
        // ls exits with 1 because its own descriptor of the directory is closed when it reads the link.
        let ends = statuses.withLock { $0 }
        #expect(ends.count == 60 && ends.allSatisfy { $0 == 0 || $0 == 1 })
        // The output of each program is a pipe too, so at least these are found.
        let found = inherited.withLock { $0 }
        #expect(!found.isEmpty)
        let pipes = made.withLock { $0 }
        #expect(!pipes.isEmpty)
        #expect(pipes.isDisjoint(with: found))
    }
}
