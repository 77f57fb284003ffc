// PageCacheTests: tests which ranges of a file are reported as cached.

import Glibc
import Platform
import TestSupport
import Testing

@Suite struct PageCacheTests {
    private static let page = sysconf(Int32(_SC_PAGESIZE))

    /// Makes a file of two pages, of which only the first was ever written or read.
    private static func file(in directory: TemporaryDirectory) throws -> File {
        let file = try File.open(directory("file"), flags: O_RDWR | O_CREAT)
        try file.writeBytes([UInt8](repeating: 1, count: page), at: 0)
        try file.truncate(to: UInt64(2 * page))
        return file
    }

    static let isVisible: Bool = {
        guard let directory = try? TemporaryDirectory("cache"),
            let file = try? file(in: directory) else { return false }
        return file.isCached(0, page)
    }()

    @Test(
        "A range is cached if all of its pages are cached",
        .enabled(
            if: PageCacheTests.isVisible,
            "cachestat(2) is missing, or shows nothing of this file system"))
    func ranges() throws {
        let page = Self.page
        let directory = try TemporaryDirectory("cache")
        let file = try Self.file(in: directory)
        #expect(file.isCached(0, page))
        #expect(file.isCached(UInt64(page - 100), 100))
        #expect(!file.isCached(UInt64(page - 100), 101))
        #expect(!file.isCached(UInt64(page - 100), 200))
        #expect(!file.isCached(UInt64(page), 1))
        #expect(!file.isCached(0, 2 * page))
    }
}
