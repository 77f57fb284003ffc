// EditSyntax: the JSON of `edit`: {"path":P,"edits":[{"at":N,"delete":N,"insert":TEXT}]}, one or more
// in a row. An object with an unknown key is refused, since the key may be a misspelling.

internal import Overlay
internal import Platform
internal import Storage

/// Reads one edit after the other.
struct EditReader {
    /// The largest number of bytes in one write. SQLite and the extracted texts take a few times as
    /// much memory.
    static let maximumBytes = 16 << 20

    private let bytes: [UInt8]
    private var position = 0
    private var count = 0
    private var reader: JSONReader?

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Returns the next edit. Its splices are in the order of the file, by offset. At the same offset,
    /// pure insertions come first, in the order written.
    /// - Returns: Nil at the end.
    mutating func next() throws(CommandError) -> Command? {
        if bytes.count > Self.maximumBytes {
            throw CommandError(
                .fileTooBig,
                "an edit of \(bytes.count) bytes is larger than \(Self.maximumBytes): "
                    + "split it")
        }
        guard position < bytes.count else { return nil }
        count += 1
        let place = count > 1 ? "edit \(count) of this write" : "the edit"
        var end = position
        // Text after a mistake is not read.
        position = bytes.count
        let found: [UInt8]?
        do throws(JSONFault) {
            found = try JSONReader.nextObject(in: bytes, from: &end)
        } catch {
            throw .notUnderstood(place, "\(error)")
        }
        guard let json = found else {
            if count > 1 { return nil }
            throw .notUnderstood(place, "nothing was written")
        }
        let command = try EditSyntax(reader: try opened(), place: place).edit(json)
        position = end
        return command
    }

    private mutating func opened() throws(CommandError) -> JSONReader {
        if let reader { return reader }
        let opened = try fromSQLite { () throws(StorageError) in try JSONReader() }
        reader = opened
        return opened
    }
}

extension CommandError {
    fileprivate static func notUnderstood(_ place: String, _ why: String) -> CommandError {
        .invalid("\(place) is not understood: \(why)")
    }
}

private func fromSQLite<Value>(
    _ body: () throws(StorageError) -> Value
) throws(CommandError) -> Value {
    do throws(StorageError) {
        return try body()
    } catch {
        throw CommandError(error.errno, "the edit cannot be read: \(error)")
    }
}

/// Parses one edit.
private struct EditSyntax {
    let reader: JSONReader
    /// Identifies the edit in messages.
    let place: String

    /// The length of the longest file: an offset is a signed number of 64 bits (off_t).
    private static let maximumOffset = UInt64(Int64.max)

    private func fault(_ why: String) -> CommandError { .notUnderstood(place, why) }

    private func values(
        of json: [UInt8], atMost count: Int = .max
    ) throws(CommandError) -> [JSONReader.Member] {
        try fromSQLite { () throws(StorageError) in try reader.members(of: json, atMost: count) }
    }

    func edit(_ json: [UInt8]) throws(CommandError) -> Command {
        guard try fromSQLite({ () throws(StorageError) in try reader.isValid(json) }) else {
             throw fault("it is not JSON (RFC 8259)")
        }
        let members = try members(of: json, named: ["path", "edits"], in: "it")
        guard let path = members["path"] else { throw fault("it has no \"path\"") }
        let text = try string(path, "\"path\"")
        guard let edits = members["edits"] else { throw fault("it has no \"edits\"") }
        try expect(.array, edits, "\"edits\"")
        let list = try values(of: edits.json)
        if list.isEmpty { throw fault("\"edits\" is empty: there is nothing to do") }
        var splices: [(splice: Splice, index: Int)] = []
        for (index, item) in list.enumerated() {
            let place = "number \(index + 1) of \"edits\""
            try expect(.object, item, place)
            splices.append((try splice(item.json, place), index))
        }
        return .edit(try normalised(text), try ordered(splices))
    }

    private func normalised(_ path: [UInt8]) throws(CommandError) -> [UInt8] {
        do throws(CommandError) {
            return try CommandPath.normalise(path)
        } catch {
            throw CommandError(error.errno, fault(error.description).description)
        }
    }

