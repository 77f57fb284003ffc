// SourceTests: tests the rules of style for sources: sizes, words, unsafe pointers.

import Testing

@Suite("Sources are tidy")
struct SourceTests {
    static let maximumLines = 400
    static let maximumColumns = 110

    /// The files whose code names an unsafe pointer type or function. Each passes bytes to or from the
    /// system, libfuse or SQLite, or handles the buffers of a request.
    static let unsafe: Set<String> = [
        "Sources/Platform/Bytes.swift", "Sources/Platform/Checksum.swift",
        "Sources/Platform/DirectoryWatch.swift",
        "Sources/Platform/Disk.swift", "Sources/Platform/File.swift",
        "Sources/Platform/Gate.swift", "Sources/Platform/HostChanges.swift",
        "Sources/Platform/HostDirectory.swift", "Sources/Overlay/Base/BaseTree.swift",
        "Sources/Storage/EditLog/EditLog.swift", "Sources/Storage/EditLog/EditLog+Versions.swift",
        "Sources/Storage/Log/LogFile.swift", "Sources/Storage/Log/LogScanner.swift",
        "Sources/Storage/Pool/PinFile.swift",
        "Sources/Storage/Log/Record.swift", "Sources/Storage/Log/RecordTable.swift",
        "Sources/Storage/Database/SQLiteConnection.swift",
        "Sources/Overlay/Content/ContentReads.swift", "Sources/Overlay/Content/ContentWrites.swift",
        "Sources/Past/Moments/TimeView.swift",
        "Sources/StoreGround/StoreFile.swift", "Sources/Tools/MatchWatch.swift",
        "Mount/Fuse/DirectoryBuffer.swift", "Mount/Fuse/InitReply.swift",
        "Mount/Fuse/MessageServer.swift", "Mount/Fuse/MountSynchronizer.swift",
        "Mount/Fuse/Notifier.swift",
        "Mount/Fuse/Operations.swift",
        "Mount/Fuse/OperationsDefaults.swift", "Mount/Fuse/RawRequest.swift",
        "Mount/Fuse/Request.swift", "Mount/Fuse/ScratchBuffer.swift",
        "Mount/Fuse/SessionContext.swift", "Mount/Fuse/Threads.swift",
        "Mount/Fuse/Trampolines.swift", "Mount/Fuse/TrampolinesNames.swift",
        "Mount/Fuse/Transport.swift", "Mount/Fuse/Unmount.swift", "Mount/Fuse/Worker.swift",
        "Mount/Server/FileOperations.swift", "Mount/Server/XattrOperations.swift",
        "Sources/draftfs/Background.swift", "Sources/draftfs/DoctorCommand.swift",
        "Sources/draftfs/ExitStatus.swift", "Sources/draftfs/Patch.swift",
    ]

    /// The banned words, each split so that this file does not contain it.
    static let banned = ["try" + "!", "fatal" + "Error(", "as" + "!", ".first" + "!", ".last" + "!"]
    static let notes = ["TO" + "DO", "FIX" + "ME"]
    /// Words that hide the subject of a sentence (a caller? the kernel? a user?) or its sense.
    static let riddles: Set<String> = [
        "any" + "body", "any" + "one", "every" + "body", "every" + "one", "no" + "body", "some" + "body",
        "some" + "one", "who" + "ever", "a" + "new", "there" + "of", "where" + "upon", "here" + "by",
    ]

    @Test(arguments: Tree.swift)
    func `A file is short`(file: SourceFile) {
        #expect(file.lines.count - 1 <= Self.maximumLines, "\(file.path)")
    }

