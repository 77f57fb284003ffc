// Daemon: runs all of `draftfs mount` over its own base and store, without the kernel. The caller sends the
// requests, and no background thread is started. The engine's clock stands still, because single-stepping
// takes long.

import CStepper
import Fuse
import Glibc
import Logging
import MountServer
import Overlay
import Platform

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

final class Daemon {
    /// The node of the workspace's root.
    private(set) var root: UInt64 = 1
    private let server: MountServer
    private let messages: MessageServer
    private var number: UInt64 = 0
    private let process = UInt32(getpid())
    /// The time of the last lookup of this process in ThreadGroups, in nanoseconds. It is valid for a
    /// second.
    private var knownSince: Int64 = 0

    /// - Parameter isSingle: whether one workspace is mounted instead of the list of workspaces.
    init(_ directory: String, isSingle: Bool) throws {
        var messages: MessageServer?
        var options = try MountOptions("", privileged: getuid() == 0)
        options.allowOther = false
        var request = MountRequest(
            base: "\(directory)/base", mountPoint: "\(directory)/mount", store: "\(directory)/store",
            workspace: isSingle ? "costs" : nil, options: options, version: "costs")
        let started = Clock.system.realtime()
        request.clock = Clock(realtime: { started }, monotonic: { 1_000_000_000_000 })
        var logger = Logger(label: "costs")
        logger.logLevel = .error
        // Background threads would change the measured numbers.
        server = try MountServer(request, logger: logger, startThread: { _ in true }) {
            (operations, _, _) throws(MountFailure) in
            let made = try MessageServer(operations, options: options)
            messages = made
            return made.session
        }
        guard let messages else { throw Failure("there is no session") }
        self.messages = messages
        try ask(.initialize)
        if !isSingle {
            var message = Message(.makeDirectory, 1)
            for word: UInt32 in [0o755, 0o022] { message.body.add(word) }
            message.body.add("costs")
            root = try ask(message).node
        }
    }

    /// Returns the node at a path below the workspace's root. Each lookup on the way counts a reference.
    func walk(_ path: String) throws -> UInt64 {
        var node = root
        for name in path.split(separator: "/") {
            node = try ask(.lookup(String(name), in: node)).node
        }
        return node
    }

    @discardableResult
    func ask(_ message: Message, expecting error: Int32 = 0) throws -> Reply {
        try send(message, expecting: error) { $0() }
    }

    /// Sends one request and returns its costs.
    func measure(_ message: Message, expecting error: Int32 = 0) throws -> cs_counts_t {
        var counts = cs_counts_t()
        if message.isChange { rememberProcess() }
        _ = try send(message, expecting: error) { serve in
            cs_begin()
            serve()
            cs_end(&counts)
        }
        return counts
    }

    private func send(
        _ message: Message, expecting error: Int32, _ run: (() -> Void) -> Void
    ) throws -> Reply {
        number += 1
        var bytes = message.bytes(number: number, user: getuid(), group: getgid(), process: process)
        var answer = UnsafeRawBufferPointer(start: nil, count: 0)
        bytes.withUnsafeMutableBytes { raw in run { answer = messages.serve(raw) } }
        guard let reply = Reply(answer) else {
            if message.isAnswered { throw Failure("\(message.opcode) has no answer") }
            return Reply.none
        }
        guard reply.error == error else {
            throw Failure("\(message.opcode) is answered by \(reply.error), not by \(error)")
        }
        return reply
    }

    /// Renews the lookup of this process in ThreadGroups if it expires soon, so that the daemon does not
    /// renew it while it is single-stepped.
    private func rememberProcess() {
        let now = Clock.system.monotonic()
        if knownSince != 0, now - knownSince < 800_000_000 { return }
        usleep(1_010_000)
        _ = ThreadGroups.process(of: process)
        knownSince = Clock.system.monotonic()
    }
}
