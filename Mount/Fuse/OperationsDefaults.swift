// OperationsDefaults: default implementations that answer ENOSYS, after which the kernel stops
// sending most of these requests.

package import Platform

extension Operations {
    package func initialize(_ info: ProtocolInfo) {}
    package func destroy() {}
    package func forget(node: UInt64, count: UInt64) {}
    package func forget(_ list: [(UInt64, UInt64)]) {
        for (node, count) in list { forget(node: node, count: count) }
    }
}

extension Operations {
    package func lookup(_ request: consuming Request, parent: UInt64, name: FileName) {
        request.fail(.notImplemented)
    }
    package func lookupSelf(_ request: consuming Request, node: UInt64) {
        request.fail(.stale)
    }
    package func lookupParent(_ request: consuming Request, node: UInt64) {
        request.fail(.stale)
    }
    package func getattr(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func setattr(_ request: consuming Request, node: UInt64, change: AttributeChange) {
        request.fail(.notImplemented)
    }
    package func access(_ request: consuming Request, node: UInt64, mask: Int32) {
        request.fail(.notImplemented)
    }
    package func statfs(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func readlink(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func mknod(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32,
        specialDevice: UInt64
    ) { request.fail(.notImplemented) }
    package func mkdir(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32
    ) { request.fail(.notImplemented) }
    package func symlink(
        _ request: consuming Request, target: [UInt8], parent: UInt64, name: FileName
    ) { request.fail(.notImplemented) }
    package func link(
        _ request: consuming Request, node: UInt64, newParent: UInt64, newName: FileName
    ) { request.fail(.notImplemented) }
    package func unlink(_ request: consuming Request, parent: UInt64, name: FileName) {
        request.fail(.notImplemented)
    }
    package func rmdir(_ request: consuming Request, parent: UInt64, name: FileName) {
        request.fail(.notImplemented)
    }
    package func rename(
        _ request: consuming Request, parent: UInt64, name: FileName, newParent: UInt64,
        newName: FileName, flags: UInt32
    ) { request.fail(.notImplemented) }
}

extension Operations {
    package func open(_ request: consuming Request, node: UInt64, flags: Int32) {
        request.fail(.notImplemented)
    }
    package func create(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32, flags: Int32
    ) { request.fail(.notImplemented) }
    package func read(_ request: consuming Request, node: UInt64, offset: UInt64, size: Int) {
        request.fail(.notImplemented)
    }
    package func write(
        _ request: consuming Request, node: UInt64, data: UnsafeRawBufferPointer,
        offset: UInt64, flags: WriteFlags
    ) { request.fail(.notImplemented) }
    package func flush(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func release(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func fsync(_ request: consuming Request, node: UInt64, dataOnly: Bool) {
        request.fail(.notImplemented)
    }
    package func fallocate(
        _ request: consuming Request, node: UInt64, mode: Int32, offset: UInt64, length: UInt64
    ) { request.fail(.notImplemented) }
    package func lseek(
        _ request: consuming Request, node: UInt64, offset: Int64, whence: Int32
    ) { request.fail(.notImplemented) }
    package func copyFileRange(
        _ request: consuming Request, from source: UInt64, at sourceOffset: UInt64,
        to target: UInt64, at targetOffset: UInt64, length: UInt64
    ) { request.fail(.notImplemented) }
    package func opendir(_ request: consuming Request, node: UInt64, flags: Int32) {
        request.fail(.notImplemented)
    }
    package func readdir(
        _ request: consuming Request, node: UInt64, cookie: UInt64, size: Int
    ) { request.fail(.notImplemented) }
    package func readdirplus(
        _ request: consuming Request, node: UInt64, cookie: UInt64, size: Int
    ) { request.fail(.notImplemented) }
    package func releasedir(_ request: consuming Request, node: UInt64) {
        request.fail(.notImplemented)
    }
    package func fsyncdir(_ request: consuming Request, node: UInt64, dataOnly: Bool) {
        request.fail(.notImplemented)
    }
    package func setxattr(
        _ request: consuming Request, node: UInt64, name: [UInt8],
        value: UnsafeRawBufferPointer, flags: XattrFlags
    ) { request.fail(.notImplemented) }
    package func getxattr(
        _ request: consuming Request, node: UInt64, name: [UInt8], size: Int
    ) { request.fail(.notImplemented) }
    package func listxattr(_ request: consuming Request, node: UInt64, size: Int) {
        request.fail(.notImplemented)
    }
    package func removexattr(_ request: consuming Request, node: UInt64, name: [UInt8]) {
        request.fail(.notImplemented)
    }
}
