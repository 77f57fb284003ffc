// The workspace that a command is about, and the command's paths in it.

import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Places {
        @Test(arguments: [
            ("a.c", "/a.c"), ("./a.c", "/a.c"), ("src/../a.c", "/a.c"), ("src//a.c", "/src/a.c"),
            ("src/", "/src"), (".", "/"), ("src/..", "/"), ("none/such", "/none/such"),
            ("none/../x", "/x"), ("-x", "/-x"), ("3", "/3"), ("with space", "/with space"),
            ("src/link", "/src/link"), ("up/a.c", "/src/a.c"), ("src/.", "/src"),
        ])
        func `A path is given below the workspace's root`(given: String, path: String) throws {
            let fake = try Self.tree()
            let place = try Place(directory: fake.root)
            #expect(try place.path(given) == path)
            #expect(try place.path("\(fake.root)/\(given)") == path)
        }

        /// Makes a workspace in which `src/link` leads out and `up` leads to `src`.
        private static func tree() throws -> FakeWorkspace {
            let fake = try FakeWorkspace()
            try makeDirectory(fake("src"))
            try must("symlink", symlink("/etc/hostname", fake("src/link")))
            try must("symlink", symlink("src", fake("up")))
            return fake
        }

        @Test func `The workspace is found from below it, and paths are relative to there`() throws {
            let fake = try Self.tree()
            let place = try Place(directory: fake("src"))
            #expect(place.root == fake.root)
            #expect(try place.path("a.c") == "/src/a.c")
            #expect(try place.path("../b") == "/b")
            #expect(try place.path("..") == "/")
        }

        @Test func `A path says which workspace is meant, but not against a directory given`() throws {
            let (one, two) = (try Self.tree(), try Self.tree())
            #expect(try Place(directory: nil, paths: [one("src/x")]).root == one.root)
            #expect(try Place(directory: nil, paths: [one.root]).root == one.root)
            let place = try Place(directory: two.root, paths: [one("src/x")])
            #expect(place.root == two.root)
            #expect(throws: Failure.self) { try place.path(one("src/x")) }
        }

        @Test func `A link at the root's side is not the workspace that it leads to`() throws {
            let fake = try Self.tree()
            try must("symlink", symlink(fake.root, fake.directory("link")))
            #expect(Place.root(above: fake.directory("link")) == nil)
            #expect(try Place(directory: fake.directory("link")).root == fake.root)
        }

        @Test(arguments: ["/etc/passwd", "..", "../other", "src/../../x"])
        func `What is outside of the workspace is refused`(path: String) throws {
            let fake = try Self.tree()
            let place = try Place(directory: fake.root)
            #expect(throws: Failure.self) { try place.path(path) }
        }

        @Test func `Where there is no workspace a sentence says so`() throws {
            let empty = try TemporaryDirectory("command")
            let result = try Program.run(["history"], directory: empty.path)
            #expect(result.status == 1)
            #expect(result.errorText.hasPrefix("draftfs: . is not in a draftfs mount"))
            #expect(result.errorText.split(separator: "\n").count == 1)
        }
    }
}