    private func splice(_ json: [UInt8], _ place: String) throws(CommandError) -> Splice {
        let members = try members(
            of: json, named: ["at", "delete", "insert", "insert_base64"], in: place)
        guard let at = members["at"] else { throw fault("\(place) has no \"at\"") }
        var splice = Splice(offset: 0)
        if at.kind == .text {
            guard try string(at, "\"at\"").elementsEqual("end".utf8) else {
                throw fault("\"at\" in \(place) is neither a number nor \"end\"")
            }
            splice.offset = Splice.end
        } else {
            splice.offset = try number(at, "\"at\" in \(place)")
        }
        if let delete = members["delete"] {
            splice.delete = try number(delete, "\"delete\" in \(place)")
        }
        if let insert = members["insert"] {
            splice.insert = try string(insert, "\"insert\" in \(place)")
        }
        if let insert = members["insert_base64"] {
            if members["insert"] != nil {
                throw fault("\(place) has both \"insert\" and \"insert_base64\"")
            }
            guard let bytes = Base64.bytes(try string(insert, "\"insert_base64\" in \(place)")) else {
                throw fault("\"insert_base64\" in \(place) is not base64 (RFC 4648, padded)")
            }
            splice.insert = bytes
        }
        if members.count == 1 { throw fault("\(place) neither deletes nor inserts") }
        if splice.offset == Splice.end {
            if splice.delete > 0 { throw fault("\(place) deletes after the end of the file") }
        } else if splice.delete > Self.maximumOffset - splice.offset {
            throw fault("\(place) reaches beyond the longest file, \(Self.maximumOffset) bytes")
        }
        return splice
    }

    /// Returns the members of an object. Each key must be known and occur once.
    private func members(
        of json: [UInt8], named names: [String], in place: String
    ) throws(CommandError) -> [String: JSONReader.Member] {
        var result: [String: JSONReader.Member] = [:]
        // One more than the possible number reveals a mistake, however many there are.
        for member in try values(of: json, atMost: names.count + 1) {
            guard let name = names.first(where: { member.key.elementsEqual($0.utf8) }) else {
                throw fault(
                    "\(place) has the key \(shown(member.key)), which is none of "
                        + names.joined(separator: ", "))
            }
            if result[name] != nil { throw fault("\(place) has the key \"\(name)\" twice") }
            let isScalar = ![.array, .object].contains(member.kind)
            if isScalar, member.json.isEmpty {
                throw fault("\(place) has the key \"\(name)\" written with an escape")
            }
            result[name] = member
        }
        return result
    }

    private func expect(
        _ kind: JSONReader.Kind, _ member: JSONReader.Member, _ place: String
    ) throws(CommandError) {
        guard member.kind == kind else {
            throw fault(
                "\(place) must be \(kind.description), not \(member.kind.description)")
        }
    }

    private func string(_ member: JSONReader.Member, _ place: String) throws(CommandError) -> [UInt8] {
        try expect(.text, member, place)
        do throws(JSONFault) {
            return try JSONReader.string(member.json)
        } catch {
            throw fault("\(place): \(error)")
        }
    }

    private func number(_ member: JSONReader.Member, _ place: String) throws(CommandError) -> UInt64 {
        try expect(.integer, member, place)
        if member.json.first == Byte.dash, !member.json.elementsEqual("-0".utf8) {
            throw fault("\(place) is negative")
        }
        let digits = member.json.drop { $0 == Byte.dash }
        guard let number = UInt64(digits: digits), number <= Self.maximumOffset else {
            throw fault("\(place) is larger than \(Self.maximumOffset), the longest file")
        }
        return number
    }

    /// Sorts the splices by position. An insertion at the start of a deleted range precedes the deletion.
    private func ordered(_ splices: [(splice: Splice, index: Int)]) throws(CommandError) -> [Splice] {
        let sorted = splices.sorted {
            ($0.splice.offset, $0.splice.delete > 0 ? 1 : 0, $0.index)
                < ($1.splice.offset, $1.splice.delete > 0 ? 1 : 0, $1.index)
        }
        for (one, two) in zip(sorted, sorted.dropFirst())
        where two.splice.offset != Splice.end
            && two.splice.offset < one.splice.offset.adding(clamping: one.splice.delete) {
            let numbers = [one.index + 1, two.index + 1].sorted()
            throw fault(
                "numbers \(numbers[0]) and \(numbers[1]) of \"edits\" overlap; offsets are those "
                    + "before the edit")
        }
        return sorted.map(\.splice)
    }
}
