// POSIX checks of access control: which users may read, write and search, what a default ACL passes on,
// how chmod and ACLs affect each other, and what clears set-id bits and capabilities. The checks run as
// root and use other users. The control group is a plain directory that supports ACLs.

import Glibc

/// Runs a shell script as a user whose own group has the same number, in further groups.
package func asUser(
    _ user: UInt32, groups: [UInt32] = [], _ script: String, in place: PosixPlace
) throws -> ChildResult {
    let further = groups.isEmpty
        ? "--clear-groups" : "--groups=\(groups.map(String.init).joined(separator: ","))"
    return try ChildProcess.run(
        ["setpriv", "--reuid=\(user)", "--regid=\(user)", further, "sh", "-c", script],
        seconds: 30, directory: place.path)
}

/// Returns what a user can do with a file: `r`, `w` and `x`, each tested by a call that needs it.
package func access(
    to name: String, as user: UInt32, groups: [UInt32] = [], in place: PosixPlace
) throws -> String {
    let script = """
        exec 2>/dev/null
        (exec 3<'\(name)') && printf r || printf -
        (exec 3>>'\(name)') && printf w || printf -
        test -x '\(name)' && printf x || printf -
        """
    return try asUser(user, groups: groups, script, in: place).text
}

/// Fails unless each user has exactly the expected access.
func allows(
    _ name: String, _ expected: [(user: UInt32, groups: [UInt32], access: String)],
    in place: PosixPlace
) throws {
    for (user, groups, wanted) in expected {
        let found = try access(to: name, as: user, groups: groups, in: place)
        try same(found, wanted, "access of user \(user), groups \(groups), to \(name)")
    }
}

/// User and group IDs without a meaning on any host.
private let bob: UInt32 = 54_001
private let eve: UInt32 = 54_002
private let team: UInt32 = 54_101
private let guests: UInt32 = 54_102

extension PosixCheck {
    static let accessControlChecks: [PosixCheck] =
        accessChecks + inheritanceChecks + privilegeChecks

    private static let accessChecks: [PosixCheck] = [
        PosixCheck(
            "an entry of a named user counts, whatever the mode gives others", needs: .acls,
            prepare: { p in
                try file(p("old"), mode: 0o644, acl: "u:\(bob):-")
                try file(p("less"), mode: 0o600, acl: "u:\(bob):r")
                try file(p("edited"), mode: 0o644, acl: "u:\(bob):-")
            }
        ) { p in
            try withOpen(p("edited"), O_WRONLY | O_APPEND) { try writeAll($0, [0x0A]) }
            try file(p("new"), mode: 0o644, acl: "u:\(bob):-")
            try file(p("more"), mode: 0o600, acl: "u:\(bob):rw")
            for name in ["old", "edited", "new"] {
                try allows(name, [(bob, [], "---"), (eve, [], "r--")], in: p)
            }
            try allows("less", [(bob, [], "r--"), (eve, [], "---")], in: p)
            try allows("more", [(bob, [], "rw-"), (eve, [], "---")], in: p)
        },
        PosixCheck(
            "entries of groups: any that grants is enough, and one that matches shuts others out",
            needs: .acls,
            prepare: { p in
                try file(p("f"), mode: 0o604, acl: "g:\(team):rw,g:\(guests):-")
                chown(p("f"), 0, 77)
            }
        ) { p in
            try allows(
                "f",
                [
                    (bob, [], "r--"), (bob, [team], "rw-"), (bob, [guests], "---"),
                    (bob, [guests, team], "rw-"), (bob, [77], "---"), (bob, [77, team], "rw-"),
                ], in: p)
        },
        PosixCheck("the mask bounds what entries grant, and chmod moves it", needs: .acls) { p in
            try file(p("f"), mode: 0o600, acl: "u:\(bob):rwx,g:\(team):rw,m::r")
            try allows("f", [(bob, [], "r--"), (eve, [team], "r--")], in: p)
            try must("chmod", chmod(p("f"), 0o600))
            try allows("f", [(bob, [], "---"), (eve, [team], "---")], in: p)
            try must("chmod", chmod(p("f"), 0o670))
            try allows("f", [(bob, [], "rwx"), (eve, [team], "rw-"), (eve, [0], "---")], in: p)
            try same(try status(p("f")).st_mode & 0o777, 0o670, "mode")
        },
        PosixCheck(
            "an ACL of a directory rules listing, searching and making names", needs: .acls,
            prepare: { p in
                try makeDirectory(p("d"))
                try file(p("d/f"), mode: 0o644)
                try ChildProcess.check(
                    ["setfacl", "-m", "u:\(bob):-,u:\(eve):wx,g:\(team):rx", p("d")])
            }
        ) { p in
            let other: UInt32 = 54_003
            for (user, groups, script, isAllowed) in [
                (bob, [], "ls d", false), (bob, [], "cat d/f", false), (eve, [], "ls d", false),
                (eve, [], "cat d/f && mkdir d/e && mv d/e d/g && rmdir d/g", true),
                (other, [team], "ls d && cat d/f", true), (other, [team], "mkdir d/x", false),
            ] as [(UInt32, [UInt32], String, Bool)] {
                let done = try asUser(user, groups: groups, script, in: p)
                try same(done.succeeded, isAllowed, "user \(user): \(script)")
            }
        },
        PosixCheck("a change of an ACL or mode is seen by the next call", needs: .acls) { p in
            try file(p("f"), mode: 0o640)
            for (command, wanted) in [
                ("setfacl -m u:\(bob):r f", "r--"), ("setfacl -m u:\(bob):rw f", "rw-"),
                ("chmod 600 f", "---"), ("setfacl -m m::r f", "r--"),
                ("setfacl -x u:\(bob) f", "---"),
                ("setfacl -m u:\(bob):r f", "r--"), ("setfacl -b f", "---"),
                ("setfacl -m u:\(bob):rw f", "rw-"),
                ("setfattr -x system.posix_acl_access f", "---"), ("chmod 604 f", "r--"),
                ("cp f g; chmod 644 g; setfacl -m u:\(bob):- g; mv g f", "---"),
                ("setfacl --set u::rw,g::-,o::rw f", "rw-"),
            ] {
                try ChildProcess.shell(command, directory: p.path)
                try same(try access(to: "f", as: bob, in: p), wanted, "after \(command)")
            }
        },
        PosixCheck(
            "an ACL that says no more than the mode changes mode and ctime", needs: .acls
        ) { p in
            try file(p("f"), mode: 0o640)
            let before = try status(p("f"))
            usleep(20_000)
            try ChildProcess.shell("setfacl -m u::rwx,g::-,o::- f", directory: p.path)
            let after = try status(p("f"))
            try same(after.st_mode & 0o777, 0o700, "mode")
            let times = (before.st_ctim, after.st_ctim)
            try expect(
                (times.0.tv_sec, times.0.tv_nsec) < (times.1.tv_sec, times.1.tv_nsec), "ctime stays")
            try same(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec, "mtime")
        },
    ]

