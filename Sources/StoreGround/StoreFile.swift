// StoreFile: a file of a workspace, read without a mount. Also the writes of a ground, which pass buffers
// to the engine.

internal import Overlay
internal import Platform
internal import Tools

struct StoreFile: GroundFile {
    private let node: StoreGround.Node
    private let workspace: Workspace
    private let name: String

    init(_ node: StoreGround.Node, _ workspace: Workspace, name: String) {
        self.node = node
        self.workspace = workspace
        self.name = name
    }

    func status() throws(ToolError) -> FileStatus {
        do throws(Errno) {
            return FileStatus(try workspace.attributes(node.number))
        } catch {
            throw ToolError(error, "look at", name)
        }
    }

    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8] {
        if count == 0 { return [] }
        var failure: Errno?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(Errno) {
                filled = try workspace.content.read(
                    node.number, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw ToolError(failure, "read", name) }
        return bytes
    }

    func dataRun(from offset: UInt64) throws(ToolError) -> Range<UInt64> {
        do throws(Errno) {
            let start = try workspace.content.seek(node.number, from: offset, data: true)
            return start..<max(start, try workspace.content.seek(node.number, from: start, data: false))
        } catch {
            if error == .noDevice { return UInt64.max..<UInt64.max }
            throw ToolError(error, "look for holes in", name)
        }
    }

    func scan(over bytes: inout [UInt8], at offset: UInt64) throws(ToolError) -> Int {
        do throws(Errno) {
            return try workspace.content.read(node.number, over: &bytes, at: offset)
        } catch {
            throw ToolError(error, "read", name)
        }
    }

    func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places? {
        do throws(Errno) {
            return try workspace.content.places(search, in: node.number)
        } catch {
            throw ToolError(error, "read", name)
        }
    }
}

extension StoreGround {
    static func write(
        _ workspace: Workspace, _ number: UInt64, _ bytes: [UInt8], at offset: UInt64, caller: Caller
    ) throws(Errno) {
        var done = 0
        // The engine takes at most as many bytes as one request of the kernel has.
        while done < bytes.count {
            let part = bytes[done..<min(bytes.count, done + (1 << 20))]
            let result: Result<Bool, Errno> = part.withUnsafeBytes { raw in
                do throws(Errno) {
                    return .success(
                        try workspace.content.write(
                            number, raw, at: offset + UInt64(done), killSetID: false, caller: caller))
                } catch {
                    return .failure(error)
                }
            }
            _ = try result.get()
            done += part.count
        }
    }
}
