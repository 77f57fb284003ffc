// Commands beside other work: a backup contains dirty pages of mappings, no cache shows the state before
// a rollback, concurrent commands and work end, and commands end when the daemon is killed.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Commands {
        private func command(_ mount: TestMount, _ file: String, _ text: String) throws {
            let found = try ControlFiles.command(mount(".draft/\(file)"), text)
            if found != 0 {
                let said = try readText(mount(".draft/last-error"))
                throw CheckFailure("\(file) \(text): \(words(found)): \(said)")
            }
        }

        @Test("A backup has what was written through a shared mapping")
        func dirtyPages() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                try withOpen(mount("mapped"), O_RDWR | O_CREAT) { held in
                    try must("ftruncate", ftruncate(held, 8_192))
                    let memory = mmap(nil, 8_192, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                    guard let memory, memory != MAP_FAILED else {
                        throw CheckFailure("mmap: \(words(errno))")
                    }
                    defer { munmap(memory, 8_192) }
                    for (index, letter) in ["A", "B", "C"].enumerated() {
                        memset(memory, Int32(letter.utf8.first ?? 0), 8_192)
                        try command(mount, "backup", "b\(index)")
                        let found = try readFile(mount(".draft/backups/b\(index)/mapped"))
                        let expected = [UInt8](repeating: letter.utf8.first ?? 0, count: 8_192)
                        try expect(found == expected, "backup \(index) lacks the pages")
                    }
                }
            }
        }

        @Test("What was written through a mapping and never synced is in the store once the file is closed")
        func closedMapping() throws {
            try mounted { mount in
                let content = bytes(20_000, fill: 9)
                try writeFile(mount("mapped"), [UInt8](repeating: 1, count: content.count))
                try withOpen(mount("mapped"), O_RDWR) { held in
                    let memory = mmap(
                        nil, content.count, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                    guard let memory, memory != MAP_FAILED else {
                        throw CheckFailure("mmap: \(words(errno))")
                    }
                    memcpy(memory, content, content.count)
                    munmap(memory, content.count)
                }
                // The kernel's pages of the file go with the mount.
                try mount.kill9()
                try mount.start()
                try same(try readFile(mount("mapped")), content, "the content")
            }
        }

        @Test("After a rollback no cache of the kernel shows what was before")
        func caches() throws {
            try mounted(prepare: Workspaces.prepare) { mount in
                try command(mount, "backup", "start")
                let expected = try TreeWalk(mount.root)
                try writeFile(mount("new"), "new")
                try writeFile(mount("top"), "another and longer text")
                try makeDirectory(mount("sub"))
                try writeFile(mount("sub/inner"), "x")
                try must("chmod", chmod(mount("dir"), 0o700))
                try must("rename", rename(mount("dir/file"), mount("dir/moved")))
                // Fill the caches with everything, also with missing names.
                _ = try TreeWalk(mount.root)
                try refuse(ENOENT, "the old name", access(mount("dir/file"), F_OK))
                try withOpen(mount("top"), O_RDONLY) { held in
                    _ = try readBytes(held, 100, at: 0)
                    try command(mount, "rollback", "start")
                    try same(try readBytes(held, 100, at: 0), Array("top".utf8), "an open file")
                }
                try same(try TreeWalk(mount.root).differences(to: expected), [], "the tree")
                try same(try listing(mount.root), ["dir", "top"], "listing")
                try same(try listing(mount("dir")), ["file"], "listing of dir")
                try refuse(ENOENT, "a new file", access(mount("new"), F_OK))
            }
        }

        /// Writers by write(2) and by mapping, and readers of files, listings and texts. They run as long
        /// as the file `go` exists.
        private static let work = """
            import mmap, os, sys, threading
            def writer(n):
                i = 0
                while os.path.exists('go'):
                    i += 1
                    try:
                        with open(f'w{n}-{i % 20}', 'wb') as f: f.write(b'x' * 9000)
                        # A file of the base: it was never shorter. A rollback to a moment when it was
                        # would cut it under the mapping, which is SIGBUS.
                        fd = os.open(f'm{n}', os.O_RDWR)
                        m = mmap.mmap(fd, 16384)
                        m[0:5000] = b'y' * 5000
                        os.close(fd)
                        # Held open for the page cache, not touched again: a rollback may cut it.
                        os.rename(f'w{n}-{i % 20}', f'r{n}-{i % 7}')
                    except OSError: pass
            def reader():
                while os.path.exists('go'):
                    for d in ['.', 'dir', '.draft/backups']:
                        try:
                            for e in os.listdir(d):
                                p = d + '/' + e
                                if os.path.isfile(p): open(p, 'rb').read()
                        except OSError: pass
                    try: open('.draft/status').read()
                    except OSError: pass
            ts = [threading.Thread(target=writer, args=(n,)) for n in range(3)]
            ts += [threading.Thread(target=reader) for n in range(3)]
            [t.start() for t in ts]
            [t.join() for t in ts]
            """

        private func worker(_ mount: TestMount) throws -> ChildProcess {
            try ChildProcess(
                [TestEnvironment.python, "-c", Self.work], directory: mount.root)
        }

        private static func prepareMapped(_ base: String) throws {
            try Workspaces.prepare(base)
            for number in 0..<3 { try writeFile("\(base)/m\(number)", bytes(16_384, fill: 1)) }
        }

        @Test("Backups and rollbacks end while other threads write, map, read and list")
        func atOnce() throws {
            try mounted(limit: 240, prepare: Self.prepareMapped) { mount in
                try writeFile(mount("go"), "")
                try command(mount, "backup", "start")
                let child = try worker(mount)
                for round in 0..<30 {
                    try command(mount, "backup", "b\(round)")
                    try command(mount, "rollback", round % 3 == 0 ? "start" : "b\(round)")
                }
                try must("unlink", unlink(mount("go")))
                let ended = child.wait(seconds: 60)
                try same(ended, 0, "the workers (\(String(decoding: child.errors(), as: UTF8.self)))")
                try command(mount, "rollback", "start")
                let names = ["dir", "go", "m0", "m1", "m2", "top"]
                try same(try listing(mount.root), names, "the tree at the end")
            }
        }

        @Test("A daemon that is killed while commands run ends, and loses none that had returned")
        func killed() throws {
            for round in 0..<3 {
                try mounted(limit: 120, prepare: Self.prepareMapped) { mount in
                    try writeFile(mount("go"), "")
                    let child = try worker(mount)
                    let commands = try ChildProcess(
                        ["sh", "-c", "i=0; while echo b$i > .draft/backup; do i=$((i+1)); "
                            + "echo $i; done"], directory: mount.root)
                    for _ in 0..<1_000 where commands.output().count < 40 { usleep(5_000) }
                    try mount.kill9()
                    try expect(commands.wait(seconds: 30) != nil, "the shell hangs")
                    child.kill()
                    let made = String(decoding: commands.output(), as: UTF8.self)
                        .split(separator: "\n").count
                    try expect(made > 0, "round \(round): no backup was made")
                    try mount.start()
                    let found = try listing(mount(".draft/backups"))
                    for number in 0..<made {
                        try expect(found.contains("b\(number)"), "b\(number) is lost")
                    }
                }
            }
        }
    }
}
