// git in a workspace over a repository with a thousand files and a hundred commits.

import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canRun, "needs /dev/fuse"))
    struct Git {
        /// A fixed identity and no configuration of the user, so that the result does not depend on the
        /// host.
        static let environment = [
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org",
            "GIT_EDITOR": "true", "GIT_TERMINAL_PROMPT": "0",
        ]

        /// Makes a repository with fast-import: commits 1 to 80 are packed, the others are loose.
        static let script = """
            git init -q -b main repo; cd repo
            make() {
              for c in $(seq $1 $2); do
                echo "commit refs/heads/main"
                echo "committer C <c@example.org> $((1500000000 + c * 60)) +0000"
                printf 'data 9\\ncommit %s\\n' "$(printf %02d $((c % 100)))"
                if [ $c -gt 1 ] && [ $c = $1 ]; then echo "from refs/heads/main^0"; fi
                for i in $(seq 0 9); do
                  body="file $i of commit $c"
                  echo "M 100644 inline dir$((c % 20))/sub$i/file$c"
                  echo "data ${#body}"; echo "$body"
                done
                echo "M 100644 inline counter"; echo "data ${#c}"; echo "$c"
              done
            }
            make 1 80 | git fast-import --quiet
            git repack -qad
            make 81 100 | git -c fastimport.unpackLimit=100000 fast-import --quiet
            git reset -q --hard
            test $(git rev-list --count HEAD) = 100
            test $(git ls-files | wc -l) = 1001
            test $(git count-objects | cut -d' ' -f1) -gt 100
            """

        static func prepare(_ base: String) throws {
            try ChildProcess.shell(script, environment: environment, directory: base)
        }

        private func git(_ script: String, in mount: TestMount, seconds: Double = 120) throws {
            try ChildProcess.shell(
                script, seconds: seconds, environment: Self.environment,
                directory: mount("repo"))
        }

        @Test("A repository in the base is clean at once and takes all of git's daily work")
        func dailyWork() throws {
            try mounted(prepare: Self.prepare) { mount in
                let before = try TreeWalk(mount.base).entries
                try git("test -z \"$(git status --porcelain)\"", in: mount)
                try git(
                    """
                    for back in 1 10 50 99 0; do
                      git checkout -q main~$back
                      test "$(cat counter)" = $((100 - back))
                      test -z "$(git status --porcelain)"
                    done
                    git checkout -q -b topic main~5
                    for i in 1 2 3; do
                      echo change $i >> topic-file; git add -A; git commit -qm t$i
                    done
                    git mv dir1 moved; git commit -qam moved
                    git rebase -q main
                    test $(git rev-list --count HEAD) = 104
                    test -z "$(git status --porcelain)"
                    echo dirty >> counter; git stash -q; git stash pop -q
                    test "$(git status --porcelain)" = " M counter"
                    git checkout -q -- counter
                    git merge-base --is-ancestor main topic
                    """, in: mount)
                try mount.kill9()
                try mount.remount()
                try git(
                    """
                    test -z "$(git status --porcelain)"
                    git fsck --full --strict
                    git gc --aggressive --prune=now -q
                    git fsck --full --strict
                    test $(git rev-list --count topic) = 104
                    """, in: mount)
                try same(try TreeWalk(mount.base).entries, before, "the base")
            }
        }

        @Test("Worktrees, and clones from and into a workspace")
        func clones() throws {
            try mounted(prepare: Self.prepare) { mount in
                let outside = mount.directory("outside")
                try git(
                    """
                    git worktree add -q ../tree main~20
                    test "$(cat ../tree/counter)" = 80
                    (cd ../tree; echo x > x; git add x; git commit -qm x; git fsck --strict)
                    git worktree remove ../tree; git worktree prune
                    git clone -q . \(outside); git -C \(outside) fsck --full --strict
                    test $(git -C \(outside) rev-list --count HEAD) = 100
                    git clone -q \(outside) ../inside; cd ../inside
                    test -z "$(git status --porcelain)"
                    test "$(git rev-parse HEAD)" = "$(git -C ../repo rev-parse main)"
                    git clone -q --no-local ../repo ../packed; git -C ../packed fsck --full
                    git clone -q --local ../repo ../linked; git -C ../linked fsck --full
                    echo y > y; git add y; git commit -qm y; git push -q origin HEAD:pushed
                    git -C \(outside) rev-parse pushed
                    """, in: mount)
                try mount.remount()
                try git("cd ../inside; git fsck --full --strict; git status --porcelain", in: mount)
            }
        }
    }
}
