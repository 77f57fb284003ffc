// POSIX checks of sharing: locks between processes, many processes in one directory, statfs.

import Glibc

extension PosixCheck {
    static let sharingChecks: [PosixCheck] = [
        PosixCheck("flock and fcntl locks hold between processes") { p in
            try writeFile(p("f"), "0123456789")
            let script = """
                import fcntl, os, subprocess, sys
                take = '''
                import fcntl, sys
                f = open("f", "r+")
                try:
                    if sys.argv[1] == "flock": fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    else: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 2, int(sys.argv[2]))
                except BlockingIOError: sys.exit(9)
                '''
                def other(*a): return subprocess.call([sys.executable, "-c", take, *a])
                f = open("f", "r+")
                assert other("flock") == 0
                fcntl.flock(f, fcntl.LOCK_EX)
                assert other("flock") == 9
                fcntl.flock(f, fcntl.LOCK_UN)
                assert other("flock") == 0
                fcntl.lockf(f, fcntl.LOCK_EX, 2, 4)
                assert other("lockf", "5") == 9
                assert other("lockf", "6") == 0
                open("f").close()
                assert other("lockf", "4") == 0, "closing any descriptor drops the locks"
                """
            try ChildProcess.check(
                [TestEnvironment.python, "-c", script], seconds: 60, directory: p.path)
        },
        PosixCheck("a waiting lock is granted when its holder dies") { p in
            try writeFile(p("f"), "")
            try ChildProcess.shell(
                """
                flock f sleep 300 & holder=$!
                for i in $(seq 100); do flock -n f true || break; sleep 0.05; done
                if flock -n f true; then exit 1; fi
                flock -w 20 f echo granted > answer & waiter=$!
                sleep 0.2; kill -9 $(ps -o pid= --ppid $holder) $holder
                wait $waiter; grep -q granted answer
                """, seconds: 40, directory: p.path)
        },
        PosixCheck("processes create, rename and remove in one directory at once") { p in
            let script = """
                import os, sys
                me = sys.argv[1]
                for i in range(300):
                    name = f"{me}-{i}"
                    open(name, "w").write(name)
                    os.rename(name, name + "x")
                    assert open(name + "x").read() == name
                    if i % 3: os.unlink(name + "x")
                """
            let children = try (0..<4).map { number in
                try ChildProcess(
                    [TestEnvironment.python, "-c", script, "\(number)"], directory: p.path)
            }
            for child in children {
                let result = child.result(seconds: 60)
                try expect(result.succeeded, "a process failed: \(result.errorText)")
            }
            try same(try names(in: p.path).count, 400, "names left")
        },
        PosixCheck("exactly one of many processes wins O_EXCL, mkdir and rename") { p in
            try ChildProcess.shell(
                """
                for round in $(seq 30); do
                  : > from$round
                  for w in 1 2 3 4; do
                    (set -C; : > excl$round) 2>/dev/null && echo "e$round" >> won &
                    mkdir dir$round 2>/dev/null && echo "d$round" >> won &
                    mv from$round to$round-$w 2>/dev/null && echo "r$round" >> won &
                  done; wait
                done
                test $(wc -l < won) = 90; test $(sort -u won | wc -l) = 90
                test $(ls | grep -c '^to') = 30; test $(ls | grep -c '^from') = 0
                """, seconds: 60, directory: p.path)
        },
        PosixCheck("statfs answers sizes that make sense") { p in
            var found = statvfs()
            try must("statvfs", statvfs(p.path, &found))
            try expect(found.f_bsize > 0 && found.f_frsize > 0, "no block size")
            try expect(found.f_blocks > 0 && found.f_bavail <= found.f_blocks, "block counts")
            try same(found.f_namemax, 255, "longest name")
        },
        PosixCheck("programs are run from it, scripts and binaries") { p in
            try ChildProcess.shell(
                """
                cp /bin/true ./t; ./t
                printf '#!/bin/sh\\necho run $1\\n' > s; chmod +x s; test "$(./s me)" = "run me"
                chmod -x s; if ./s 2>/dev/null; then exit 1; fi
                if ./t; then true; fi; rm t
                """, directory: p.path)
        },
    ]
}
