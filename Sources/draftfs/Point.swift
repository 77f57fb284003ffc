// Point: one of the states that diff compares: a workspace, now or at a moment. On a command line: a moment
// of the current workspace, NAME@MOMENT, or workspace:NAME.

import Platform

struct Point {
    /// Another workspace; nil for the current one.
    var workspace: String?
    /// In the form that control files take; nil for the present state.
    var moment: String?

    /// - Parameter word: without the @ that `Moments.prepared` adds.
    init(_ word: String, in place: Place) throws(Failure) {
        let hasPrefix = word.hasPrefix(Self.prefix)
        let given = hasPrefix ? String(word.dropFirst(Self.prefix.count)) : word
        guard hasPrefix || Self.isInWorkspace(word, place) else {
            moment = Self.fixed(word)
            return
        }
        // The name of a workspace may have an @ too.
        let ends = given.indices.filter { given[$0] == "@" && $0 != given.startIndex }
        guard let first = ends.first, !Self.isWorkspace(word, place) else {
            workspace = given
            return
        }
        let at = ends.last { Place.exists(Self.sibling(String(given[..<$0]), place)) } ?? first
        let name = String(given[..<at])
        workspace = name
        let text = String(given[given.index(after: at)...])
        let directory = Self.sibling(name, place)
        let found = Place.root(above: directory) == directory ? try Place(directory: directory) : place
        moment = Self.fixed(try Moments.behindAt(text, in: found))
    }

    private static let prefix = "workspace:"

    /// Returns whether a word is workspace:NAME with the name of a workspace beside this one.
    static func isWorkspace(_ word: String, _ place: Place) -> Bool {
        word.hasPrefix(prefix) && Place.exists(sibling(String(word.dropFirst(prefix.count)), place))
    }

    /// Returns whether a word has the form NAME@MOMENT. A backup may have an @ in its name.
    static func isInWorkspace(_ word: String, _ place: Place) -> Bool {
        if word.hasPrefix(prefix) { return true }
        guard let at = word.firstIndex(of: "@"), at != word.startIndex, !word.hasPrefix("-")
        else { return false }
        return !word.contains("/") && !Place.exists(place.control("backups/\(word)"))
    }

    private static func fixed(_ moment: String) -> String {
        Moments.fixed(Moments.word(moment), now: Clock.system.realtime())
    }

    private static func sibling(_ name: String, _ place: Place) -> String {
        Place.absolute("../\(name)", from: place.root)
    }

    /// The form that the name of a control file has.
    var word: String {
        guard let workspace else { return moment ?? "" }
        return Self.prefix + workspace + (moment.map { ":" + $0 } ?? "")
    }

    /// What is missing, in a sentence.
    var unknown: String {
        guard let workspace else {
            return "there is no moment \(Text.printable(moment ?? "")) in this workspace: draftfs backup "
                + "--list shows the backups, draftfs history the changes"
        }
        let name = Text.printable(workspace)
        guard let moment else {
            return "there is no workspace \(name) in this store: draftfs list shows them"
        }
        return "there is no workspace \(name) with a moment \(Text.printable(moment)) in this store: draftfs "
            + "list shows the workspaces, draftfs history their changes"
    }

    /// Returns the directory with this state.
    func directory(_ place: Place) throws(Failure) -> String {
        var root = place.root
        if let workspace {
            root = Self.sibling(workspace, place)
            guard Place.exists("\(root)/.draft/status") else {
                throw Failure(
                    "the workspace \(Text.printable(workspace)) cannot be read beside "
                        + "\(place.root): a patch needs the mount that lists the workspaces")
            }
        }
        return moment.map { "\(root)/.draft/\(Moments.directory($0))" } ?? root
    }
}
