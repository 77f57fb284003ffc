// Trampolines: the C callbacks of libfuse. They turn their arguments into plain values and pass on a
// `Request`. This file has the table and the calls on nodes by number; TrampolinesNames.swift has the
// calls with names. No callback is registered for locks, so locks stay in the kernel.

internal import CFuse
internal import Glibc
internal import Platform

enum Trampolines {
    /// Returns the table for fuse_session_new.
    static func table() -> fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        table.`init` = { context, connection in
            guard let context, let connection else { return }
            Unmanaged<SessionContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
                $0.initialize(connection)
            }
        }
        addForget(&table)
        addAttributes(&table)
        addFiles(&table)
        addExtents(&table)
        addDirectories(&table)
        addNames(&table)
        addXattrs(&table)
        return table
    }
}

// These are free functions, because a C callback cannot capture even the metatype of `Trampolines`.

/// Calls `body` with the operations of the request's session.
@inline(__always)
func serve(
    _ handle: OpaquePointer?, _ body: (any Operations, consuming Request) -> Void
) {
    guard let handle, let context = fuse_req_userdata(handle) else { return }
    Unmanaged<SessionContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
        body($0.operations, Request(handle))
    }
}

/// Converts an offset. Offsets come as off_t and are not negative unless the kernel has a fault.
@inline(__always)
func unsigned(_ offset: Int) -> UInt64 { UInt64(Swift.max(0, offset)) }

extension Trampolines {
    private static func addForget(_ table: inout fuse_lowlevel_ops) {
        table.forget = { handle, node, count in
            serve(handle) { operations, request in
                operations.forget(node: node, count: count)
                request.none()
            }
        }
        table.forget_multi = { handle, count, list in
            serve(handle) { operations, request in
                let all = UnsafeBufferPointer(start: list, count: count)
                operations.forget(all.map { ($0.ino, $0.nlookup) })
                request.none()
            }
        }
    }

    private static func addAttributes(_ table: inout fuse_lowlevel_ops) {
        table.getattr = { handle, node, _ in
            serve(handle) { $0.getattr($1, node: node) }
        }
        table.setattr = { handle, node, status, fields, info in
            guard let status else { return serve(handle) { $1.fail(.inputOutput) } }
            let change = AttributeChange(
                status: status.pointee, fields: fields, carried: info?.pointee.fh ?? 0)
            serve(handle) { $0.setattr($1, node: node, change: change) }
        }
        table.access = { handle, node, mask in
            serve(handle) { $0.access($1, node: node, mask: mask) }
        }
        table.statfs = { handle, node in
            serve(handle) { $0.statfs($1, node: node) }
        }
        table.readlink = { handle, node in
            serve(handle) { $0.readlink($1, node: node) }
        }
    }

    private static func addFiles(_ table: inout fuse_lowlevel_ops) {
        table.open = { handle, node, info in
            let flags = info?.pointee.flags ?? 0
            serve(handle) { $0.open($1, node: node, flags: flags) }
        }
        table.read = { handle, node, size, offset, _ in
            serve(handle) { $0.read($1, node: node, offset: unsigned(offset), size: size) }
        }
        // Not write_buf: the request, with its data, is already in a buffer.
        table.write = { handle, node, data, size, offset, info in
            let carried = info?.pointee.fh ?? 0
            let flags = WriteFlags(
                killSetID: carried & RawRequest.writeKillSetID != 0,
                fromPageCache: (info?.pointee.writepage ?? 0) != 0,
                appends: (info?.pointee.flags ?? 0) & O_APPEND != 0)
            serve(handle) {
                $0.write(
                    $1, node: node, data: UnsafeRawBufferPointer(start: data, count: size),
                    offset: unsigned(offset), flags: flags)
            }
        }
        table.flush = { handle, node, _ in
            serve(handle) { $0.flush($1, node: node) }
        }
        table.release = { handle, node, _ in
            serve(handle) { $0.release($1, node: node) }
        }
        table.fsync = { handle, node, dataOnly, _ in
            serve(handle) { $0.fsync($1, node: node, dataOnly: dataOnly != 0) }
        }
    }

    private static func addExtents(_ table: inout fuse_lowlevel_ops) {
        table.fallocate = { handle, node, mode, offset, length, _ in
            serve(handle) {
                $0.fallocate(
                    $1, node: node, mode: mode, offset: unsigned(offset),
                    length: unsigned(length))
            }
        }
        table.lseek = { handle, node, offset, whence, _ in
            serve(handle) {
                $0.lseek($1, node: node, offset: Int64(offset), whence: whence)
            }
        }
        table.copy_file_range = {
            handle, source, sourceOffset, _, target, targetOffset, _, length, _ in
            serve(handle) {
                $0.copyFileRange(
                    $1, from: source, at: unsigned(sourceOffset), to: target,
                    at: unsigned(targetOffset), length: UInt64(length))
            }
        }
    }

    private static func addDirectories(_ table: inout fuse_lowlevel_ops) {
        table.opendir = { handle, node, info in
            let flags = info?.pointee.flags ?? 0
            serve(handle) { $0.opendir($1, node: node, flags: flags) }
        }
        table.readdir = { handle, node, size, offset, _ in
            serve(handle) {
                $0.readdir($1, node: node, cookie: unsigned(offset), size: size)
            }
        }
        table.readdirplus = { handle, node, size, offset, _ in
            serve(handle) {
                $0.readdirplus($1, node: node, cookie: unsigned(offset), size: size)
            }
        }
        table.releasedir = { handle, node, _ in
            serve(handle) { $0.releasedir($1, node: node) }
        }
        table.fsyncdir = { handle, node, dataOnly, _ in
            serve(handle) { $0.fsyncdir($1, node: node, dataOnly: dataOnly != 0) }
        }
    }
}

extension AttributeChange {
    /// - Parameters:
    ///   - fields: the fields that are valid, FUSE_SET_ATTR_*.
    ///   - carried: the flags that `RawRequest.carryAttributeFlags` stored in the file handle.
    init(status: stat, fields: Int32, carried: UInt64) {
        func has(_ field: Int32) -> Bool { fields & field != 0 }
        if has(FUSE_SET_ATTR_MODE) { mode = status.st_mode }
        if has(FUSE_SET_ATTR_UID) { uid = status.st_uid }
        if has(FUSE_SET_ATTR_GID) { gid = status.st_gid }
        if has(FUSE_SET_ATTR_SIZE) { size = unsigned(status.st_size) }
        if has(FUSE_SET_ATTR_ATIME_NOW) {
            accessTime = .now
        } else if has(FUSE_SET_ATTR_ATIME) {
            accessTime = .at(status.st_atim.nanoseconds)
        }
        if has(FUSE_SET_ATTR_MTIME_NOW) {
            modificationTime = .now
        } else if has(FUSE_SET_ATTR_MTIME) {
            modificationTime = .at(status.st_mtim.nanoseconds)
        }
        if has(FUSE_SET_ATTR_CTIME) { changeTime = status.st_ctim.nanoseconds }
        killSetID =
            carried & RawRequest.attributeKillSetID != 0
            || carried & RawRequest.attributeFields == 0
    }
}
