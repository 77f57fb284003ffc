// LRUCacheTests: compares LRUCache with a list that is searched linearly, and tests edge cases.

import Platform
import TestSupport
import Testing

@Suite struct LRUCacheTests {
    @Test("The least recently used value is evicted")
    func order() {
        var cache = LRUCache<Int, String>(capacity: 2)
        #expect(cache.insert("one", for: 1) == nil)
        #expect(cache.insert("two", for: 2) == nil)
        #expect(cache.value(for: 1) == "one")
        #expect(cache.insert("three", for: 3) == "two")
        #expect(cache.value(for: 2) == nil)
        #expect(cache.value(for: 1) == "one")
        #expect(cache.count == 2)
    }

    @Test("A second insertion of a key replaces its value and evicts nothing")
    func replacement() {
        var cache = LRUCache<Int, String>(capacity: 1)
        cache.insert("old", for: 1)
        #expect(cache.insert("new", for: 1) == nil)
        #expect(cache.value(for: 1) == "new")
    }

    @Test("A capacity of zero holds one value")
    func smallestCapacity() {
        var cache = LRUCache<Int, Int>(capacity: 0)
        cache.insert(1, for: 1)
        #expect(cache.insert(2, for: 2) == 1)
        #expect(cache.count == 1)
    }

    @Test("A cache is empty and usable after removeAll")
    func removal() {
        var cache = LRUCache<Int, Int>(capacity: 3)
        for key in 0..<3 { cache.insert(key, for: key) }
        cache.removeAll()
        #expect(cache.count == 0)
        #expect(cache.value(for: 1) == nil)
        cache.insert(7, for: 7)
        #expect(cache.removeValue(for: 7) == 7)
        #expect(cache.removeValue(for: 7) == nil)
    }

    @Test("The cache behaves as a plain list does", arguments: [1, 2, 7, 31])
    func model(capacity: Int) {
        for seed in TestSeeds.list("cache of \(capacity)") { model(capacity, seed) }
    }

    private func model(_ capacity: Int, _ seed: TestSeed) {
        var random = seed.generator
        var cache = LRUCache<Int, Int>(capacity: capacity)
        var list: [(key: Int, value: Int)] = []
        for step in 0..<500 {
            let key = Int.random(in: 0..<capacity * 2, using: &random)
            let slot = list.firstIndex { $0.key == key }
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                #expect(cache.value(for: key) == slot.map { list[$0].value }, "\(seed)")
                if let slot { list.append(list.remove(at: slot)) }
            case 1:
                let expected = slot.map { list.remove(at: $0).value }
                #expect(cache.removeValue(for: key) == expected, "\(seed)")
            default:
                var expected: Int?
                if let slot {
                    list.remove(at: slot)
                } else if list.count == capacity {
                    expected = list.removeFirst().value
                }
                list.append((key, step))
                #expect(cache.insert(step, for: key) == expected, "\(seed)")
            }
            #expect(cache.count == list.count)
        }
    }
}
