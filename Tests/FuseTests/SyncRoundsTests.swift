// SyncRoundsTests: tests which round's result a caller gets.

import Platform
import Testing

@testable import Fuse

@Suite struct SyncRoundsTests {
    private func failure(_ result: Result<Void, Errno>?) -> Errno? {
        if case .failure(let error) = result { return error }
        return nil
    }

    private func isDone(_ result: Result<Void, Errno>?) -> Bool { result != nil }

    @Test func `A caller that wakes up late gets the result of its own round`() {
        var rounds = SyncRounds()
        let first = rounds.ask()
        let second = rounds.ask()
        #expect(rounds.isAsked)
        let round = rounds.begin()
        let late = rounds.ask()
        let early = rounds.take(first)
        #expect(!isDone(early))
        rounds.end(round, .inputOutput)
        let own = rounds.take(first)
        #expect(failure(own) == .inputOutput)
        #expect(rounds.isAsked)
        rounds.end(rounds.begin(), nil)
        #expect(!rounds.isAsked)
        let earlier = rounds.take(second)
        #expect(failure(earlier) == .inputOutput)
        let result = rounds.take(late)
        #expect(isDone(result) && failure(result) == nil)
    }
}
