// PlacementTests: tests where base, store and mount point may lie.

import Overlay
import TestSupport
import Testing

@Suite struct PlacementTests {
    @Test("Separate places are accepted")
    func accepted() {
        #expect(throws: Never.self) {
            try Placement.check(base: "/a/base", store: "/a/base.draft", mountPoint: "/a/mount")
        }
        #expect(throws: Never.self) {
            try Placement.check(base: "/a/b", store: "/a/bc", mountPoint: nil)
        }
    }

    @Test(
        "Places inside each other are refused",
        arguments: [
            ("/b", "/b/store", "/m"), ("/s/base", "/s", "/m"), ("/b", "/b", "/m"),
            ("/b", "/s", "/b/m"), ("/m/b", "/s", "/m"), ("/b", "/s", "/s/m"), ("/b", "/m/s", "/m"),
            ("/b", "/s", "/b"), ("/", "/s", "/m"),
        ])
    func refused(base: String, store: String, mountPoint: String) {
        #expect(throws: PlacementError.self) {
            try Placement.check(base: base, store: store, mountPoint: mountPoint)
        }
    }

    @Test("Symbolic links are resolved, and names that do not exist are kept")
    func resolution() throws {
        let directory = try TemporaryDirectory("placement")
        let real = Placement.resolve(directory.path)
        try makeDirectory(directory("real"))
        try ChildProcess.check(["ln", "-s", "real", directory("link")], seconds: 20)
        #expect(Placement.resolve(directory("link")) == "\(real)/real")
        #expect(Placement.resolve(directory("link/new/more")) == "\(real)/real/new/more")
        #expect(Placement.resolve(directory("link/new/../../real/x")) == "\(real)/real/x")
        #expect(Placement.resolve(directory("new/./../link")) == "\(real)/link")
        #expect(Placement.resolve("/") == "/")
        #expect(Placement.resolve("/no-such-directory/x/") == "/no-such-directory/x")
    }
}