    private static let inheritanceChecks: [PosixCheck] = [
        PosixCheck(
            "a default ACL grants what it says on all that is made below", needs: .acls,
            prepare: { p in
                try makeDirectory(p("based"))
                try ChildProcess.check(
                    ["setfacl", "-d", "-m", "u:\(bob):rwx,g:\(team):rx,o::-", p("based")])
            }
        ) { p in
            try makeDirectory(p("new"))
            try ChildProcess.shell(
                """
                setfacl -d -m u:\(bob):rwx,g:\(team):rx,o::- new
                umask 077
                for d in based new; do
                  mkdir -p $d/sub/deep; echo x > $d/f; echo x > $d/sub/deep/f
                  echo x > $d/closed; chmod 600 $d/closed
                  (umask 0; mkfifo $d/pipe; rm $d/pipe; install -m 700 /dev/null $d/tool)
                done
                """, directory: p.path)
            for top in ["based", "new"] {
                for name in ["f", "sub/deep/f"] {
                    try allows(
                        "\(top)/\(name)",
                        [(bob, [], "rw-"), (eve, [], "---"), (eve, [team], "r--")], in: p)
                }
                try allows("\(top)/closed", [(bob, [], "---"), (eve, [team], "---")], in: p)
                try allows("\(top)/sub/deep", [(bob, [], "r-x"), (eve, [team], "r-x")], in: p)
                let made = try asUser(
                    bob, "umask 0; echo y > \(top)/sub/deep/own; mkdir \(top)/sub/deep/dir", in: p)
                try same(made.status, 0, "bob's own names: \(made.errorText)")
                let modes = try ChildProcess.shell(
                    "stat -c '%u %a' sub/deep/own sub/deep/dir closed tool",
                    directory: p(top))
                try same(modes, "\(bob) 660\n\(bob) 770\n0 600\n0 700\n", "owners and modes")
                try allows("\(top)/sub/deep/own", [(eve, [], "---"), (eve, [team], "r--")], in: p)
            }
        },
        PosixCheck("a minimal default ACL sets modes and hides the umask", needs: .acls) { p in
            try ChildProcess.shell(
                """
                mkdir d; setfacl -d -m u::rwx,g::rx,o::- d
                umask 0; echo x > d/f; mkdir d/e; umask 077; echo x > d/e/g
                test "$(stat -c %a d/f d/e d/e/g | tr '\\n' ' ')" = "640 750 640 "
                if getfattr -m - d/f | grep posix_acl_access; then exit 1; fi
                setfacl -k d; echo x > d/h; test $(stat -c %a d/h) = 600
                """, directory: p.path)
        },
        PosixCheck(
            "a copy that keeps attributes keeps the ACL, one that does not has none", needs: .acls
        ) { p in
            try file(p("f"), mode: 0o600, acl: "u:\(bob):r")
            try ChildProcess.shell("cp -a f kept; cp f bare; ln f link", directory: p.path)
            for name in ["f", "kept", "link"] {
                try allows(name, [(bob, [], "r--"), (eve, [], "---")], in: p)
            }
            try allows("bare", [(eve, [], "---")], in: p)
        },
    ]

