// TreeRemoval: removes a directory of the host with all that it contains, whatever the bytes of its names and
// the modes of its directories. It walks with descriptors, one level at a time, so that depth needs no stack.

import Glibc

extension File {
    /// Removes the directory `name` of this directory and everything below it. It follows no symlink.
    /// - Throws: what the first removal met that failed.
    package func removeTree(_ name: [UInt8]) throws(Errno) {
        var paths: [[UInt8]] = [name]
        while let path = paths.last {
            let directory = try openForRemoval(path)
            var inner: [[UInt8]] = []
            for entry in try directory.listDirectory() {
                let bytes = entry.name.bytes
                do throws(Errno) {
                    try directory.remove(bytes)
                } catch {
                    guard [.isDirectory, .notPermitted].contains(error),
                        try FileStatus(bytes, in: directory).type == .directory else { throw error }
                    inner.append(path + [0x2f] + bytes)
                }
            }
            if inner.isEmpty {
                paths.removeLast()
                let slash = path.lastIndex(of: 0x2f)
                let above = try slash.map { (slash) throws(Errno) in
                    try File.openBeneath(Array(path[..<slash]), in: self, flags: OpenFlags.path)
                } ?? self
                try above.remove(Array(path[(slash.map { $0 + 1 } ?? 0)...]), isDirectory: true)
            } else {
                paths += inner
            }
        }
    }

    private func openForRemoval(_ path: [UInt8]) throws(Errno) -> File {
        let place = try File.openBeneath(path, in: self, flags: OpenFlags.path | O_DIRECTORY | O_NOFOLLOW)
        // The owner may empty a directory that was closed to changes.
        if !place.mayChangeNames(in: []) { try place.setMode([0x2e], 0o700) }
        return try File.open([0x2e], in: place, flags: OpenFlags.directory)
    }
}