    @Test(arguments: Tree.files.filter { !$0.path.hasSuffix(".md") })
    func `Lines are short, and end without blanks`(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            #expect(line.count <= Self.maximumColumns, "\(file.path):\(index + 1)")
            #expect(line.last != " " && line.last != "\t", "\(file.path):\(index + 1)")
        }
    }

    @Test(arguments: Tree.swift)
    func `A file begins with a comment that says what it owns`(file: SourceFile) {
        #expect(file.lines.first?.hasPrefix("//") == true, "\(file.path)")
    }

    /// Gerunds that are established terms.
    static let gerunds = ["DirectoryListing", "InodeNumbering", "TextEncoding"]

    @Test(arguments: Tree.program)
    func `A file is named by a noun`(file: SourceFile) {
        for name in file.name.split(separator: ".").first?.split(separator: "+") ?? [] {
            #expect(!name.hasSuffix("ing") || Self.gerunds.contains(String(name)), "\(file.path)")
        }
    }

    @Test(arguments: Tree.program)
    func `Nothing traps on what comes from outside`(file: SourceFile) {
        for (number, text) in file.code {
            for word in Self.banned {
                #expect(!text.contains(word), "\(file.path):\(number) has \(word)")
            }
        }
    }

    /// The files in which such a sum cannot overflow: a valid piece ends at or below 2⁶³ − 1.
    static let checked: Set<String> = [
        "Sources/Platform/Arithmetic.swift", "Sources/Storage/Pieces/Piece.swift",
        "Sources/Storage/Pieces/PieceTree.swift",
    ]

    /// Numbers from the base, the disk, the kernel or a user can have any value of their type, so plain
    /// operators may trap. See Sources/Platform/Arithmetic.swift. The commands and their tools are
    /// excluded, because they run in processes other than the daemon.
    @Test(
        arguments: Tree.program.filter {
            !checked.contains($0.path)
                && !$0.isIn("Sources/draftfs", "Sources/Tools", "Sources/ToolServer", "Sources/StoreGround")
        })
    func `Sums, products and casts of what comes from outside have a bound`(file: SourceFile) {
        for (number, text) in file.code {
            let place = "\(file.path):\(number)"
            // A search for a plain word first, because a regular expression is slow.
            if text.contains("512") {
                #expect(!text.contains(/\*\s*512\b|\b512\s*\*/), "\(place): multiplied(clamping:)")
            }
            if text.contains("1_000_000_000") {
                #expect(
                    !text.contains(/(\*|by:)\s*1_000_000_000\b/),
                    "\(place): Int64(seconds:nanoseconds:)")
            }
            if text.contains("ffset +") {
                let sum = /ffset\s*\+\s*([A-Za-z.]*([lL]ength|[cC]ount|delete)\b|UInt64\()/
                #expect(!text.contains(sum), "\(place): adding(clamping:), or Range(at:count:)")
            }
            if text.contains("Int") {
                let cast =
                    /\b(UInt8|UInt16|UInt32|Int8|Int16|Int32)\((status|raw|row|header|record|max|min)\b/
                #expect(!text.contains(cast), "\(place): clamping: or truncatingIfNeeded:")
            }
            if text.contains(".links +") { Issue.record("\(place): adding(clamping:)") }
        }
    }

    @Test(arguments: Tree.files)
    func `No notes of unfinished work`(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            for word in Self.notes {
                #expect(!line.contains(word), "\(file.path):\(index + 1) has \(word)")
            }
        }
    }

    @Test(arguments: Tree.files)
    func `Sentences name their subject`(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            for word in line.lowercased().split(whereSeparator: { !$0.isLetter }) {
                #expect(!Self.riddles.contains(String(word)), "\(file.path):\(index + 1) has \(word)")
            }
        }
    }

    @Test(arguments: Tree.program.filter { !$0.isIn("Sources/draftfs") })
    func `Only commands print`(file: SourceFile) {
        for (number, text) in file.code {
            #expect(
                !text.split { !($0.isLetter || $0 == "(") }.contains { $0.hasPrefix("print(") },
                "\(file.path):\(number) prints")
        }
    }

    @Test func `Unsafe pointers are only in the listed files`() {
        let found = Set(
            Tree.program.filter { file in
                file.code.contains { $0.text.contains("Unsafe") || $0.text.contains("withUnsafe") }
            }.map(\.path))
        #expect(found.subtracting(Self.unsafe) == [], "not listed")
        #expect(Self.unsafe.subtracting(found) == [], "listed without need")
    }

    /// Returns whether a line has the directory itself, or, unless it is root's home, a path below it.
    private static func names(_ path: String, _ line: Substring) -> Bool {
        line.ranges(of: path).contains { range in
            let starts = line[..<range.lowerBound].last.map { " \"=`'(:".contains($0) } ?? true
            let next = line[range.upperBound...].first
            let ends = next == "/" || (path != "/" + "root" && next?.isLetter != true)
            return starts && ends
        }
    }

    @Test func `A path is found wherever it stands in a line`() {
        let path = "/" + "work"
        #expect(Self.names(path, "in a\(path)x and in '\(path)/x'"))
        #expect(Self.names(path, "\(path)") && !Self.names(path, "a\(path)/x, \(path)s"))
    }

    /// Finds paths that exist only on the machine of the author. The path of root's home without a suffix
    /// is the same on all machines.
    @Test(arguments: Tree.files)
    func `No paths of one machine`(file: SourceFile) {
        for (index, line) in file.lines.enumerated() {
            for path in ["/" + "work", "/" + "root", "/" + "home"] where Self.names(path, line) {
                Issue.record("\(file.path):\(index + 1) names \(path)")
            }
        }
    }
}
