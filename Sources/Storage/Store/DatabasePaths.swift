// DatabasePaths: where the databases of a workspace are. A workspace begins with the generation 0; each layer
// that is frozen ends a generation and its database.

/// The paths of the databases of a workspace.
package struct DatabasePaths: Sendable {
    /// Nil for databases in memory.
    private let directory: String?

    /// - Parameter directory: the directory of the workspace, absolute.
    package init(_ directory: String?) { self.directory = directory }

    package var areInMemory: Bool { directory == nil }

    /// Returns the path of the database of a generation.
    package func path(_ generation: UInt32) -> String {
        guard let directory else { return ":memory:" }
        return "\(directory)/\(Self.name(generation))"
    }

    /// Returns the path at which a database is made that takes the place of that of a generation.
    package func mergePath(_ generation: UInt32) -> String { path(generation) + ".new" }

    /// The path of a database that a release of the tree log makes for a while.
    package var scratchPath: String { directory.map { "\($0)/tree.start.db" } ?? ":memory:" }

    package static func name(_ generation: UInt32) -> String {
        generation == 0 ? "tree.db" : "tree.\(generation).db"
    }

    /// Returns the generation whose database has that name.
    package static func generation(_ name: some StringProtocol) -> UInt32? {
        if name == "tree.db" { return 0 }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "tree", parts[2] == "db", let number = UInt32(parts[1]),
            Self.name(number) == name else { return nil }
        return number
    }
}
