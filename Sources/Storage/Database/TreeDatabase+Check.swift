// TreeDatabase+Check: the queries of a check of the database: each row must refer to existing things,
// and an inode has a path. Rows are visited one by one, so that memory does not grow with the tree.

internal import Platform

extension TreeDatabase {
    /// Returns the number of bytes of the database's pages.
    package func pageBytes() throws(StorageError) -> UInt64 {
        var bytes: UInt64 = 1
        for sql in ["PRAGMA page_count", "PRAGMA page_size"] {
            try connection.run(sql) { row in bytes *= max(1, row.unsigned(0)) }
        }
        return bytes
    }

    /// Visits each file whose content is in an edit log, with the last edit that its row includes.
    package func visitFilesWithLogs(
        _ visit: (InodeNumber, UInt64) throws(StorageError) -> Void
    ) throws(StorageError) {
        try connection.run("SELECT number, content_sequence FROM inodes WHERE flags & 33 = 1") {
            (row) throws(StorageError) in try visit(row.unsigned(0), row.unsigned(1))
        }
    }

    /// Returns the last edit that the row of a file with a log includes, or nil if there is no such row.
    package func contentSequence(of number: InodeNumber) throws(StorageError) -> UInt64? {
        var found: UInt64?
        try connection.run(
            "SELECT content_sequence FROM inodes WHERE number = ? AND flags & 33 = 1",
            [.number(number)]
        ) { row in found = row.unsigned(0) }
        return found
    }

    /// Visits names in existing directories that refer to a missing inode or to one with no links.
    package func visitDanglingEntries(
        _ visit: (_ parent: InodeNumber, _ name: [UInt8], _ inode: InodeNumber)
            throws(StorageError) -> Void
    ) throws(StorageError) {
        try connection.run(
            """
            SELECT parent, name, inode FROM entries WHERE inode != 0
            AND NOT EXISTS (SELECT 1 FROM inodes WHERE number = entries.inode AND links > 0)
            AND EXISTS (SELECT 1 FROM inodes WHERE number = entries.parent AND links > 0)
            """
        ) { (row) throws(StorageError) in
            try visit(row.unsigned(0), row.blob(1), row.unsigned(2))
        }
    }

    /// Visits inodes that were made in the workspace and have no name.
    package func visitOrphans(
        _ visit: (InodeNumber, UInt8) throws(StorageError) -> Void
    ) throws(StorageError) {
        // Bit 47 is set in numbers given out by the workspace. Inodes of the base are found through the
        // base.
        try connection.run(
            """
            SELECT number, mode >> 12 FROM inodes
            WHERE number & (1 << 47) AND NOT flags & 2 AND links > 0
            AND NOT EXISTS (SELECT 1 FROM entries JOIN inodes AS above
                ON above.number = entries.parent AND above.links > 0
                WHERE entries.inode = inodes.number)
            """
        ) { (row) throws(StorageError) in
            try visit(row.unsigned(0), UInt8(truncatingIfNeeded: row.integer(1) & 15))
        }
    }

    /// A link count that does not match the names.
    package struct LinkFault: Sendable {
        package var inode: InodeNumber
        package var isDirectory: Bool
        /// The link count in the row.
        package var links: UInt32
        /// The number of names that refer to the inode, in existing directories.
        package var names: UInt64
        /// The right link count. Nil for a directory with several names, which no count can repair.
        package var right: UInt32?
    }

    /// Visits rows whose link count differs from the number of names. Names of the base without an
    /// entry are not known here. A base file may therefore have more links than names, but never fewer.
    package func visitLinkFaults(
        _ visit: (LinkFault) throws(StorageError) -> Void
    ) throws(StorageError) {
        // A directory made here counts itself, its name, and each directory in it.
        try connection.run(
            """
            WITH counted AS (
                SELECT number, links, flags, mode >> 12 & 15 = 4 AS directory,
                    number & (1 << 47) AND number NOT IN (SELECT inode FROM aliases) AS ours,
                    (SELECT count(*) FROM entries JOIN inodes AS above
                        ON above.number = entries.parent AND above.links > 0
                        WHERE entries.inode = inodes.number) AS names,
                    (SELECT count(*) FROM entries
                        WHERE entries.parent = inodes.number AND entries.type = 4) AS below
                FROM inodes WHERE links > 0)
            SELECT number, directory, links, names, CASE
                WHEN NOT directory THEN names WHEN names <= 1 THEN 2 + below END FROM counted
            WHERE CASE
                WHEN directory THEN names > 1 OR ours AND names = 1 AND links != 2 + below
                WHEN NOT ours THEN names > links
                WHEN names = 0 THEN flags & 2
                ELSE names != links END
            """
        ) { (row) throws(StorageError) in
            try visit(
                LinkFault(
                    inode: row.unsigned(0), isDirectory: row.integer(1) != 0, links: row.word(2),
                    names: row.unsigned(3),
                    right: row.isNull(4) ? nil : UInt32(clamping: row.integer(4))))
        }
    }

