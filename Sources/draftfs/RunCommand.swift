// draftfs run: runs a command in a workspace, and keeps its status and the end of its output for the list of
// workspaces. Output is passed on as it comes.

import ArgumentParser
import Glibc
import Platform
import Synchronization

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command in a workspace and keep its result for the list.",
        discussion: """
            The command starts in the workspace, or in the directory below it that was given. Its exit \
            status is that of draftfs run; 128 and the number of the signal if a signal ended it. draftfs \
            list shows the status, .draft/run in the workspace also the last 64 KiB of the output. \
            Example: draftfs run agent-1 -- make test
            """)

    @Argument(help: "The name of a workspace, or its path.", completion: .directory)
    var name: String

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The command and its arguments.", valueName: "command"))
    var words: [String] = []

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if words.isEmpty { throw ValidationError("give a command: draftfs run NAME -- COMMAND") }
    }

    func run() throws {
        let directory = try directory()
        let place = try Place(directory: directory)
        if place.isList { throw Failure("\(directory) is the list of workspaces: name one of them") }
        let started = Clock.system.monotonic()
        let outcome = try ChildOutput.run(words, in: directory, isSilent: workspace.json)
        let milliseconds = (Clock.system.monotonic() - started) / 1_000_000
        let command = ShellWords.line(words).trimmingLineEnd
        do throws(Failure) {
            try place.command("run", ["\(outcome.status)", "\(milliseconds)", command, outcome.text])
        } catch {
            // The command has run: its status counts.
            printError("draftfs: \(error)")
        }
        if workspace.json {
            printJSON([
                "status": .number("\(outcome.status)"), "milliseconds": .number("\(milliseconds)"),
                "command": .text(command), "output": .text(outcome.text),
            ])
        }
        if outcome.status != 0 { exitProcess(outcome.status) }
    }

    /// Returns the directory that a path or the name of a workspace leads to.
    private func directory() throws(Failure) -> String {
        let start = try? Place(directory: workspace.directory, paths: [name])
        let path = Place.absolute(name, from: start?.start ?? "/")
        if Place.root(above: path) != nil, (try? File.open(path, flags: O_RDONLY | O_DIRECTORY)) != nil {
            return path
        }
        let list = try WorkspaceList(directory: workspace.directory)
        let found = "\(list.place.root)/\(try list.name(name))"
        guard Place.root(above: found) == found else {
            throw Failure("there is no workspace named \(Text.printable(name)): draftfs list shows them")
        }
        return found
    }
}

extension String {
    fileprivate var trimmingLineEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}

/// Runs a program, passes on what it writes, and keeps the end of it.
struct ChildOutput {
    let status: Int32
    /// The last bytes of both outputs, in the order in which they came.
    let tail: [UInt8]

    /// `tail` as text that a control file takes: a NUL cannot be in a word.
    var text: String {
        String(decoding: tail, as: UTF8.self).replacing("\0", with: "\u{fffd}")
    }

    private static let most = 64 << 10
    /// The program that signals are passed on to; 0 if there is none.
    private static let child = Atomic<Int32>(0)

    static func run(_ words: [String], in directory: String, isSilent: Bool) throws(Failure) -> ChildOutput {
        guard chdir(directory) == 0 else {
            throw Failure("cannot change into \(directory): \(Errno.last)")
        }
        let output: (read: Int32, write: Int32), errors: (read: Int32, write: Int32)
        do throws(Errno) {
            output = try Subprocess.makePipe()
            errors = try Subprocess.makePipe()
        } catch {
            throw Failure("cannot make a pipe: \(error)")
        }
        passSignals()
        let variables = environment()
        do throws(Errno) {
            child.store(
                try Subprocess.start(
                    words.map { Array($0.utf8) }, environment: variables, output: output.write,
                    errors: .to(errors.write), keepsInput: true), ordering: .relaxed)
        } catch {
            throw Failure("cannot run \(Text.printable(words[0])): \(error)")
        }
        close(output.write)
        close(errors.write)
        let tail = passOn(output.read, errors.read, isSilent: isSilent)
        return ChildOutput(status: Subprocess.wait(for: child.load(ordering: .relaxed)), tail: tail)
    }

    private static func environment() -> [String] {
        var variables: [String] = []
        var next = environ
        while let variable = next.pointee {
            variables.append(String(cString: variable))
            next += 1
        }
        return variables
    }

    /// The terminal sends its signals to the command too; this process must outlive it to keep the result.
    private static func passSignals() {
        for number in [SIGINT, SIGQUIT] { signal(number) { _ in } }
        for number in [SIGTERM, SIGHUP] {
            signal(number) { number in
                let process = ChildOutput.child.load(ordering: .relaxed)
                if process > 0 { kill(process, number) }
            }
        }
    }

    private static func passOn(_ output: Int32, _ errors: Int32, isSilent: Bool) -> [UInt8] {
        var tail: [UInt8] = []
        var open = [pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0)]
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while open.contains(where: { $0.fd >= 0 }) {
            if poll(&open, nfds_t(open.count), -1) < 0, errno != EINTR { break }
            for index in open.indices where open[index].fd >= 0 && open[index].revents != 0 {
                let count = read(open[index].fd, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                if count <= 0 {
                    close(open[index].fd)
                    open[index].fd = -1
                    continue
                }
                let bytes = buffer[..<count]
                tail += bytes
                if tail.count > 2 * most { tail.removeFirst(tail.count - most) }
                if !isSilent { writeBytes(bytes, to: index == 0 ? STDOUT_FILENO : STDERR_FILENO) }
            }
        }
        return tail.suffix(most)
    }
}
