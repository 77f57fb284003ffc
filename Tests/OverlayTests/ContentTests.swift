// Tests of file content: unlinked files, set-id bits and capabilities, holes, shared extents.

import Glibc
import Overlay
import Platform
import TestSupport
import Testing

@Suite struct UnlinkedTests {
    @Test("An unlinked file can be read and written until it is forgotten", arguments: [true, false])
    func unlinked(isFromBase: Bool) throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        let tree = fixture.tree!
        if !isFromBase {
            try tree.unlink("f")
            try tree.makeFile("f")
            try tree.write("f", "base content")
        }
        let file = try tree.resolve("f")
        try tree.unlink("f")
        tree.forget(except: [file])
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        #expect(try tree.contents(file) == Array("base content".utf8))
        try tree.write(file, Array("NEW".utf8), at: 0)
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        try tree.write(file, Array("!".utf8), at: 12)
        #expect(try tree.contents(file) == Array("NEWe content!".utf8))
        #expect(try tree.facts(file).links == 0)
        tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        #expect(throws: Errno.stale) { try tree.facts(file) }
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("").isEmpty)
    }

    @Test("An unlinked file cannot be linked back")
    func linkBack() throws {
        let fixture = try WorkspaceFixture()
        let file = try fixture.tree.makeFile("f")
        try fixture.tree.unlink("f")
        #expect(throws: Errno.noEntry) {
            try fixture.tree.makeLink(to: file, try FileName("g"), in: fixture.tree.root)
        }
    }

    @Test("An unlinked file that was held when the process was killed is gone")
    func killed() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        let file = try fixture.tree.resolve("f")
        try fixture.tree.unlink("f")
        try fixture.tree.write(file, Array("edit".utf8), at: 0)
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("").isEmpty)
        #expect(throws: Errno.stale) { try fixture.tree.facts(file) }
    }
}

@Suite struct PrivilegeTests {
    private let capability = Array("security.capability".utf8)

    private func write(_ tree: WorkspaceTree, _ file: UInt64, kill: Bool) throws -> Bool {
        try [UInt8(1)].withUnsafeBytes {
            try tree.workspace.content.write(file, $0, at: 0, killSetID: kill, caller: tree.caller)
        }
    }

    @Test("A write with killSetID clears the set-id bits, another write keeps them")
    func writes() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "x") }
        try fixture.tree.changeMode("f", 0o6755)
        let file = try fixture.tree.resolve("f")
        #expect(try !write(fixture.tree, file, kill: false))
        #expect(try fixture.tree.mode("f") == 0o6755)
        #expect(try write(fixture.tree, file, kill: true))
        #expect(try fixture.tree.mode("f") == 0o755)
    }

    @Test("Only a caller outside the group clears a set-group-id bit without group execute")
    func lockingBit() throws {
        let fixture = try WorkspaceFixture()
        let file = try fixture.tree.makeFile("f", mode: 0o2640)
        _ = try write(fixture.tree, file, kill: true)
        #expect(try fixture.tree.mode("f") == 0o2640)
        fixture.tree.caller = Caller(user: 5, group: 5, pid: UInt32(getpid()), umask: 0)
        let mine = Set(ProcessFacts.groups(of: UInt32(getpid())) + [5])
        #expect(try write(fixture.tree, file, kill: true) == !mine.contains(0))
        #expect(try fixture.tree.mode("f") == (mine.contains(0) ? 0o2640 : 0o640))
    }

    @Test("chown clears the set-id bits of a file and keeps those of a directory")
    func chown() throws {
        let fixture = try WorkspaceFixture()
        var change = AttributeChange()
        change.user = 1_000
        try fixture.tree.setAttributes(fixture.tree.makeFile("f", mode: 0o6755), change)
        try fixture.tree.setAttributes(fixture.tree.makeDirectory("d", mode: 0o2755), change)
        #expect(try fixture.tree.mode("f") == 0o755)
        #expect(try fixture.tree.mode("d") == 0o2755)
    }

    @Test("A write, a truncation and a chown each clear file capabilities", arguments: 0..<3)
    func capabilities(kind: Int) throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "x") }
        let file = try fixture.tree.resolve("f")
        try fixture.tree.setXattr(capability, of: file, to: [1, 2], mode: .either)
        try fixture.tree.setXattr(Array("user.a".utf8), of: file, to: [3], mode: .either)
        var change = AttributeChange()
        switch kind {
        case 0: _ = try write(fixture.tree, file, kill: false)
        case 1: try fixture.tree.truncate("f", to: 0)
        default:
            change.group = 7
            try fixture.tree.setAttributes(file, change)
        }
        #expect(throws: Errno.noData) { try fixture.tree.xattr(capability, of: file) }
        #expect(try fixture.tree.xattr(Array("user.a".utf8), of: file) == [3])
        try fixture.reopenAfterKill()
        #expect(throws: Errno.noData) {
            try fixture.tree.xattr(capability, of: try fixture.tree.resolve("f"))
        }
    }

    @Test(
        "The first write clears a capability of the base file",
        .enabled(if: TestEnvironment.isRoot, "needs root"))
    func baseCapability() throws {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/f", "x")
            // Version 2, CAP_NET_RAW permitted (capabilities(7)).
            let value: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
            let set = OperationTarget(root: base).apply(
                .setAttribute(
                    path: Array("f".utf8), name: "security.capability", value: value, flags: 0))
            try expect(set.code == 0, "\(set)")
        }
        let file = try fixture.tree.resolve("f")
        #expect(try fixture.tree.xattr(capability, of: file).count == 20)
        _ = try write(fixture.tree, file, kill: false)
        #expect(throws: Errno.noData) { try fixture.tree.xattr(capability, of: file) }
    }
}

