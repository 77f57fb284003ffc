// Paths and links of the host: what leads out of the roots is refused, what stays inside works, and an
// edit keeps everything except content.

import Glibc
import Platform
import TestSupport
import Testing
@testable import Tools

@Suite struct HostGroundTests {
    @Test("Paths may be absolute or relative to the first root, with backslashes or a drive")
    func paths() throws {
        let bench = try Bench()
        try makeDirectory(bench("d"))
        try bench.write("d/f", "here")
        let whole = bench("d/f")
        let backslashes = String(whole.map { $0 == "/" ? "\\" : $0 })
        for text in ["d/f", "./d//f", "d/../d/f", whole, "d\\f", "C:" + whole, "c:" + backslashes] {
            let path = try bench.path(text)
            #expect(path.description == whole, "\(text)")
            #expect(try bench.ground.status(path).type == .regular, "\(text)")
        }
        #expect(kind { () throws(ToolError) in _ = try bench.path("") } == .usage)
        #expect(kind { () throws(ToolError) in _ = try bench.path("a\0b") } == .usage)
        #expect(
            kind { () throws(ToolError) in
                _ = try bench.path(String(repeating: "x/", count: 3_000))
            } == .bounds)
    }

    @Test("Paths out of the roots are refused, by .., absolute paths and symlinks")
    func escapes() throws {
        let bench = try Bench()
        try writeFile(bench.directory("secret"), "secret")
        try makeDirectory(bench.directory("outside"))
        try writeFile(bench.directory("outside/f"), "secret")
        try must("link", symlink("../secret", bench("relative")))
        try must("link", symlink(bench.directory("secret"), bench("absolute")))
        try must("link", symlink(bench.directory("outside"), bench("directory")))
        try must("link", symlink("loop", bench("loop")))
        for text in ["../secret", bench.directory("secret"), "relative", "absolute", "directory/f",
            "directory/../../secret", "/etc/passwd", "loop"] {
            #expect(
                kind { () throws(ToolError) in
                    _ = try bench.ground.open(try bench.path(text))
                } == .denied, "\(text)")
        }
        // The status of a link itself may be read.
        #expect(try bench.ground.status(try bench.path("absolute")).type == .symlink)
    }

    @Test("Symlinks that stay inside are followed, relative and absolute")
    func inside() throws {
        let bench = try Bench()
        try makeDirectory(bench("d"))
        try bench.write("d/f", "here")
        try must("link", symlink("d/f", bench("relative")))
        try must("link", symlink(bench("d"), bench("absolute")))
        for text in ["relative", "absolute/f"] {
            #expect(try bench.text(text).read(0..<9) == Array("here".utf8), "\(text)")
            try bench.edit(text, .replace(old: "here", new: "here", everywhere: false))
        }
        #expect(try bench.ground.status(try bench.path("relative")).type == .symlink)
        try bench.edit("relative", .replace(old: "here", new: "there", everywhere: false))
        #expect(try bench.string("d/f") == "there")
        #expect(try bench.ground.status(try bench.path("relative")).type == .symlink)
    }

    @Test("Opening a directory, a FIFO or a missing file fails at once")
    func others() throws {
        let bench = try Bench()
        try makeDirectory(bench("d"))
        try must("fifo", mkfifo(bench("fifo"), 0o600))
        for (text, expected) in [("d", ToolError.Kind.wrongType), ("fifo", .wrongType), ("none", .missing)] {
            #expect(
                kind { () throws(ToolError) in
                    _ = try bench.ground.open(try bench.path(text))
                } == expected, "\(text)")
        }
    }

    @Test("An edit keeps mode, owner, attributes, other names and holes")
    func metadata() throws {
        let bench = try Bench()
        try bench.write("f", "one two")
        // Only root can give a file away.
        let (user, group): (UInt32, UInt32) = TestEnvironment.isRoot ? (12, 34) : (geteuid(), getegid())
        try must("chown", chown(bench("f"), user, group))
        try must("chmod", chmod(bench("f"), 0o4751))
        try File.open(bench("f"), flags: O_RDWR).setExtendedAttribute(
            Array("user.note".utf8), to: Array("kept".utf8))
        try bench.edit("f", .replace(old: "two", new: "three", everywhere: false))
        let attributes = try File.open(bench("f"), flags: O_RDONLY).extendedAttributes()
        #expect(attributes.map { String(decoding: $0.name, as: UTF8.self) } == ["user.note"])
        let edited = try bench.ground.status(try bench.path("f"))
        #expect(edited.mode & 0o7777 == 0o4751 && edited.user == user && edited.group == group)
        try must("link", link(bench("f"), bench("g")))
        try bench.edit("f", .replace(old: "one", new: "1", everywhere: false))
        #expect(try bench.string("g") == "1 three")
        let linked = try bench.ground.status(try bench.path("g"))
        #expect(linked.links == 2 && linked.user == user && linked.group == group)
        try must("truncate", truncate(bench("f"), 0))
        try must("unlink", unlink(bench("g")))
        try must("truncate", truncate(bench("f"), 64 << 20))
        _ = try bench.ground.splice(
            try bench.path("f"), [ByteSplice(offset: 32 << 20, delete: 0, insert: [1])],
            expecting: nil)
        let status = try bench.ground.status(try bench.path("f"))
        #expect(status.size == 64 << 20 + 1)
        #expect(status.blocks < 8192)
    }

    @Test("A file that has changed since it was read is not edited")
    func stale() throws {
        let bench = try Bench()
        try bench.write("f", "one")
        let version = try bench.text("f").version
        try bench.write("f", "two!")
        #expect(
            kind { () throws(ToolError) in
                _ = try bench.ground.splice(
                    try bench.path("f"), [ByteSplice(offset: 0, delete: 1, insert: [])],
                    expecting: version)
            } == .stale)
        #expect(try bench.string("f") == "two!")
    }

    @Test("A directory that holds a root is neither moved nor removed")
    func nestedRoots() throws {
        let bench = try Bench()
        try makeDirectory(bench("d"))
        try makeDirectory(bench("d/kept"))
        try bench.write("d/f", "one")
        try bench.write("d/kept/f", "two")
        let ground = try HostGround([(bench(""), false), (bench("d/kept"), true)], home: nil)
        let path = try ground.roots.path("d")
        let other = try ground.roots.path("e")
        #expect(kind { () throws(ToolError) in try ground.removeTree(path) } == .denied)
        #expect(kind { () throws(ToolError) in try ground.move(path, to: other) } == .denied)
        #expect(kind { () throws(ToolError) in try ground.removeTree(try ground.roots.path(".")) } == .denied)
        #expect(try bench.string("d/f") == "one" && bench.string("d/kept/f") == "two")
    }

    @Test("A read-only root can be read, and nothing in it can be edited")
    func readOnly() throws {
        let bench = try Bench(isReadOnly: true)
        try bench.write("f", "one")
        #expect(try bench.text("f").size == 3)
        #expect(
            kind { () throws(ToolError) in
                try bench.edit("f", .replace(old: "one", new: "two", everywhere: false))
            } == .denied)
    }

    /// Exchanges two names by renames in a simulated list of files.
    /// - Parameter meddle: called before each rename with its number, from 1.
    private func exchanged(
        _ one: ToolPath, _ other: ToolPath,
        meddle: (Int, inout [ToolPath: String]) throws(Errno) -> Void
    ) -> (files: [ToolPath: String], kind: ToolError.Kind?) {
        var files = [one: "new", other: "old"]
        var count = 0
        let failure = kind { () throws(ToolError) in
            try HostGround.exchangeByRenames(one, other) { (name, newName) throws(Errno) in
                count += 1
                try meddle(count, &files)
                if files[newName] != nil { throw .exists }
                files[newName] = files.removeValue(forKey: name)
            }
        }
        return (files, failure)
    }

    @Test("An exchange by renames that fails leaves each name its file")
    func exchangeByRenames() throws {
        let (one, other) = (try ToolPath("/stage/new".utf8), try ToolPath("/d/f".utf8))
        let done = exchanged(one, other) { _, _ in }
        #expect(done.files == [one: "old", other: "new"] && done.kind == nil)
        for failing in 1...3 {
            let failed = exchanged(one, other) { (number, _) throws(Errno) in
                if number == failing { throw .noSpace }
            }
            #expect(failed.files == [one: "new", other: "old"], "rename \(failing)")
            #expect(failed.kind == .bounds, "rename \(failing)")
        }
        // Another process takes the first name meanwhile: no file is lost.
        let taken = exchanged(one, other) { number, files in
            if number == 3 { files[one] = "theirs" }
        }
        #expect(taken.kind == .exists)
        #expect(taken.files[one] == "theirs" && taken.files[other] == "old")
        #expect(taken.files.values.sorted() == ["new", "old", "theirs"])
    }
}