    private static func file(_ path: String, mode: mode_t, acl: String? = nil) throws {
        try writeFile(path, "x")
        try must("chmod", chmod(path, mode))
        if let acl { try ChildProcess.check(["setfacl", "-m", acl, path]) }
    }
}

// Set-id bits and capabilities, and what clears them.
extension PosixCheck {
    /// A capability set (cap_net_raw+ep) in the format of security.capability.
    private static let capability = "0x0100000200200000000000000000000000000000"

    private static let privilegeChecks: [PosixCheck] = [
        PosixCheck(
            "setgid goes when one outside of the file's group sets an ACL", needs: .acls
        ) { p in
            for (name, groups, wanted) in [
                ("out", [], 0o750), ("in", [team], 0o2750),
            ] as [(String, [UInt32], mode_t)] {
                try writeFile(p(name), "x")
                try must("chown", chown(p(name), bob, team))
                try must("chmod", chmod(p(name), 0o2750))
                let set = try asUser(bob, groups: groups, "setfacl -m u:\(eve):rx \(name)", in: p)
                try same(set.status, 0, "setfacl: \(set.errorText)")
                try same(try status(p(name)).st_mode & 0o7777, wanted, "mode of \(name)")
            }
        },
        PosixCheck(
            "set-id bits go with a write, truncation, allocation or chgrp by others",
            needs: .root,
            prepare: { p in
                for mode in ["2766", "6766", "2776", "6776", "4766", "1766"] {
                    try writeFile(p("b\(mode)"), "xy")
                    chmod(p("b\(mode)"), mode_t(mode, radix: 8) ?? 0)
                }
            }
        ) { p in
            for command in [
                "printf x >> $f", "truncate -s 1 $f", "fallocate -l 9000 $f", "chgrp \(bob) $f",
            ] {
                let outside = try modes(p, command, groups: [])
                try same(outside, "766 766 776 776 766 1766 ", "outside of the group: \(command)")
                let inside = try modes(p, command, groups: [0])
                try same(inside, "2766 2766 776 776 766 1766 ", "inside of the group: \(command)")
            }
            try ChildProcess.shell(
                "for f in b*; do chmod 6766 $f; done", directory: p.path)
            let based = try asUser(
                bob, "for f in b*; do printf x >> $f; stat -c %a $f; done", in: p)
            try same(based.text, String(repeating: "766\n", count: 6), "files of the base")
        },
        PosixCheck("a write, truncation or chown takes file capabilities away", needs: .root) { p in
            for (index, command) in [
                "printf x >> $f", "truncate -s 0 $f", "chown 12 $f", "chgrp 12 $f",
                "fallocate -l 5000 $f", "dd if=/dev/zero of=$f bs=1 count=1 conv=notrunc",
            ].enumerated() {
                let script = """
                    f=f\(index); printf xyz > $f; chmod 755 $f
                    setfattr -n security.capability -v \(capability) $f
                    getfattr -e hex -n security.capability $f | grep -q \(capability)
                    cat $f; chmod 700 $f
                    getfattr -e hex -n security.capability $f | grep -q \(capability)
                    \(command)
                    ! getfattr -n security.capability $f
                    """
                try ChildProcess.shell(script, directory: p.path)
            }
        },
    ]

    /// Returns the modes of fresh files of root after another user has run `command` on them.
    private static func modes(
        _ place: PosixPlace, _ command: String, groups: [UInt32]
    ) throws -> String {
        var found = ""
        for mode in ["2766", "6766", "2776", "6776", "4766", "1766"] {
            let owner = command.hasPrefix("chgrp") ? bob : 0
            try ChildProcess.shell(
                "rm -f f; echo hello > f; chown \(owner):0 f; chmod \(mode) f",
                directory: place.path)
            let done = try asUser(bob, groups: groups, "f=f; \(command)", in: place)
            try same(done.status, 0, "\(command): \(done.errorText)")
            found += String(try status(place("f")).st_mode & 0o7777, radix: 8) + " "
        }
        return found
    }
}