@Suite struct SparseTests {
    @Test("A sparse base file keeps its holes after an edit of one byte")
    func holes() throws {
        let fixture = try WorkspaceFixture { base in
            try withOpen("\(base)/f", O_RDWR | O_CREAT) { descriptor in
                try writeAll(descriptor, bytes(4_096, fill: 1), at: 8 << 20)
                try must("ftruncate", ftruncate(descriptor, 64 << 20))
            }
        }
        let file = try fixture.tree.resolve("f")
        try fixture.tree.write(file, [1], at: 32 << 20)
        let found = try fixture.workspace.attributes(file)
        #expect(found.size == 64 << 20)
        #expect(found.blocks < 64)
        #expect(try fixture.workspace.content.seek(file, from: 0, data: true) == 8 << 20)
        #expect(try fixture.workspace.content.seek(file, from: 8 << 20, data: false) == 8 << 20 + 4_096)
        #expect(try fixture.workspace.content.seek(file, from: 9 << 20, data: true) == 32 << 20)
        #expect(try fixture.tree.read(file, at: 8 << 20, count: 4_096) == bytes(4_096, fill: 1))
        #expect(fixture.logBytes < 4_096)
        try fixture.reopenAfterKill()
        #expect(try fixture.workspace.attributes(file).blocks < 64)
        #expect(throws: Errno.noDevice) {
            try fixture.workspace.content.seek(file, from: 33 << 20, data: true)
        }
    }
}

@Suite struct CopyRangeTests {
    private let length = 64 << 20

    @Test("A copy of 64 MiB shares extents, and later edits change only one of the files")
    func sharing() throws {
        let content = bytes(length, fill: 5)
        let fixture = try WorkspaceFixture { try writeFile("\($0)/base", content) }
        let tree = fixture.tree!
        let source = try tree.makeFile("source")
        try tree.write(source, content, at: 0)
        for (from, to) in [("source", "copy"), ("base", "second")] {
            let target = try tree.makeFile(to)
            let before = fixture.logBytes
            let count = try tree.copyRange(
                from: try tree.resolve(from), at: 0, to: target, at: 0, length: UInt64(length))
            #expect(count == UInt64(length))
            #expect(fixture.logBytes - before < 1_024)
            try tree.write(try tree.resolve(from), Array("source".utf8), at: 1_000)
            try tree.write(target, Array("target".utf8), at: 2_000)
            #expect(try tree.read(target, at: 1_000, count: 6) == Array(content[1_000..<1_006]))
            #expect(
                try tree.read(try tree.resolve(from), at: 2_000, count: 6)
                    == Array(content[2_000..<2_006]))
        }
        try tree.unlink("source")
        try tree.unlink("base")
        tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        for kill in [false, true] {
            if kill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
            for path in ["copy", "second"] {
                var expected = Array(content[0..<8_192])
                expected.replaceSubrange(2_000..<2_006, with: Array("target".utf8))
                let file = try fixture.tree.resolve(path)
                #expect(try fixture.tree.read(file, at: 0, count: 8_192) == expected)
                #expect(
                    try fixture.tree.read(file, at: UInt64(length) - 99, count: 200)
                        == Array(content.suffix(99)))
            }
        }
    }

    @Test("A copy within a file copies the bytes from before the call")
    func overlapping() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "0123456789") }
        let file = try fixture.tree.resolve("f")
        #expect(try fixture.tree.copyRange(from: file, at: 0, to: file, at: 3, length: 10) == 10)
        #expect(try fixture.tree.text("f") == "0120123456789")
    }

    @Test("A copy ends at the end of the source, and a copy from there copies nothing")
    func ends() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "0123456789") }
        let (source, target) = (try fixture.tree.resolve("f"), try fixture.tree.makeFile("g"))
        let copied = try fixture.tree.copyRange(from: source, at: 7, to: target, at: 2, length: 99)
        #expect(copied == 3)
        #expect(try fixture.tree.text("g") == "\0\0789")
        #expect(
            try fixture.tree.copyRange(from: source, at: 10, to: target, at: 0, length: 1) == 0)
    }
}
