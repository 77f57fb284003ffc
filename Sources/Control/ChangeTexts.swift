// ChangeTexts: the texts of `backup`, `history` and `blame` as JSON lines. Each line is one object, so
// that tools such as jq can read them one by one.

internal import Overlay
package import Past
internal import Platform

package enum ChangeTexts {
    /// Returns {"name","sequence","time","automatic","comment"}, oldest first.
    package static func backups(_ backups: [Backup]) -> [UInt8] {
        lines(backups) { backup in
            [
                ("name", .bytes(backup.name.bytes)),
                ("sequence", .unsigned(backup.sequence)),
                ("time", .text(ISOTime.text(backup.time))),
                ("automatic", .boolean(backup.isAutomatic)),
                ("comment", .bytes(backup.comment)),
            ]
        }
    }

    /// Returns {"seq","time","pid","comm","uid","op","path","old_path"?,"range"?}, oldest first.
    package static func history(_ items: [HistoryItem]) -> [UInt8] {
        lines(items) { item in
            var pairs = change(item)
            pairs.append(("path", .bytes(item.path)))
            if let path = item.oldPath { pairs.append(("old_path", .bytes(path))) }
            if let bytes = item.range { pairs.append(("range", range(bytes))) }
            return pairs
        }
    }

    /// Returns {"range","source"} and, for source "change", the change as in history.
    package static func blame(_ ranges: [BlameRange]) -> [UInt8] {
        lines(ranges) { item in
            let bytes = ("range", range(item.range))
            return switch item.source {
            case .base: [bytes, ("source", .text("base"))]
            case .hole: [bytes, ("source", .text("hole"))]
            case .change(let found): [bytes, ("source", .text("change"))] + change(found)
            }
        }
    }

    private static func change(_ item: HistoryItem) -> [(String, JSONText.Value)] {
        [
            ("seq", .unsigned(item.sequence)),
            ("time", .text(ISOTime.text(item.time))),
            ("pid", .unsigned(UInt64(item.pid))),
            ("comm", .bytes(item.command)),
            ("uid", .unsigned(UInt64(item.uid))),
            ("op", .text(item.operation)),
        ]
    }

    /// Returns the offset of the first byte and the offset after the last byte.
    private static func range(_ range: Range<UInt64>) -> JSONText.Value {
        .list([.unsigned(range.lowerBound), .unsigned(range.upperBound)])
    }

    static func lines<Item>(
        _ items: [Item], _ pairs: (Item) -> [(String, JSONText.Value)]
    ) -> [UInt8] {
        var text: [UInt8] = []
        for item in items { text += JSONText.line(.object(pairs(item))) }
        return text
    }
}
