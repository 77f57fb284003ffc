// A base that moves on: many workspaces have edited files of a git work tree, which is then pulled to a
// newer commit. Each workspace keeps its edited files whole and continues to work.

import Overlay
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct BasePull {
        private static let count = 12

        /// Makes `upstream`, and the base as a clone of it. The clone is in a directory of its own, so
        /// that the workspaces edit files both of the work tree and of `.git`.
        private static let script = """
            git init -q -b main upstream; cd upstream
            seq 20000 > shared; seq 300 > small; echo one > other; mkdir src
            for i in $(seq 40); do seq $i 900 > src/file$i; done
            git add -A; git commit -qm first; cd ..
            git clone -q upstream repo
            cd upstream
            sed -i 's/^5000$/five thousand/' shared; sed -i 1d small; echo two >> other
            for i in $(seq 40); do echo more >> src/file$i; done
            git commit -qam second
            """

        @Test("Twelve workspaces keep their files whole over a git pull in the base")
        func pull() throws {
            try mounted(workspace: nil, prepare: { base in
                try ChildProcess.shell(
                    Self.script, environment: Git.environment, directory: base)
            }) { mount in
                for index in 0..<Self.count {
                    try makeDirectory(mount("w\(index)"))
                    try ChildProcess.shell(
                        """
                        git checkout -q -b topic\(index)
                        printf 'w\(index)' | dd of=shared conv=notrunc bs=1 seek=70000 status=none
                        echo 'end \(index)' >> small; echo mine >> src/file\(index + 1)
                        git add small; git commit -qm before
                        cp shared ../wanted-shared; cp small ../wanted-small
                        """, environment: Git.environment, directory: mount("w\(index)/repo"))
                }
                try ChildProcess.shell(
                    "git pull -q; test \"$(git log --format=%s -1)\" = second",
                    environment: Git.environment, directory: "\(mount.base)/repo")
                for step in ["at once", "after a remount", "after a kill"] {
                    for index in 0..<Self.count {
                        try ChildProcess.shell(
                            """
                            cmp shared ../wanted-shared; cmp small ../wanted-small
                            test "$(tail -1 src/file\(index + 1))" = mine
                            git status --porcelain > ../status
                            grep -q '^ M shared' ../status
                            grep -q '"path":"repo/shared".*"kept":true' ../.draft/drift
                            echo > ../.draft/verify
                            """, environment: Git.environment, directory: mount("w\(index)/repo"))
                    }
                    if step == "at once" { try mount.remount() }
                    if step == "after a remount" {
                        try mount.kill9()
                        try mount.start()
                    }
                }
                for index in 0..<Self.count {
                    try ChildProcess.shell(
                        """
                        git commit -qm shared shared src/file\(index + 1)
                        git show HEAD:shared | cmp - ../wanted-shared
                        git rev-list --objects HEAD > ../objects
                        test "$(git log --format=%s -2 | tr '\\n' ' ')" = 'shared before '
                        for i in $(seq 200); do
                          grep -q '"clean": true' ../.draft/verify && break; sleep 0.05
                        done
                        grep -q '"clean": true' ../.draft/verify
                        grep -q 'has changed since it was touched' ../.draft/verify
                        """, environment: Git.environment, directory: mount("w\(index)/repo"))
                }
            }
        }
    }
}
