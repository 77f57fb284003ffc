// RefreshedPastTests: moments before a refresh show what they showed, whatever is changed after it.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct RefreshedPastTests {
    @Test(
        "A file that was changed under one name is at its other one before a refresh",
        arguments: [false, true])
    func otherName(isReopened: Bool) throws {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/one", "content")
            try must("link", link("\(base)/one", "\(base)/other"))
        }
        _ = try fixture.open("team")
        try fixture.tree.truncate("one", to: 0)
        try fixture.open("team").truncate("one", to: 4_000)
        let before = try fixture.open("team").workspace.sequence.last
        _ = try Commits(fixture.set).commit(fixture.workspace, CommitRequest(), time: 1)
        let team = try fixture.open("team")
        let report = try Refreshes(fixture.set).refresh(
            team.workspace, RefreshRequest(choice: .theirs), caller: team.caller)
        #expect(report.decided.count == 1)
        if isReopened { try fixture.reopen() }
        let tree = try fixture.open("team")
        for turn in 0..<3 {
            if turn == 1 { try tree.changeMode("other", 0o640) }
            if turn == 2 { try tree.write("one", "new") }
            let view = PastTree(try tree.workspace.moments.view(at: before))
            for name in ["one", "other"] {
                let node = try view.lookup(try FileName(name), in: view.root)
                #expect(try view.facts(node).size == 4_000, "\(name), turn \(turn)")
            }
        }
    }
}
