// WorkspaceList: the list of workspaces, for the verbs that concern whole workspaces. It is found from a
// workspace in it, from the list itself, or from the current directory.

import Glibc

struct WorkspaceList {
    /// The root of the mount.
    let place: Place
    /// The directory that relative paths are relative to.
    private let start: String

    init(directory: String?, names: [String] = []) throws(Failure) {
        let found = try Place(directory: directory, paths: names)
        start = found.start
        if found.isList {
            place = found
            return
        }
        let above = Place.parent(found.root)
        if Place.root(above: above) == above {
            let list = try Place(directory: above)
            if list.isList {
                place = list
                return
            }
        }
        throw Failure(
            "\(found.root) is not in a mount that lists the workspaces: mount the store without --workspace")
    }

    /// Returns the name of a workspace that was given by name, or by its path.
    func name(_ given: String) throws(Failure) -> String {
        guard given.contains("/") || given == "." || given == ".." else { return given }
        let path = Place.absolute(given, from: start)
        guard Place.parent(path) == place.root, let slash = path.lastIndex(of: "/") else {
            throw Failure(
                "\(Text.printable(given)) is not a workspace of \(place.root): give a name of draftfs list")
        }
        return String(path[path.index(after: slash)...])
    }

    /// Returns the word by which a control file takes a name: one that begins with a dash is no option.
    static func word(_ name: String) -> String { name.hasPrefix("-") ? "./" + name : name }

    func command(_ file: String, _ words: [String]) throws(Failure) {
        try ProgressLine.during(place) { () throws(Failure) in try place.command(file, words) }
    }
}
