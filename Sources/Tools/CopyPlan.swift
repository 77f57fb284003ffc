// CopyPlan: the steps of a copy, planned before anything is changed: each file, directory and link, and
// what is left out with the reason. A tree is walked without recursion; nothing outside of the roots is
// read.

package import Platform

package struct CopyPlan: Sendable {
    package struct Item: Sendable {
        package enum Kind: Sendable, Equatable {
            case directory
            case file
            case symlink(target: [UInt8])
            /// A hard link to a file that comes earlier in the list.
            case link(to: Int)
        }

        /// The path to read; without symlinks if it was reached through a followed one.
        package var source: ToolPath
        /// The names below the destination; empty for the destination itself.
        package var names: [[UInt8]]
        package var kind: Kind
        package var status: FileStatus
    }

    package struct Skipped: Sendable, Equatable {
        package var path: ToolPath
        package var reason: String
    }

    /// The items; a directory comes before its entries.
    package private(set) var items: [Item] = []
    package private(set) var skipped: [Skipped] = []
    package private(set) var bytes: UInt64 = 0
    package private(set) var directories = 0
    package private(set) var files = 0
    package private(set) var links = 0
    /// Whether the source is copied as it is: nothing is left out or renamed.
    package private(set) var isWhole = true

    /// The maximum number of items of a plan, which is held in memory.
    package static let mostItems = 500_000
    private static let mostDepth = 2_000

    private var options: CopyOptions
    private let ground: any Ground
    private var taken: [[[UInt8]]: Int] = [:]
    private var linked: [FileKey: Int] = [:]

    private struct FileKey: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    /// A directory that is still to be walked.
    private struct Frame: Sendable {
        var path: ToolPath
        /// The names below the source, which patterns are matched against.
        var names: [[UInt8]]
        /// Whether an include pattern matches this directory or one above it.
        var isIncluded: Bool
        var ignores: [(depth: Int, rules: GlobRules)]
        /// The directories above, if links are followed.
        var chain: [FileKey]
    }

    static func checked(_ name: [UInt8]) throws(ToolError) -> [UInt8] {
        do throws(Errno) {
            return try FileName(name).bytes
        } catch {
            let text = String(decoding: name, as: UTF8.self)
            throw ToolError(.usage, "\"\(text)\" cannot be the name of a copy: \(error)")
        }
    }

    package init(
        _ ground: any Ground, _ source: ToolPath, _ options: CopyOptions,
        isCancelled: () -> Bool = { false }
    ) throws(ToolError) {
        self.options = options
        self.ground = ground
        isWhole = options.isPlain
        var source = source
        var status = try ground.status(source)
        if status.type == .symlink {
            switch options.symlinks {
            case .skip: throw ToolError(.wrongType, "\(source) is a symlink, and symlinks are skipped")
            case .preserve:
                try add(source, [], .symlink(target: try ground.symlinkTarget(source)), status)
                return
            case .follow:
                source = try ground.resolved(source)
                status = try ground.status(source)
            }
        }
        switch status.type {
        case .regular: try add(source, [], .file, status)
        case .directory: try walk(source, status, isCancelled)
        default: throw ToolError(.wrongType, "\(source) is not a file, directory or symlink")
        }
    }

    private mutating func walk(
        _ source: ToolPath, _ status: FileStatus, _ isCancelled: () -> Bool
    ) throws(ToolError) {
        try add(source, [], .directory, status)
        var waiting = [
            Frame(
                path: source, names: [], isIncluded: options.include.isEmpty, ignores: [],
                chain: [FileKey(device: status.device, inode: status.inode)])
        ]
        while let frame = waiting.popLast() {
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            guard frame.names.count < Self.mostDepth else {
                throw ToolError(.bounds, "\(frame.path) lies more than \(Self.mostDepth) levels deep")
            }
            var frame = frame
            let entries = try ground.look(in: frame.path).sorted { $0.entry.name < $1.entry.name }
            if options.respectsGitignore { readIgnores(&frame, entries.map(\.entry.name)) }
            var below: [Frame] = []
            for (entry, status) in entries {
                // The directory may be large, and expressions for its names may be slow.
                if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
                if let next = try take(frame, entry.name, status) { below.append(next) }
            }
            waiting += below.reversed()
        }
    }

    private func readIgnores(_ frame: inout Frame, _ names: [FileName]) {
        let name = Array(".gitignore".utf8)
        guard let entry = names.first(where: { $0.bytes == name }),
            let file = try? ground.open(frame.path.appending(entry)),
            let bytes = try? file.read(1 << 20, at: 0)
        else { return }
        frame.ignores.append((frame.names.count, GlobRules(file: bytes)))
    }

    private func isIgnored(_ frame: Frame, _ names: [[UInt8]], isDirectory: Bool) -> Bool {
        guard options.respectsGitignore else { return false }
        if names.last == Array(".git".utf8) { return true }
        // The nearest file with a matching rule decides.
        for (depth, rules) in frame.ignores.reversed() {
            if let verdict = rules.verdict(names[depth...], isDirectory: isDirectory) { return verdict }
        }
        return false
    }

    // MARK: One name

    /// - Returns: the directory to walk into, if it is one.
    private mutating func take(
        _ frame: Frame, _ name: FileName, _ status: FileStatus
    ) throws(ToolError) -> Frame? {
        let path = frame.path.appending(name)
        let names = frame.names + [name.bytes]
        if status.type == .symlink, options.symlinks == .follow {
            return try follow(frame, path, names)
        }
        let isDirectory = status.type == .directory
        guard let included = verdict(frame, names, isDirectory: isDirectory) else {
            isWhole = false
            return nil
        }
        switch status.type {
        case .directory:
            return try enter(frame, path, names, status, included)
        case .regular:
            if included, fits(status) { try addFile(path, names, status) }
        case .symlink:
            if options.symlinks == .skip {
                skip(path, "symlink")
            } else if included {
                let target = try ground.symlinkTarget(path)
                try addParents(names)
                try add(path, try copied(names), .symlink(target: target), status)
            }
        default:
            skip(path, "not a file, directory or symlink")
        }
        return nil
    }

    /// Returns nil if an entry is left out with everything below it.
    private func verdict(_ frame: Frame, _ names: [[UInt8]], isDirectory: Bool) -> Bool? {
        if options.exclude.verdict(names, isDirectory: isDirectory) == true { return nil }
        if isIgnored(frame, names, isDirectory: isDirectory) { return nil }
        if options.include.isEmpty { return true }
        return options.include.verdict(names, isDirectory: isDirectory) ?? frame.isIncluded
    }

    private mutating func enter(
        _ frame: Frame, _ path: ToolPath, _ names: [[UInt8]], _ status: FileStatus,
        _ included: Bool
    ) throws(ToolError) -> Frame? {
        // A directory that does not match by itself is made with the first match in it.
        if included, !options.flattens {
            try addParents(names)
            try add(path, names, .directory, status)
        }
        let key = FileKey(device: status.device, inode: status.inode)
        return Frame(
            path: path, names: names, isIncluded: included, ignores: frame.ignores,
            chain: options.symlinks == .follow ? frame.chain + [key] : frame.chain)
    }

    private mutating func follow(
        _ frame: Frame, _ path: ToolPath, _ names: [[UInt8]]
    ) throws(ToolError) -> Frame? {
        let real: ToolPath
        let status: FileStatus
        do throws(ToolError) {
            real = try ground.resolved(path)
            status = try ground.status(real)
        } catch {
            skip(path, error.kind == .denied ? "leads out of the allowed directories" : "leads to nothing")
            return nil
        }
        guard let included = verdict(frame, names, isDirectory: status.type == .directory) else {
            return nil
        }
        switch status.type {
        case .regular:
            if included, fits(status) { try addFile(real, names, status) }
        case .directory:
            if frame.chain.contains(FileKey(device: status.device, inode: status.inode)) {
                skip(path, "leads to a directory above itself")
                return nil
            }
            return try enter(frame, real, names, status, included)
        default:
            skip(path, "leads to something that is not a file or directory")
        }
        return nil
    }

    private mutating func skip(_ path: ToolPath, _ reason: String) {
        isWhole = false
        skipped.append(Skipped(path: path, reason: reason))
    }

    private func fits(_ status: FileStatus) -> Bool {
        if let least = options.smallest, status.size < least { return false }
        if let most = options.largest, status.size > most { return false }
        if let start = options.modifiedAfter, status.modificationTime < start { return false }
        if let end = options.modifiedBefore, status.modificationTime > end { return false }
        return true
    }

    // MARK: The list

    private mutating func addFile(
        _ path: ToolPath, _ names: [[UInt8]], _ status: FileStatus
    ) throws(ToolError) {
        try addParents(names)
        let target = try copied(names)
        guard status.links > 1, options.variables == nil, options.conflict != .merge else {
            return try add(path, target, .file, status)
        }
        let key = FileKey(device: status.device, inode: status.inode)
        if let first = linked[key] {
            try add(path, target, .link(to: first), status)
        } else {
            linked[key] = items.count
            try add(path, target, .file, status)
        }
    }

    /// Adds the directories above that did not match by themselves.
    private mutating func addParents(_ names: [[UInt8]]) throws(ToolError) {
        guard !options.flattens, !options.include.isEmpty, let top = items.first else { return }
        for count in 1..<max(1, names.count) {
            let above = Array(names[..<count])
            if taken[try replaced(above)] != nil { continue }
            let path = try ToolPath(top.source.bytes + [0x2f] + above.joined(separator: [0x2f]))
            let real = try ground.resolved(path)
            try add(real, above, .directory, try ground.status(real))
        }
    }

    /// Returns the names of the copy of a file.
    private func copied(_ names: [[UInt8]]) throws(ToolError) -> [[UInt8]] {
        var copied = options.flattens ? Array(names.suffix(1)) : names
        if let pattern = options.names, let last = copied.last {
            copied[copied.count - 1] = try pattern.name(for: last, number: files + 1)
        }
        if let expression = options.nameExpression, let last = copied.last {
            copied[copied.count - 1] = try expression.name(for: last)
        }
        return copied
    }

    private func replaced(_ names: [[UInt8]]) throws(ToolError) -> [[UInt8]] {
        guard let variables = options.variables else { return names }
        var replaced: [[UInt8]] = []
        for name in names {
            let text = String(decoding: name, as: UTF8.self)
            guard Array(text.utf8) == name, text.contains("{{") else {
                replaced.append(name)
                continue
            }
            let filled = try Template(variables).fill(text, where: "the name \(text)")
            replaced.append(try Self.checked(Array(filled.utf8)))
        }
        return replaced
    }

    private mutating func add(
        _ source: ToolPath, _ names: [[UInt8]], _ kind: Item.Kind, _ status: FileStatus
    ) throws(ToolError) {
        guard items.count < Self.mostItems else {
            throw ToolError(
                .bounds, "there are more than \(Self.mostItems) files: copy them in several calls")
        }
        var names = try replaced(names)
        if let other = taken[names] {
            if kind == .directory, items[other].kind == .directory { return }
            guard options.conflict == .rename else {
                throw ToolError(
                    .exists,
                    "\(items[other].source) and \(source) would both be copied to "
                        + "\(ToolPath.text(names)): "
                        + "use a pattern of names with {n}, or on_conflict rename")
            }
            names = Self.free(names) { taken[$0] != nil }
        }
        taken[names] = items.count
        switch kind {
        case .directory: directories += 1
        case .file:
            files += 1
            bytes = bytes.addingReportingOverflow(status.size).partialValue
        case .link: files += 1
        case .symlink: links += 1
        }
        items.append(Item(source: source, names: names, kind: kind, status: status))
    }

    /// Returns the first free name of `name (2).txt` and so on.
    static func free(_ names: [[UInt8]], isTaken: ([[UInt8]]) -> Bool) -> [[UInt8]] {
        guard let last = names.last else { return names }
        let (stem, suffix) = NamePattern.split(last)
        var number = 2
        while true {
            let tried = names.dropLast() + [stem + Array(" (\(number))".utf8) + suffix]
            if !isTaken(Array(tried)) { return Array(tried) }
            number += 1
        }
    }
}
