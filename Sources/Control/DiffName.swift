// DiffName: parses the names of the control files that show differences: `diff` for the base, diff.POINT and
// diff.POINT..POINT. A point is MOMENT, workspace:NAME or workspace:NAME:MOMENT.

package import Past
package import Platform

extension DiffGround {
    private static let prefix = Array("diff.".utf8)

    /// - Parameters:
    ///   - now: Nanoseconds since 1970, for -AGE.
    ///   - isWorkspace: whether the store has a workspace of that name. It decides where a name ends that has
    ///     a `:` or `..` of its own.
    /// - Returns: Nil if the name has none of these forms.
    package init?(
        controlFile name: FileName, now: Int64, isWorkspace: (FileName) -> Bool = { _ in false }
    ) {
        if name.bytes.elementsEqual("diff".utf8) {
            self = .base
            return
        }
        guard name.bytes.starts(with: Self.prefix) else { return nil }
        let word = name.bytes.dropFirst(Self.prefix.count)
        let whole = DiffPoint(word, now: now, isWorkspace: isWorkspace)
        if let whole, whole.workspace == nil || whole.workspace.map(isWorkspace) == true {
            self = .point(whole)
            return
        }
        for dots in word.indices.dropLast() where word[dots] == Byte.dot && word[dots + 1] == Byte.dot {
            if let first = DiffPoint(word[..<dots], now: now, isWorkspace: isWorkspace),
                let second = DiffPoint(word[(dots + 2)...], now: now, isWorkspace: isWorkspace) {
                self = .points(first, second)
                return
            }
        }
        guard let whole else { return nil }
        self = .point(whole)
    }
}

extension DiffPoint {
    private static let workspace = Array("workspace:".utf8)

    fileprivate init?(_ word: ArraySlice<UInt8>, now: Int64, isWorkspace: (FileName) -> Bool) {
        guard word.starts(with: Self.workspace) else {
            guard let moment = try? Moment(Array(word), now: now) else { return nil }
            self.init(at: moment)
            return
        }
        let rest = word.dropFirst(Self.workspace.count)
        let whole = try? FileName(Array(rest))
        if let whole, isWorkspace(whole) {
            self.init(whole)
            return
        }
        var found: DiffPoint?
        for colon in rest.indices where rest[colon] == Byte.colon {
            guard let name = try? FileName(Array(rest[..<colon])),
                let moment = try? Moment(Array(rest[(colon + 1)...]), now: now)
            else { continue }
            if isWorkspace(name) {
                self.init(name, at: moment)
                return
            }
            if found == nil { found = DiffPoint(name, at: moment) }
        }
        if let found {
            self = found
        } else if let whole {
            self.init(whole)
        } else {
            return nil
        }
    }
}
