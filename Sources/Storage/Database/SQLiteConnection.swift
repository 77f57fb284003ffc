// SQLiteConnection: a small wrapper of the C library: one connection, prepared statements, typed
// errors. The tree database needs a dozen statements; a larger binding would cost a minute of build
// time.

internal import CSQLite
internal import Platform

/// One connection. It is not thread-safe: its owner serialises access.
package final class SQLiteConnection {
    private var handle: OpaquePointer?
    private let path: String
    private var statements: [String: OpaquePointer] = [:]

    /// Opens `path` in WAL mode, or makes it there. ":memory:" opens a database in memory.
    package init(_ path: String, _ access: Access = .readWrite) throws(StorageError) {
        self.path = path
        var name = path
        var flags = SQLITE_OPEN_NOMUTEX
        switch access {
        case .readWrite: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .readOnly: flags |= SQLITE_OPEN_READWRITE
        case .immutable:
            flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            name = Self.immutable(path)
        }
        if access == .readWrite, path != ":memory:" { try Self.makeFiles(path) }
        let code = sqlite3_open_v2(name, &handle, flags, Self.fileSystem)
        if code != SQLITE_OK {
            let failure = error(code)
            sqlite3_close_v2(handle)
            handle = nil
            throw failure
        }
        sqlite3_busy_timeout(handle, 10_000)
        if access != .readWrite {
            csqlite_keep_log_on_close(handle)
            try execute("PRAGMA query_only = ON")
            return
        }
        try execute("PRAGMA journal_mode = WAL")
        // The tree log is synced before each checkpoint, and the database can be rebuilt from it.
        // NORMAL keeps the database consistent, which is enough.
        try execute("PRAGMA synchronous = NORMAL")
        try execute("PRAGMA wal_autocheckpoint = 1000")
    }

    /// The name of the VFS (sqlite.org/vfs.html): SQLite's own, with the index of the write-ahead log
    /// in memory that the connections of this process share. The index as a file (`-shm`) would be
    /// mapped. If a full disk has no block for one of its pages, an access to that page kills the
    /// process (SIGBUS). The store's lock excludes other processes.
    private static let fileSystem = "unix-excl"

    /// How a database is opened. The last two do not make a database, and do not change it.
    package enum Access: Sendable {
        case readWrite
        /// Beside a writer of this process, or after a writer that was killed. The descriptor is
        /// writable, as the index in memory requires. No statement can write, and the write-ahead log
        /// stays.
        case readOnly
        /// While no other connection is open and the write-ahead log is empty. Makes no file beside the
        /// database.
        case immutable
    }

    /// Makes the database and its write-ahead log before SQLite does. If SQLite fails to make them, it
    /// tries to read them and reports that they do not exist, which hides that the disk is full.
    private static func makeFiles(_ path: String) throws(StorageError) {
        for name in [path, path + "-wal"] {
            do throws(Errno) {
                _ = try File.open(name, flags: OpenFlags.create)
            } catch {
                throw .system(error, doing: "make", path: name)
            }
        }
    }

    /// Returns a URI (sqlite.org/uri.html) that opens `path` as immutable. Special characters are
    /// escaped.
    private static func immutable(_ path: String) -> String {
        var name = "file:"
        for byte in path.utf8 {
            let scalar = Unicode.Scalar(byte)
            if byte < 0x80, !"%?#".unicodeScalars.contains(scalar) {
                name.unicodeScalars.append(scalar)
            } else {
                name += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return name + "?immutable=1"
    }

    deinit { close() }

    package func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        sqlite3_close_v2(handle)
        handle = nil
    }

    /// The errno of the last failure, if it is one that more space or more rights would remove.
    private var cause: Errno? {
        guard let handle else { return nil }
        let errno = Errno(sqlite3_system_errno(handle))
        return [.noSpace, .quota, .readOnly].contains(errno) ? errno : nil
    }

    private func error(_ code: Int32) -> StorageError {
        let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "error \(code)"
        switch code & 0xff {
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return .damaged(path: path, what: message)
        case SQLITE_FULL:
            return .system(.noSpace, doing: "write", path: path)
        case SQLITE_READONLY:
            return .system(.readOnly, doing: "write", path: path)
        case SQLITE_CANTOPEN, SQLITE_PERM:
            return .system(cause ?? .accessDenied, doing: "open", path: path)
        case SQLITE_IOERR:
            return .system(cause ?? .inputOutput, doing: "use", path: path)
        default:
            return .database(message, path: path)
        }
    }

    package func execute(_ sql: String) throws(StorageError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw error(code) }
    }

    /// Runs a statement with `values` bound, and calls `row` for each row. The prepared statement is
    /// kept for the next call.
    package func run(
        _ sql: String, _ values: [SQLiteValue] = [],
        row: (borrowing SQLiteRow) throws(StorageError) -> Void = { (_) throws(StorageError) in }
    ) throws(StorageError) {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            let slot = Int32(index + 1)
            let code: Int32 = switch value {
            case .null: sqlite3_bind_null(statement, slot)
            case .integer(let number): sqlite3_bind_int64(statement, slot, number)
            case .blob(let bytes):
                bytes.withUnsafeBytes {
                    csqlite_bind_blob(statement, slot, $0.baseAddress, Int32($0.count))
                }
            case .text(let text): csqlite_bind_text(statement, slot, text)
            }
            if code != SQLITE_OK { throw error(code) }
        }
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            if code != SQLITE_ROW { throw error(code) }
            try row(SQLiteRow(statement: statement))
        }
    }

    private func prepared(_ sql: String) throws(StorageError) -> OpaquePointer {
        if let known = statements[sql] { return known }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code) }
        statements[sql] = statement
        return statement
    }

    /// The number of bytes that SQLite uses in this process, over all connections.
    package static var memoryBytes: Int { Int(sqlite3_memory_used()) }

    /// Sets the number of bytes at which SQLite, in this whole process, reuses pages before it
    /// allocates more (sqlite3_soft_heap_limit64).
    package static func setMemoryLimit(_ bytes: Int) {
        sqlite3_soft_heap_limit64(Int64(bytes))
    }
}

package enum SQLiteValue {
    case null
    case integer(Int64)
    case blob([UInt8])
    case text(String)

    /// Numbers above Int64.max keep their bits.
    package static func number(_ value: UInt64) -> SQLiteValue { .integer(Int64(bitPattern: value)) }
    package static func number(_ value: UInt32) -> SQLiteValue { .integer(Int64(value)) }
}

/// The current row. It is valid only inside the closure that receives it.
package struct SQLiteRow: ~Copyable {
    fileprivate let statement: OpaquePointer

    fileprivate init(statement: OpaquePointer) { self.statement = statement }

    package func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }
    package func unsigned(_ column: Int) -> UInt64 { UInt64(bitPattern: integer(column)) }
    package func word(_ column: Int) -> UInt32 { UInt32(truncatingIfNeeded: integer(column)) }
    package func isNull(_ column: Int) -> Bool {
        sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL
    }

    package func blob(_ column: Int) -> [UInt8] {
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        guard count > 0, let bytes = sqlite3_column_blob(statement, Int32(column)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    package func text(_ column: Int) -> String {
        String(decoding: blob(column), as: UTF8.self)
    }
}
