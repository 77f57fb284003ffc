// open, read, write, fsync and the calls on extents. There are no handles: open, create and flush
// return ENOSYS, and the kernel stops sending them (no_open, no_create, no_flush).

package import Fuse
internal import Overlay
package import Platform
internal import Storage

extension DraftOperations {
    package func open(_ request: consuming Request, node: UInt64, flags: Int32) {
        request.fail(.notImplemented)
    }

    package func create(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32, flags: Int32
    ) {
        // The kernel then sends mknod instead, which also saves a release.
        request.fail(.notImplemented)
    }

    package func flush(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }

    package func release(_ request: consuming Request, node: UInt64) { request.ok() }

    package func read(_ request: consuming Request, node: UInt64, offset: UInt64, size: Int) {
        do throws(Errno) {
            switch try self.node(node) {
            case .workspaceList:
                throw .isDirectory
            case .control(let place):
                control.read(request, place, offset: offset, size: size)
            case .place(let place):
                request.data(capacity: size) { (buffer) throws(Errno) in
                    try place.workspace.content.read(place.number, into: buffer, at: offset)
                }
            }
        } catch {
            request.fail(error)
        }
    }

    package func write(
        _ request: consuming Request, node: UInt64, data: UnsafeRawBufferPointer,
        offset: UInt64, flags: WriteFlags
    ) {
        do throws(Errno) {
            if case .control(let place) = try self.node(node) {
                return control.write(
                    request, place, Array(data), at: offset, isMapped: flags.fromPageCache,
                    appends: flags.appends)
            }
            let place = try place(node)
            let clearedMode = try place.workspace.content.write(
                place.number, data, at: offset, killSetID: flags.killSetID,
                caller: .init(request.context))
            request.written(data.count)
            // The kernel takes a new size from the reply to a write, but not a new mode.
            if clearedMode { notifier?.invalidateInode(node, offset: -1) }
        } catch {
            request.fail(error)
        }
    }

    package func fsync(_ request: consuming Request, node: UInt64, dataOnly: Bool) {
        attempt(request) { () throws(Errno) in
            guard case .place(let place) = try self.node(node) else { return }
            try place.workspace.synchronize(place.number)
        }
    }

    package func fallocate(
        _ request: consuming Request, node: UInt64, mode: Int32, offset: UInt64, length: UInt64
    ) {
        let caller = Overlay.Caller(request.context)
        attempt(request) { () throws(Errno) in
            let place = try place(node)
            try place.workspace.content.allocate(
                place.number, mode: AllocationMode(rawValue: mode), offset: offset,
                length: length, caller: caller)
        }
    }

    package func lseek(_ request: consuming Request, node: UInt64, offset: Int64, whence: Int32) {
        do throws(Errno) {
            guard offset >= 0 else { throw .noDevice }
            let isData = whence == SeekWhence.data
            guard isData || whence == SeekWhence.hole else { throw .invalid }
            if case .control(let place) = try self.node(node) {
                return control.lseek(request, place, offset: UInt64(offset), data: isData)
            }
            let place = try place(node, else: .invalid)
            let found = try place.workspace.content.seek(
                place.number, from: UInt64(offset), data: isData)
            request.seekOffset(Int64(clamping: found))
        } catch {
            request.fail(error)
        }
    }

    package func copyFileRange(
        _ request: consuming Request, from source: UInt64, at sourceOffset: UInt64,
        to target: UInt64, at targetOffset: UInt64, length: UInt64
    ) {
        do throws(Errno) {
            let to = try place(target)
            guard case .place(let from) = try self.node(source) else { throw .crossDevice }
            // A workspace keeps the data that its files share, and the other workspace may be
            // removed. On EXDEV the kernel copies the data itself.
            guard from.workspace === to.workspace else { throw .crossDevice }
            // The count in the reply has 32 bits.
            let part = min(length, UInt64(UInt32.max) & ~0xf_ffff)
            let count = try to.workspace.content.copyRange(
                from: from.number, at: sourceOffset, to: to.number, at: targetOffset,
                length: part, caller: .init(request.context))
            request.written(Int(count))
        } catch {
            request.fail(error)
        }
    }
}
