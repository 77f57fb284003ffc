// Builds in a workspace: a C project with make, and a Python environment with packages.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canRun, "needs /dev/fuse"))
    struct Build {
        /// A hundred sources, each with its own header, and one header that all include.
        static let project = """
            mkdir src; cd src
            echo '#define BASE 1000' > all.h
            for i in $(seq 100); do
              echo "int f$i(int);" > f$i.h
              printf '#include "all.h"\\n#include "f%s.h"\\n' $i > f$i.c
              echo "int f$i(int x) { return x + $i + BASE; }" >> f$i.c
            done
            { echo '#include <stdio.h>'
              for i in $(seq 100); do echo "#include \\"f$i.h\\""; done
              echo 'int main(void) { int s = 0;'
              for i in $(seq 100); do echo "s += f$i(0);"; done
              echo 'printf("%d\\n", s); return 0; }'; } > main.c
            cat > Makefile <<'M'
            OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
            program: $(OBJECTS)
            \t@$(CC) -o $@ $(OBJECTS)
            \t@echo LINK
            %.o: %.c
            \t@$(CC) -MMD -O0 -c -o $@ $<
            \t@echo CC $<
            -include $(OBJECTS:.o=.d)
            M
            """

        @Test("A C project builds with make -j2 and rebuilds what changed only")
        func cProject() throws {
            try mounted(prepare: { try ChildProcess.shell(Self.project, directory: $0) }) { mount in
                func make() throws -> [Substring] {
                    try ChildProcess.shell("make -j2", seconds: 180, directory: mount("src"))
                        .split(separator: "\n")
                }
                func run() throws -> String {
                    try ChildProcess.check([mount("src/program")])
                }
                try same(try make().filter { $0.hasPrefix("CC") }.count, 101, "compilations")
                try same(try run(), "105050\n", "output")
                try expect(try make().allSatisfy { $0.contains("up to date") }, "made again")
                try ChildProcess.shell("touch f7.c", directory: mount("src"))
                try same(try make(), ["CC f7.c", "LINK"], "after touching one file")
                try ChildProcess.shell(
                    "sed -i 's/x + 9 /x + 10 /' f9.c", directory: mount("src"))
                try same(try make(), ["CC f9.c", "LINK"], "after editing one file")
                try same(try run(), "105051\n", "output")
                try mount.remount()
                try expect(try make().allSatisfy { $0.contains("up to date") }, "after remount")
                try ChildProcess.shell("echo '#define BASE 0' > all.h", directory: mount("src"))
                try same(try make().filter { $0.hasPrefix("CC") }.count, 100, "after a header")
                try same(try run(), "5051\n", "output")
            }
        }

        /// Whether pip reaches a package index.
        static let canInstall: Bool = {
            guard let directory = try? TemporaryDirectory("pip") else { return false }
            let python = directory("venv/bin/python")
            return [
                [TestEnvironment.python, "-m", "venv", directory("venv")],
                [python, "-m", "pip", "download", "-q", "--no-deps", "-d", directory("got"), "six"],
            ].allSatisfy { words in
                let run = try? ChildProcess.run(
                    words, seconds: 120, environment: ["PIP_DEFAULT_TIMEOUT": "15"])
                return run?.succeeded == true
            }
        }()

        @Test(
            "A Python environment with two packages installs and runs",
            .enabled(if: TestEnvironment.canRun && canInstall, "needs a package index for pip"))
        func pythonEnvironment() throws {
            try mounted { mount in
                let python = TestEnvironment.python
                try ChildProcess.check([python, "-m", "venv", mount("venv")], seconds: 120)
                let bin = mount("venv/bin")
                try ChildProcess.check(
                    ["\(bin)/python", "-m", "pip", "install", "-q", "six", "packaging"],
                    seconds: 180, environment: ["PIP_DEFAULT_TIMEOUT": "15"])
                let program = """
                    import six, packaging.version as v
                    assert six.PY3 and v.Version("1.10") > v.Version("1.9")
                    print(six.__file__)
                    """
                let text = try ChildProcess.check(["\(bin)/python", "-c", program])
                try expect(text.hasPrefix(mount("venv")), "imported from \(text)")
                try mount.kill9()
                try mount.remount()
                try ChildProcess.check(["\(bin)/python", "-c", program])
                try ChildProcess.check(["\(bin)/python", "-m", "pip", "uninstall", "-qy", "six"])
                let gone = try ChildProcess.run(["\(bin)/python", "-c", "import six"])
                try expect(!gone.succeeded, "six is still there")
            }
        }
    }
}
