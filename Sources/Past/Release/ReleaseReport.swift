// ReleaseReport: what a release of history found and gave back.

package import Platform

package struct ReleaseReport: Sendable {
    package struct Part: Sendable {
        package var id: UInt16
        /// Nil for a removed workspace that is kept for its forks.
        package var name: FileName?
        /// The bytes of edit logs that the present content needs, and those that only the history needs.
        package var presentBytes: UInt64 = 0
        package var historyBytes: UInt64 = 0
        /// The bytes that were released, or could be; and how many logs were removed, or could be.
        package var releasedBytes: UInt64 = 0
        package var removedLogs: UInt64 = 0
        /// The earliest change after which it can be seen.
        package var first: UInt64 = 0
        /// Why nothing was released: a sentence.
        package var fault: String?

        init(id: UInt16, name: FileName?) {
            self.id = id
            self.name = name
        }
    }

    package var parts: [Part] = []

    package var releasedBytes: UInt64 { parts.reduce(0) { $0.adding(clamping: $1.releasedBytes) } }
    package var removedLogs: UInt64 { parts.reduce(0) { $0.adding(clamping: $1.removedLogs) } }
}
