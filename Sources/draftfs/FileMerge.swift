// FileMerge: merges the changes in a file of a workspace with those of the base or of another workspace,
// with git merge-file: the content that both began with, the other one's, and the file. The result is one
// edit. What others write to the file meanwhile stays.

import Platform
import Tools

struct FileMerge {
    let place: Place
    /// The path below the root, with a leading "/".
    let path: String
    /// A control directory with a state of the file.
    struct State {
        var place: Place
        /// Such as "at/base".
        var directory: String
    }

    /// The content that both began with, and the other one's.
    private let states: (then: State, now: State)
    private let ground: HostGround
    private let file: ToolPath

    /// A merged text.
    struct Merged {
        var text: [UInt8]
        /// The content that was merged, and its version.
        fileprivate var ours: [UInt8]
        fileprivate var seen: FileVersion
        /// The number of places that both have changed, which are marked in the text.
        var overlaps: Int
        /// What the other one has changed of the attributes; nil if they are not merged.
        fileprivate var attributes: AttributeMerge?
        var isSame: Bool { text == ours && attributes?.isEmpty ?? true }
        var lines: [Int] { FileMerge.texts.markedLines(of: text) }
    }

    /// An edit that was made.
    struct Done {
        fileprivate let own: OwnChange
        fileprivate let made: FileVersion?
    }

    init(_ place: Place, _ path: String, then: State, now: State) throws(Failure) {
        states = (then, now)
        self.place = place
        self.path = path
        do throws(ToolError) {
            ground = try HostGround.everything(from: place.root)
            file = try ground.roots.path(place.root + path)
        } catch {
            throw Failure(error.description)
        }
    }

    var name: String { Text.printable(path) }

    /// - Parameter withAttributes: whether mode, owner and extended attributes are merged too.
    func merge(withAttributes: Bool = false) throws(Failure) -> Merged {
        let then = try bytes(states.then, "its earlier content is not kept")
        let now = try bytes(states.now, "the other content cannot be read")
        let (ours, seen) = try contents()
        let (overlaps, text) = try merge(ours, then, now)
        let attributes = withAttributes ? try mergedAttributes() : nil
        return Merged(text: text, ours: ours, seen: seen, overlaps: overlaps, attributes: attributes)
    }

    private func mergedAttributes() throws(Failure) -> AttributeMerge {
        let merge: AttributeMerge
        do throws(Errno) {
            merge = try AttributeMerge(
                ours: place.root + path, then: states.then.place.control(states.then.directory + path),
                now: states.now.place.control(states.now.directory + path))
        } catch {
            throw Failure("the attributes of \(name) cannot be read: \(error)")
        }
        guard !merge.isConflict else {
            throw Failure(
                "both changed the mode, the owner or an attribute of \(name): nothing was done; --ours or "
                    + "--theirs decides", errno: .busy)
        }
        return merge
    }

    private func bytes(_ state: State, _ missing: String) throws(Failure) -> [UInt8] {
        do throws(Failure) {
            return try state.place.bytes(state.directory + path)
        } catch {
            throw Failure(
                "\(name) cannot be merged: \(missing) (or is larger than 16 MiB): --ours or --theirs decides")
        }
    }

    private func contents() throws(Failure) -> (bytes: [UInt8], version: FileVersion) {
        do throws(ToolError) {
            let opened = try ground.open(file)
            let status = try opened.status()
            return (try opened.read(Int(clamping: status.size), at: 0), FileVersion(status))
        } catch {
            throw Failure(error.description)
        }
    }

    /// Puts a merged text into the file.
    func write(_ merged: Merged) throws(Failure) -> Done {
        let own: OwnChange
        do throws(ToolError) {
            own = try OwnChange(ground, [file])
        } catch {
            throw Failure(error.description)
        }
        guard currentVersion == merged.seen else {
            throw Failure("\(name) was changed while it was merged: nothing was done; try again")
        }
        let text = Array(
            EditCommand.json(
                path, at: "0", delete: UInt64(merged.ours.count), insert: nil, bytes: merged.text
            ).line.utf8)
        guard text.count <= EditCommand.longest else {
            throw Failure("\(name) is too large to be merged in one edit")
        }
        if merged.text != merged.ours { try place.write("edit", text) }
        do throws(Errno) {
            try merged.attributes?.apply(to: place.root + path)
        } catch {
            throw takeBack(
                Done(own: own, made: currentVersion),
                after: Failure("cannot give \(name) the attributes of the base: \(error)", errno: error))
        }
        return Done(own: own, made: currentVersion)
    }

    /// Gives the file the content of before the edit, after an error.
    /// - Returns: the error, which says so if the merged content stays.
    func takeBack(_ done: Done, after error: Failure) -> Failure {
        var own = done.own
        let others = try? own.takeBack([(file, done.made)], keepsTimes: true)
        if others?.isEmpty == true { return error }
        return Failure(
            "\(error); the merged content of \(name) stays, because "
                + (others == nil ? "it could not be undone" : "another process has changed it since"),
            errno: error.errno)
    }

    private var currentVersion: FileVersion? { (try? ground.open(file).status()).map { FileVersion($0) } }

    /// - Returns: the number of conflicts, and the text.
    private func merge(
        _ ours: [UInt8], _ then: [UInt8], _ now: [UInt8]
    ) throws(Failure) -> (overlaps: Int, text: [UInt8]) {
        do throws(TextMerge.Failure) {
            switch try Self.texts.run(ours: ours, base: then, theirs: now) {
            case .text(let text, let overlaps): return (overlaps, text)
            case .noText: break
            }
        } catch {
            switch error {
            case .noGit:
                throw Failure("a merge needs git, which is missing: --ours or --theirs decides")
            case .git(let status): throw Failure("git merge-file failed with exit status \(status)")
            case .system(let errno): throw Failure("cannot write the texts to merge: \(errno)")
            }
        }
        throw Failure("\(name) is not text that can be merged: --ours or --theirs decides")
    }

    private static let texts = TextMerge(ours: "here", base: "base then", theirs: "base now")
}