    /// Visits inodes that are flagged as from the base but have no origin.
    package func visitMissingOrigins(
        _ visit: (InodeNumber) throws(StorageError) -> Void
    ) throws(StorageError) {
        try connection.run(
            """
            SELECT number FROM inodes WHERE flags & 2
            AND NOT EXISTS (SELECT 1 FROM origins WHERE inode = inodes.number)
            """
        ) { (row) throws(StorageError) in try visit(row.unsigned(0)) }
    }

    /// Returns touched regular files with their origins: up to `count` of those with an inode number
    /// greater than `last`. The result comes in parts, so that no statement is open while file contents
    /// are read.
    package func origins(
        behind last: Int64, atMost count: Int64
    ) throws(StorageError) -> [(inode: InodeNumber, origin: Origin)] {
        var found: [(inode: InodeNumber, origin: Origin)] = []
        try connection.run(
            """
            SELECT origins.inode, record FROM origins JOIN inodes ON number = origins.inode
            WHERE origins.inode > ? AND mode >> 12 & 15 = 8 ORDER BY origins.inode LIMIT ?
            """, [.integer(last), .integer(count)]
        ) { row in
            var reader = ByteReader(row.blob(1))
            if let origin = Origin(decoding: &reader) { found.append((row.unsigned(0), origin)) }
        }
        return found
    }

    /// Returns the inodes that the names of a directory refer to.
    package func children(
        of parent: InodeNumber
    ) throws(StorageError) -> [(inode: InodeNumber, isDirectory: Bool)] {
        var found: [(inode: InodeNumber, isDirectory: Bool)] = []
        try connection.run(
            "SELECT inode, type FROM entries WHERE parent = ? AND inode != 0", [.number(parent)]
        ) { row in
            found.append((row.unsigned(0), row.integer(1) == Int64(FileType.directory.rawValue)))
        }
        return found
    }

    /// Returns a path of an inode, as far as its names are recorded.
    package func path(of number: InodeNumber) -> [UInt8]? {
        var names: [[UInt8]] = []
        var at = number
        // The limit is the depth of the longest path. It also ends a loop of damaged rows.
        for _ in 0..<4096 {
            var above: (parent: InodeNumber, name: [UInt8])?
            try? connection.run(
                "SELECT parent, name FROM entries WHERE inode = ? LIMIT 1", [.number(at)]
            ) { row in above = (row.unsigned(0), row.blob(1)) }
            guard let above else { break }
            names.append(above.name)
            at = above.parent
        }
        return names.isEmpty ? nil : Array(names.reversed().joined(separator: [0x2f]))
    }

    /// Visits the rows of inodes in the order of their numbers.
    func visitInodes(_ visit: (InodeRecord) throws(StorageError) -> Void) throws(StorageError) {
        try connection.run("SELECT * FROM inodes ORDER BY number") { (row) throws(StorageError) in
            try visit(try self.inode(row))
        }
    }

    func visitEntries(
        _ visit: (InodeNumber, FileName, Entry) throws(StorageError) -> Void
    ) throws(StorageError) {
        try connection.run("SELECT name, inode, type, checksum, parent FROM entries") {
            (row) throws(StorageError) in
            let (name, entry) = try self.entry(row, parent: row.unsigned(4))
            try visit(row.unsigned(4), name, entry)
        }
    }

    func inodesWithXattrs() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT DISTINCT inode FROM xattrs")
    }

    /// Verifies every row and its checksum, after SQLite's own check of its pages.
    package func verify() throws(StorageError) {
        var verdict = "ok"
        try connection.run("PRAGMA quick_check(1)") { row in verdict = row.text(0) }
        if verdict != "ok" { throw damaged(verdict) }
        _ = try position()
        try visitInodes { _ in }
        try visitEntries { _, _, _ in }
        for number in try inodesWithXattrs() { _ = try xattrs(of: number) }
        for number in try inodesWithOrigins() { _ = try origin(number) }
        _ = try backups()
        _ = try removals()
    }
}
