// TrampolinesNames: the callbacks that take a name. Invalid names are answered here; the kernel
// passes names of up to 1,024 bytes.

internal import CFuse
internal import Glibc
internal import Platform

/// Returns the bytes of a C string of the kernel's request.
func bytesOf(_ text: UnsafePointer<CChar>?) -> [UInt8] {
    guard let text else { return [] }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}

/// Returns a name of the kernel's request.
/// - Throws: ENAMETOOLONG or EINVAL.
func nameOf(_ text: UnsafePointer<CChar>?) throws(Errno) -> FileName { try checked(bytesOf(text)) }

/// Checks the length of a name, and that it is not empty, `.` or `..`. The kernel guarantees that it
/// has no `/` and no NUL.
/// - Throws: ENAMETOOLONG or EINVAL.
private func checked(_ name: [UInt8]) throws(Errno) -> FileName {
    if name.count > FileName.maximumLength { throw .nameTooLong }
    if name.isEmpty || isDots(name) { throw .invalid }
    return FileName(trusted: name)
}

/// The array that the names of a thread's look-ups are read into. Most look-ups keep no name, and then
/// none is allocated.
private final class NameBuffer {
    private var bytes: [UInt8] = []

    private static let ofThread = ThreadLocal { NameBuffer() }

    /// Returns a name as `nameOf` does. It shares the buffer, so it must be made compact to be kept.
    static func name(_ text: UnsafePointer<CChar>) throws(Errno) -> FileName {
        let buffer = ofThread.value
        buffer.bytes.removeAll(keepingCapacity: true)
        // Room for any name, so that the array is allocated once.
        buffer.bytes.reserveCapacity(FileName.maximumLength)
        buffer.bytes.append(contentsOf: UnsafeRawBufferPointer(start: text, count: strlen(text)))
        return try checked(buffer.bytes)
    }
}

private func isDots(_ name: [UInt8]) -> Bool {
    name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
}

/// Does what `serve` does, with a name; an invalid name is answered with an error.
@inline(__always)
func serve(
    _ handle: OpaquePointer?, _ text: UnsafePointer<CChar>?,
    _ body: (any Operations, consuming Request, FileName) -> Void
) {
    serve(handle) { operations, request in
        do throws(Errno) {
            let name = try nameOf(text)
            body(operations, request, name)
        } catch {
            request.fail(error)
        }
    }
}

/// Handles a lookup. With EXPORT_SUPPORT the kernel looks up `.` and `..` too.
private func lookup(
    _ handle: OpaquePointer?, _ parent: UInt64, _ text: UnsafePointer<CChar>?
) {
    guard let text else { return serve(handle) { $1.fail(.invalid) } }
    if text[0] == CChar(bitPattern: UInt8(ascii: ".")) {
        switch strlen(text) {
        case 1: return serve(handle) { $0.lookupSelf($1, node: parent) }
        case 2 where text[1] == text[0]: return serve(handle) { $0.lookupParent($1, node: parent) }
        default: break
        }
    }
    serve(handle) { operations, request in
        do throws(Errno) {
            let name = try NameBuffer.name(text)
            operations.lookup(request, parent: parent, name: name)
        } catch {
            request.fail(error)
        }
    }
}

extension Trampolines {
    static func addNames(_ table: inout fuse_lowlevel_ops) {
        table.lookup = { handle, parent, text in lookup(handle, parent, text) }
        table.mknod = { handle, parent, text, mode, device in
            serve(handle, text) {
                $0.mknod($1, parent: parent, name: $2, mode: mode, specialDevice: UInt64(device))
            }
        }
        table.mkdir = { handle, parent, text, mode in
            serve(handle, text) { $0.mkdir($1, parent: parent, name: $2, mode: mode) }
        }
        table.unlink = { handle, parent, text in
            serve(handle, text) { $0.unlink($1, parent: parent, name: $2) }
        }
        table.rmdir = { handle, parent, text in
            serve(handle, text) { $0.rmdir($1, parent: parent, name: $2) }
        }
        table.symlink = { handle, target, parent, text in
            let target = bytesOf(target)
            serve(handle, text) { $0.symlink($1, target: target, parent: parent, name: $2) }
        }
        table.link = { handle, node, parent, text in
            serve(handle, text) { $0.link($1, node: node, newParent: parent, newName: $2) }
        }
        table.rename = { handle, parent, text, newParent, newText, flags in
            serve(handle, text) { operations, request, name in
                do throws(Errno) {
                    let newName = try nameOf(newText)
                    operations.rename(
                        request, parent: parent, name: name, newParent: newParent,
                        newName: newName, flags: flags)
                } catch {
                    request.fail(error)
                }
            }
        }
        table.create = { handle, parent, text, mode, info in
            let flags = info?.pointee.flags ?? 0
            serve(handle, text) {
                $0.create($1, parent: parent, name: $2, mode: mode, flags: flags)
            }
        }
    }

    static func addXattrs(_ table: inout fuse_lowlevel_ops) {
        table.setxattr = { handle, node, text, value, size, flags in
            let word = UInt32(bitPattern: flags)
            let flags = XattrFlags(
                create: word & 1 != 0, replace: word & 2 != 0,
                killSetGroupID: word & RawRequest.killSetGroupID != 0)
            serve(handle) {
                $0.setxattr(
                    $1, node: node, name: bytesOf(text),
                    value: UnsafeRawBufferPointer(start: value, count: size), flags: flags)
            }
        }
        table.getxattr = { handle, node, text, size in
            serve(handle) { $0.getxattr($1, node: node, name: bytesOf(text), size: size) }
        }
        table.listxattr = { handle, node, size in
            serve(handle) { $0.listxattr($1, node: node, size: size) }
        }
        table.removexattr = { handle, node, text in
            serve(handle) { $0.removexattr($1, node: node, name: bytesOf(text)) }
        }
    }
}
