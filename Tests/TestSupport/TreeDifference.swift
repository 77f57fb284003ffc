// TreeDifference: describes the differences of two trees in words.

extension TreeWalk {
    /// Returns the differences to another tree, at most `limit`. Times are compared only if one of them
    /// is before 2015: such times were set, all others are the time of a step.
    package func differences(to other: TreeWalk, limit: Int = 12) -> [String] {
        var found: [String] = []
        let names = Set(entries.keys).union(other.entries.keys)
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let shown = name.isEmpty ? "/" : String(decoding: name, as: UTF8.self)
            switch (entries[name], other.entries[name]) {
            case (nil, _): found.append("\(shown): only in the second tree")
            case (_, nil): found.append("\(shown): only in the first tree")
            case (let one?, let two?):
                let words = Self.differences(one, two)
                if !words.isEmpty {
                    found.append("\(shown): " + words.joined(separator: "; "))
                }
            }
            if found.count >= limit { break }
        }
        return found
    }

    private static func differences(_ one: TreeEntry, _ two: TreeEntry) -> [String] {
        var words: [String] = []
        func compare<T: Equatable>(_ what: String, _ first: T, _ second: T) {
            if first != second { words.append("\(what) \(first) and \(second)") }
        }
        compare("mode", String(one.mode, radix: 8), String(two.mode, radix: 8))
        compare("uid", one.uid, two.uid)
        compare("gid", one.gid, two.gid)
        compare("links", one.links, two.links)
        compare("size", one.size, two.size)
        compare("device", one.device, two.device)
        compare("target", one.target, two.target)
        compare("attributes", one.attributes, two.attributes)
        compare("digest", one.digest, two.digest)
        compare("first link", one.linkedTo, two.linkedTo)
        let wasSet: Int64 = 1_420_000_000_000_000_000
        if one.modified < wasSet || two.modified < wasSet {
            compare("mtime", one.modified, two.modified)
        }
        return words
    }
}
