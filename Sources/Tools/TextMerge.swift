// TextMerge: merges two changes of one text with git merge-file: the changes of each side since a common
// state, and the places where both changed the same lines.

import Glibc
package import Platform

package struct TextMerge: Sendable {
    /// What happens to lines that both sides have changed.
    package enum Overlap: String, Sendable, CaseIterable {
        /// They are counted; the text has them marked.
        case fail
        /// Both versions are in the text one after the other, between marks.
        case mark
        case ours
        case theirs
    }

    package enum Outcome: Sendable, Equatable {
        /// - Parameter overlaps: the number of places that both have changed; 0 if the winning side was
        ///   named.
        case text([UInt8], overlaps: Int)
        /// One of the three texts is binary.
        case noText
    }

    package enum Failure: Error, Equatable {
        case noGit
        /// Git ended with this exit status.
        case git(Int32)
        /// The texts cannot be written to files for git.
        case system(Errno)
    }

    /// The maximum number of bytes of a text.
    package static let largest: UInt64 = 16 << 20

    /// The names of the three sides, for the marks.
    private let labels: (ours: String, base: String, theirs: String)
    private let temporary: String?

    /// - Parameter temporary: the directory for the files of git; nil takes $TMPDIR or /tmp.
    package init(ours: String, base: String, theirs: String, temporary: String? = nil) {
        labels = (ours, base, theirs)
        self.temporary = temporary
    }

    package func run(
        ours: [UInt8], base: [UInt8], theirs: [UInt8], overlap: Overlap = .mark
    ) throws(Failure) -> Outcome {
        let parent = temporary ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let directory: String
        do throws(Errno) {
            directory = try makeTemporaryDirectory("merge", in: parent)
        } catch {
            throw .system(error)
        }
        let files = ["ours", "base", "theirs"].map { "\(directory)/\($0)" }
        defer {
            for file in files { unlink(file) }
            rmdir(directory)
        }
        for (file, bytes) in zip(files, [ours, base, theirs]) {
            do throws(Errno) {
                try File.open(file, flags: OpenFlags.createNew).writeBytes(bytes, at: 0)
            } catch {
                throw .system(error)
            }
        }
        // Git runs in that directory and does not look above it, so that no repository's configuration
        // applies.
        var words = ["git", "-C", directory, "merge-file", "-p"]
        if overlap == .ours || overlap == .theirs { words.append("--\(overlap.rawValue)") }
        for label in [labels.ours, labels.base, labels.theirs] { words += ["-L", label] }
        var text: [UInt8] = []
        let status: Int32
        do throws(Subprocess.Missing) {
            status = try Subprocess.run(
                (words + files).map { Array($0.utf8) }, environment: Self.environment(parent),
                isSilent: true
            ) { text += $0 }
        } catch {
            throw .noGit
        }
        // git-merge-file(1): the number of overlaps, at most 127; negative on an error, which means a
        // binary file. Other values, such as 128 plus a signal, say nothing about the texts.
        switch status {
        case 0..<128: return .text(text, overlaps: Int(status))
        case 255: return .noText
        default: throw .git(status)
        }
    }

    /// Returns the lines at which marks begin, from 1.
    package func markedLines(of text: [UInt8]) -> [Int] {
        let mark = Array("<<<<<<< \(labels.ours)".utf8)
        return text.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
            .filter { $0.element.starts(with: mark) }.map { $0.offset + 1 }
    }

    /// Returns an environment in which no configuration of the user applies.
    private static func environment(_ ceiling: String) -> [String] {
        let path = getenv("PATH").map { ["PATH=\(String(cString: $0))"] } ?? []
        return path + [
            "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
            "GIT_CEILING_DIRECTORIES=\(ceiling)",
        ]
    }
}
