// ConflictReport: shows the report of a commit or a refresh: conflicts, what was decided, and the changes.

import Platform

struct ConflictReport {
    let place: Place
    /// The control file.
    let file: String
    let isDryRun: Bool
    let ours: Bool
    let json: Bool

    /// Runs a command. If it met conflicts, they are shown before its error.
    func during(_ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) {
            try body()
        } catch {
            if error.errno == .busy { try show() }
            throw error
        }
    }

    /// - Returns: the first line of the report.
    @discardableResult
    func show() throws(Failure) -> JSONValue? {
        let lines = try place.objects(file)
        if json {
            for line in lines { print(line.line) }
            return lines.first?.value
        }
        for (_, value) in lines.dropFirst() {
            let path = Text.printable(value["path"]?.plain ?? "")
            if let reason = value["conflict"]?.plain {
                print("C\t\(path)\t\(reason)")
            } else if value["decided"] != nil {
                print("\(ours ? "ours" : "theirs")\t\(path)")
            } else if isDryRun {
                let old = (value["old_path"]?.plain).map { Text.printable($0) + "\t" } ?? ""
                print("\(value["status"]?.plain ?? "")\t\(old)\(path)")
            }
        }
        return lines.first?.value
    }
}
