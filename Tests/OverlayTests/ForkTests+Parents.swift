// ForkTests+Parents: what a fork needs of its parent, and what of the parent is none of its own.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

extension ForkTests {
    @Test("A moment of a fork shows what it showed, also of a file that went back to the base since")
    func momentBeforeOwnLog() throws {
        let fixture = try fixture()
        try fixture.tree.write("f0", "PARENT")
        let fork = try fixture.fork("fork")
        let before = fork.workspace.sequence.last
        try fork.makeFile("other")
        let moment = fork.workspace.sequence.last
        _ = try fork.workspace.commands.rollback(
            to: .sequence(0), paths: [Array("f0".utf8)], keepsTimes: false, caller: fork.caller)
        #expect(try fork.text("f0") == "base 0")
        try fork.write("f0", "CHILD!")
        for sequence in [before, moment] {
            #expect(try PastTree(fork.workspace.moments.view(at: sequence)).text("f0") == "PARENT")
        }
        _ = try fork.workspace.commands.rollback(
            to: .sequence(moment), paths: [], keepsTimes: false, caller: fork.caller)
        #expect(try fork.text("f0") == "PARENT")
        try fixture.reopenAfterKill()
        #expect(try fixture.open("fork").text("f0") == "PARENT")
    }

    @Test("A file that the parent made later is no past of a file of the fork, whatever its number")
    func laterFilesOfParent() throws {
        let fixture = try fixture()
        try fixture.tree.makeFile("first")
        let fork = try fixture.fork("fork")
        // The copy begins with the content of a base file.
        _ = try fixture.workspace.commands.clone(
            Array("f0".utf8), to: Array("copy".utf8), caller: fixture.tree.caller)
        try fixture.tree.write("copy", "EDIT")
        try fork.makeFile("new")
        let moment = fork.workspace.sequence.last
        #expect(try fork.resolve("new") & 0xffff_ffff == fixture.tree.resolve("copy") & 0xffff_ffff)
        try fork.write("new", "of the fork")
        #expect(try PastTree(fork.workspace.moments.view(at: moment)).text("new") == "")
        let history = try fork.workspace.changes.history(1...UInt64.max)
        #expect(!history.contains { $0.path == Array("copy".utf8) })
        _ = try fork.workspace.commands.rollback(
            to: .sequence(moment), paths: [], keepsTimes: false, caller: fork.caller)
        #expect(try fork.text("new") == "")
    }

