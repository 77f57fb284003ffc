// mknod, mkdir, symlink, link, unlink, rmdir, rename. In the list of workspaces, mkdir makes a
// workspace, rmdir removes a workspace without changes, and rename renames a workspace.

package import Fuse
internal import Glibc
internal import Overlay
internal import Past
package import Platform
internal import Storage

extension DraftOperations {
    /// Returns a directory of a workspace in which `name` may be changed.
    /// - Throws: `error` for the name of the control directory.
    private func directory(
        _ parent: UInt64, _ name: FileName, taken error: Errno
    ) throws(Errno) -> Place {
        let place = try place(parent)
        if isControlName(name, in: place) { throw error }
        return place
    }

    private func make(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32,
        device: UInt64 = 0, target: [UInt8] = []
    ) {
        do throws(Errno) {
            let place = try directory(parent, name, taken: .exists)
            let attributes = try place.workspace.makeNode(
                name, in: place.number, mode: mode, device: device, symlinkTarget: target,
                caller: .init(request.context))
            negatives.remove(parent, name)
            if !request.entry(entry(attributes, in: place.workspace)) {
                place.workspace.forget(attributes.number, count: 1)
            }
        } catch {
            request.fail(error)
        }
    }

    package func mknod(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32,
        specialDevice: UInt64
    ) {
        make(request, parent: parent, name: name, mode: mode, device: specialDevice)
    }

    package func mkdir(
        _ request: consuming Request, parent: UInt64, name: FileName, mode: UInt32
    ) {
        if parent == Self.rootNode, case .list = root {
            do throws(Errno) {
                if name == ControlDirectory.name { throw .exists }
                request.entry(try rootEntry(of: try set.create(name)))
            } catch {
                request.fail(error)
            }
            return
        }
        make(
            request, parent: parent, name: name,
            mode: mode & 0o7777 | FileType.directory.modeBits)
    }

    package func symlink(
        _ request: consuming Request, target: [UInt8], parent: UInt64, name: FileName
    ) {
        make(
            request, parent: parent, name: name, mode: FileType.symlink.modeBits | 0o777,
            target: target)
    }

    package func link(
        _ request: consuming Request, node: UInt64, newParent: UInt64, newName: FileName
    ) {
        do throws(Errno) {
            let place = try directory(newParent, newName, taken: .exists)
            guard case .place(let source) = try self.node(node) else { throw .crossDevice }
            guard source.workspace === place.workspace else { throw .crossDevice }
            let attributes = try place.workspace.makeLink(
                to: source.number, name: newName, in: place.number,
                caller: .init(request.context))
            negatives.remove(newParent, newName)
            if !request.entry(entry(attributes, in: place.workspace)) {
                place.workspace.forget(attributes.number, count: 1)
            }
        } catch {
            request.fail(error)
        }
    }

    package func unlink(_ request: consuming Request, parent: UInt64, name: FileName) {
        let caller = Overlay.Caller(request.context)
        attempt(request) { () throws(Errno) in
            let place = try directory(parent, name, taken: .notPermitted)
            try place.workspace.unlink(name, in: place.number, caller: caller)
        }
    }

    package func rmdir(_ request: consuming Request, parent: UInt64, name: FileName) {
        let caller = Overlay.Caller(request.context)
        attempt(request) { () throws(Errno) in
            if case .workspaceList = try node(parent) {
                if name == ControlDirectory.name { throw .notPermitted }
                guard let record = set.find(name) else { throw .noEntry }
                try set.remove(record)
                return
            }
            if case .control(let place) = try node(parent),
                case .fixed(.backups) = place.node {
                return try control.removeBackup(name, in: place, caller: caller)
            }
            let place = try directory(parent, name, taken: .notPermitted)
            try place.workspace.removeDirectory(name, in: place.number, caller: caller)
        }
    }

    package func rename(
        _ request: consuming Request, parent: UInt64, name: FileName, newParent: UInt64,
        newName: FileName, flags: UInt32
    ) {
        let caller = Overlay.Caller(request.context)
        attempt(request) { () throws(Errno) in
            if case .workspaceList = try node(parent) {
                try renameWorkspace(name, newParent: newParent, newName: newName, flags: flags)
                return
            }
            if case .workspaceList = try node(newParent) { throw .crossDevice }
            if case .control(let place) = try node(parent),
                case .fixed(.backups) = place.node, parent == newParent {
                return try control.renameBackup(
                    name, in: place, to: newName, flags: RenameFlags(rawValue: flags),
                    caller: caller)
            }
            let old = try directory(parent, name, taken: .notPermitted)
            let new = try directory(newParent, newName, taken: .notPermitted)
            guard old.workspace === new.workspace else { throw .crossDevice }
            try old.workspace.rename(
                name, in: old.number, to: newName, in: new.number,
                flags: RenameFlags(rawValue: flags), caller: caller)
            negatives.remove(newParent, newName)
        }
    }

    private func renameWorkspace(
        _ name: FileName, newParent: UInt64, newName: FileName, flags: UInt32
    ) throws(Errno) {
        guard case .workspaceList = try node(newParent) else { throw .crossDevice }
        guard name != ControlDirectory.name, newName != ControlDirectory.name else {
            throw .notPermitted
        }
        // No exchange and no replacement, so that a rename never removes a workspace.
        guard RenameFlags(rawValue: flags).isSubset(of: [.noReplace]) else { throw .invalid }
        guard let record = set.find(name) else { throw .noEntry }
        if set.find(newName) != nil { throw .exists }
        try set.rename(record.id, to: newName)
    }
}
