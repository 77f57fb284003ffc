// HostChanges: changes of names and attributes in a directory of the host, by descriptor and name. None
// follows a symlink.

internal import CPlatform
import Glibc

extension File {
    private func calling(_ name: [UInt8], _ call: (UnsafePointer<CChar>) -> Int32) throws(Errno) {
        if withCString(name, call) != 0 { throw .last }
    }

    /// Makes a directory in this directory (mkdirat(2)). The umask applies.
    package func makeDirectory(_ name: [UInt8], mode: UInt32) throws(Errno) {
        try calling(name) { mkdirat(descriptor, $0, mode_t(mode & 0o7777)) }
    }

    /// Makes a fifo, socket or device node (mknodat(2)). The umask applies.
    package func makeNode(_ name: [UInt8], mode: UInt32, device: UInt64) throws(Errno) {
        try calling(name) { mknodat(descriptor, $0, mode_t(mode), dev_t(device)) }
    }

    package func makeSymlink(_ name: [UInt8], to target: [UInt8]) throws(Errno) {
        try calling(name) { name in withCString(target) { symlinkat($0, descriptor, name) } }
    }

    /// Gives a file of this directory another name (linkat(2)).
    package func link(
        _ name: [UInt8], to newName: [UInt8], in directory: File
    ) throws(Errno) {
        try calling(name) { name in
            withCString(newName) { linkat(descriptor, name, directory.descriptor, $0, 0) }
        }
    }

    /// Removes a name of this directory (unlinkat(2)).
    package func remove(_ name: [UInt8], isDirectory: Bool = false) throws(Errno) {
        try calling(name) { unlinkat(descriptor, $0, isDirectory ? AT_REMOVEDIR : 0) }
    }

    /// Sets the owner of a name in this directory. It takes set-id bits and capabilities away (chown(2)).
    package func setOwner(_ name: [UInt8], user: UInt32, group: UInt32) throws(Errno) {
        try calling(name) { fchownat(descriptor, $0, user, group, AT_SYMLINK_NOFOLLOW) }
    }

    /// Sets the permission bits of a name in this directory, which must not be a symlink.
    package func setMode(_ name: [UInt8], _ mode: UInt32) throws(Errno) {
        try calling(name) { fchmodat(descriptor, $0, mode_t(mode & 0o7777), AT_SYMLINK_NOFOLLOW) }
    }

    /// Sets an extended attribute of a name in this directory.
    package func setExtendedAttribute(
        _ attribute: [UInt8], of name: [UInt8], to value: [UInt8]
    ) throws(Errno) {
        try calling(pathOverProc(name)) { path in
            withCString(attribute) { attribute in
                value.withUnsafeBytes { cp_setxattr(path, attribute, $0.baseAddress, $0.count, 0) }
            }
        }
    }

    package func removeExtendedAttribute(_ attribute: [UInt8], of name: [UInt8]) throws(Errno) {
        try calling(pathOverProc(name)) { path in withCString(attribute) { cp_removexattr(path, $0) } }
    }

    /// Returns whether this process may add and remove names in the directory `name` of this one.
    package func mayChangeNames(in name: [UInt8]) -> Bool {
        withCString(name.isEmpty ? [0x2e] : name) {
            faccessat(descriptor, $0, W_OK | X_OK, AT_EACCESS) == 0
        }
    }

    /// Whether the file system that holds this file is mounted read-only (statvfs(3)).
    package var isOnReadOnlyMount: Bool {
        var found = statvfs()
        return fstatvfs(descriptor, &found) == 0 && found.f_flag & UInt(ST_RDONLY) != 0
    }
}
