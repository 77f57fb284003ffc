// BackupRecord: a backup in the tree log and the database.

package import Platform

/// The properties of a backup besides its name.
package struct BackupRecord: Equatable, Sendable {
    /// The last change that the backup contains.
    package var sequence: UInt64
    /// Nanoseconds since 1970.
    package var time: Int64
    package var isAutomatic: Bool
    package var comment: [UInt8]

    package init(sequence: UInt64, time: Int64, isAutomatic: Bool, comment: [UInt8]) {
        self.sequence = sequence
        self.time = time
        self.isAutomatic = isAutomatic
        self.comment = comment
    }

    package func encode(into writer: inout ByteWriter) {
        writer.integer(sequence)
        writer.integer(time)
        writer.integer(UInt32(isAutomatic ? 1 : 0))
        writer.string(comment)
    }

    package init?(decoding reader: inout ByteReader) {
        guard let sequence: UInt64 = reader.integer(), let time: Int64 = reader.integer(),
            let flags: UInt32 = reader.integer(), let comment = reader.string()
        else { return nil }
        self.init(sequence: sequence, time: time, isAutomatic: flags & 1 == 1, comment: comment)
    }
}