    @Test("While a record is unreadable no data that it may need is removed, and a repair keeps its parent")
    func unreadableRecord() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        try change(fixture.tree)
        try fixture.fork("fork")
        try fixture.fork("spare", follows: true)
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("parent"))))
        #expect(fixture.set.close())
        let path = "\(fixture.storePath)/workspaces/0003/workspace"
        try File.open(path, flags: O_RDWR).writeBytes([UInt8](repeating: 0, count: 200), at: 0)
        try fixture.reopen()
        #expect(fixture.set.find(try FileName("fork")) == nil)
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("spare"))))
        fixture.set.discards.removeUnneeded()
        for id in ["0002", "0004"] {
            #expect(access("\(fixture.storePath)/workspaces/\(id)", F_OK) == 0, "\(id)")
        }
        let report = try fixture.repaired()
        #expect(report.outcome == .repaired)
        try checkChanged(fixture.open("recovered-3"))
        fixture.set.discards.removeUnneeded()
        #expect(access("\(fixture.storePath)/workspaces/0004", F_OK) != 0)
        #expect(access("\(fixture.storePath)/workspaces/0002", F_OK) == 0)
    }

    @Test("The pool keeps what a fork has from its parent, also after the parent is removed")
    func pool() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        try fixture.tree.write("f0", "EDIT")
        try fixture.fork("fork", follows: true)
        try writeFile(fixture.base("f0"), "another content")
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("parent"))))
        #expect(PoolSweep(fixture.set).run().files == 0)
        try fixture.reopen()
        #expect(try fixture.tree.text("f0") == "EDIT 0")
        #expect(PoolSweep(fixture.set).run().files == 0)
        try fixture.fork("last", follows: true)
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("fork"))))
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("last"))))
        #expect(PoolSweep(fixture.set).run().files == 1)
    }

    @Test("A removed parent that forks need counts against the limits of the store until they are gone")
    func quota() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        try change(fixture.tree)
        try fixture.set.setLimit(.files, to: 1_000)
        let used = fixture.set.quota.usedFiles
        let bytes = fixture.set.quota.usedBytes
        #expect(used >= 4 && bytes > 0)
        try fixture.fork("fork", follows: true)
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("parent"))))
        #expect(fixture.set.quota.usedFiles == used)
        #expect(fixture.set.quota.usedBytes >= bytes)
        try fixture.reopen()
        #expect(fixture.set.quota.usedFiles == used)
        try fixture.set.discards.remove(try #require(fixture.set.find(FileName("fork"))))
        #expect(fixture.set.quota.usedFiles == 0)
    }

    @Test("The files of the parent count in the limits of the fork, and once in those of the store")
    func limits() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        for index in 0..<10 { try fixture.tree.makeFile("k\(index)") }
        try fixture.workspace.accounts.setLimit(.files, to: 14)
        let used = fixture.workspace.quota.usedFiles
        let whole = fixture.set.quota.usedFiles
        try fixture.fork("fork", follows: true)
        #expect(fixture.workspace.quota.usedFiles == used)
        #expect(fixture.set.quota.usedFiles == whole)
        #expect(fixture.workspace.accounts.operatorLimits[.files] == 14)
        for index in 0..<10 { try fixture.tree.unlink("k\(index)") }
        #expect(fixture.workspace.quota.usedFiles == used - 10)
        try fixture.reopenAfterKill()
        #expect(fixture.workspace.quota.usedFiles == used - 10)
        for index in 0..<(14 - used + 10) { try fixture.tree.makeFile("z\(index)") }
        #expect(throws: Errno.quota) { try fixture.tree.makeFile("more") }
        try fixture.reopen()
        #expect(throws: Errno.quota) { try fixture.tree.makeFile("more") }
        let changed = fixture.set.usage(of: fixture.workspace.id)?.lastChange
        try fixture.fork("last")
        try fixture.reopenAfterKill()
        #expect(fixture.set.usage(of: fixture.workspace.id)?.lastChange == changed)
    }

    @Test("verify of a fork finds damage in the log of an ancestor, for the whole fork and for one file")
    func verifyInherited() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        try fixture.tree.makeFile("data")
        try fixture.tree.write(fixture.tree.resolve("data"), [UInt8](repeating: 7, count: 40_000), at: 0)
        let number = try fixture.tree.resolve("data")
        try fixture.fork("middle", follows: true)
        try fixture.fork("fork", follows: true)
        let path = [Array("data".utf8)]
        let before = try fixture.workspace.verify(path)
        #expect(before.isClean && before.bytesChecked > 40_000)
        #expect(try fixture.workspace.verify().bytesChecked > 40_000)
        let log = "\(fixture.storePath)/\(LogDirectory.path(number))"
        try File.open(log, flags: O_RDWR).writeBytes([1, 2, 3], at: 20_000)
        for report in [try fixture.workspace.verify(), try fixture.workspace.verify(path)] {
            #expect(report.errors == 1)
            #expect(report.findings.contains { $0.sentence.contains(LogDirectory.path(number)) })
        }
        #expect(try fixture.workspace.verify([Array("f0".utf8)]).isClean)
    }

    enum Later: CaseIterable { case nothing, reopening, kill, damage }

    @Test(
        "Layers that a workspace has frozen are merged, and all forks keep what they have",
        arguments: Later.allCases)
    func merge(later: Later) throws {
        let fixture = try fixture()
        try fixture.fork("trunk", follows: true)
        for index in 0..<12 {
            try fixture.tree.makeFile("n\(index)")
            try fixture.tree.write("n\(index)", "number \(index)")
            try fixture.tree.write("f0", "\(index % 10)")
            if index > 1 { try fixture.tree.unlink("n\(index - 2)") }
            if index == 6 { try fixture.tree.unlink("d/g") }
            // A layer has a removal and a value of one file.
            let node = try fixture.tree.resolve("f1")
            if index == 2 {
                try fixture.tree.setXattr(Array("user.a".utf8), of: node, to: [1], mode: .either)
            }
            if index == 5 {
                try fixture.tree.removeXattr(Array("user.a".utf8), of: node)
                try fixture.tree.setXattr(Array("user.c".utf8), of: node, to: [2], mode: .either)
            }
            try fixture.fork("fork \(index)")
            #expect(fixture.workspace.maintenance.checkpoint())
        }
        let path = "\(fixture.storePath)/workspaces/0002"
        func databases() throws -> [String] {
            try File.open(path, flags: O_RDONLY | O_DIRECTORY).listDirectory().map(\.name.description)
                .filter { $0.hasPrefix("tree.") && $0.hasSuffix(".db") }.sorted()
        }
        #expect(try databases().count == 12)
        // Only one fork keeps old generations.
        for index in 0..<11 where index != 3 {
            try fixture.set.discards.remove(try #require(fixture.set.find(FileName("fork \(index)"))))
        }
        // The second run removes what the first one has merged.
        for _ in 0..<2 { fixture.set.layerMerge.run() }
        #expect(try databases() == ["tree.1.db", "tree.11.db", "tree.2.db", "tree.3.db", "tree.db"])
        func check() throws {
            #expect(try fixture.tree.names("") == ["d", "f0", "f1", "f2", "n10", "n11"])
            #expect(try fixture.tree.text("n11") == "number 11")
            #expect(try fixture.tree.text("f0") == "1ase 0")
            #expect(try fixture.tree.names("d") == [])
            #expect(try fixture.tree.xattrNames(of: fixture.tree.resolve("f1")) == [Array("user.c".utf8)])
            let old = try fixture.open("fork 3")
            #expect(try old.names("") == ["d", "f0", "f1", "f2", "n2", "n3"])
            #expect(try old.text("f0") == "3ase 0")
            #expect(try old.names("d") == ["g"])
            #expect(try old.xattrNames(of: old.resolve("f1")) == [Array("user.a".utf8)])
            #expect(try fixture.open("fork 11").text("n10") == "number 10")
            let view = try PastTree(old.workspace.moments.view(at: 1))
            #expect(try view.names("") == ["d", "f0", "f1", "f2"])
        }
        try check()
        try fixture.tree.makeFile("after")
        try fixture.tree.unlink("after")
        switch later {
        case .nothing: break
        case .reopening: try fixture.reopen()
        case .kill: try fixture.reopenAfterKill()
        case .damage:
            // The databases that the merged one has replaced are gone: all is made again from the tree log.
            #expect(fixture.set.close())
            try File.open("\(path)/tree.11.db", flags: O_RDWR)
                .writeBytes([UInt8](repeating: 0x55, count: 4_096), at: 0)
            try fixture.reopen()
            #expect(fixture.messages.contains { $0.contains("are rebuilt from") })
        }
        try check()
        #expect(try fixture.workspace.verify().isClean)
        #expect(try fixture.repaired().outcome == .clean)
        try check()
    }

    @Test("A merge keeps all layers while a fork has an unreadable record; what a kill left is removed")
    func mergeBesideUnreadable() throws {
        let fixture = try fixture()
        try fixture.fork("trunk", follows: true)
        for index in 0..<12 {
            try fixture.tree.makeFile("n\(index)")
            if index == 3 { try fixture.fork("fork") }
            try fixture.fork("other \(index)")
            #expect(fixture.workspace.maintenance.checkpoint())
        }
        let id = try #require(fixture.set.find(FileName("fork"))).id
        for index in 0..<12 {
            try fixture.set.discards.remove(try #require(fixture.set.find(FileName("other \(index)"))))
        }
        #expect(fixture.set.close())
        let record = "\(fixture.storePath)/workspaces/000\(id)/workspace"
        try File.open(record, flags: O_RDWR).writeBytes([UInt8](repeating: 0, count: 200), at: 0)
        let trunk = "\(fixture.storePath)/workspaces/0002"
        for part in ["tree.5.db.new", "tree.5.db.new-wal"] { try writeFile("\(trunk)/\(part)", "a part") }
        try fixture.reopen()
        for part in ["tree.5.db.new", "tree.5.db.new-wal"] {
            #expect(access("\(trunk)/\(part)", F_OK) != 0, "\(part)")
        }
        for _ in 0..<2 { fixture.set.layerMerge.run() }
        for number in 1...11 { #expect(access("\(trunk)/tree.\(number).db", F_OK) == 0, "\(number)") }
        #expect(try fixture.repaired().outcome == .repaired)
        let names = ["d", "f0", "f1", "f2", "n0", "n1", "n2", "n3"]
        #expect(try fixture.open("recovered-\(id)").names("") == names)
        #expect(fixture.tree.exists("n11"))
    }

    @Test("A merge that fails is told once, and does not keep others from theirs")
    func failingMerge() throws {
        let fixture = try fixture()
        let own = try #require(fixture.tree)
        try fixture.fork("trunk", follows: true)
        let trees = [own, fixture.tree!]
        let names = ["main", "trunk"]
        for index in 0..<12 {
            for (tree, name) in zip(trees, names) {
                try tree.makeFile("n\(index)")
                let record = try #require(fixture.set.find(FileName(name)))
                _ = try fixture.set.forks.fork(record, as: FileName("\(name) \(index)"), caller: tree.caller)
                #expect(tree.workspace.maintenance.checkpoint())
            }
        }
        try File.open("\(fixture.storePath)/workspaces/0001/tree.4.db", flags: O_RDWR)
            .writeBytes([UInt8](repeating: 0x55, count: 4_096), at: 0)
        func isMerged(_ id: String) -> Bool {
            (try? TreeDatabase("\(fixture.storePath)/workspaces/\(id)/tree.11.db", .readOnly).position())?
                .isWhole == true
        }
        for _ in 0..<4 { fixture.set.layerMerge.run() }
        #expect(!isMerged("0001"))
        #expect(isMerged("0002"))
        #expect(fixture.messages.count { $0.contains("are not merged") } == 1)
        #expect(access("\(fixture.storePath)/workspaces/0001/tree.11.db.new", F_OK) != 0)
        #expect(try trees[1].names("").count == 16)
    }
}
