// Extended attributes, and ACLs and content searches, which use them.

package import Fuse
internal import Overlay
internal import Platform

extension DraftOperations {
    package func setxattr(
        _ request: consuming Request, node: UInt64, name: [UInt8],
        value: UnsafeRawBufferPointer, flags: XattrFlags
    ) {
        let caller = Overlay.Caller(request.context)
        let bytes = Array(value)
        let isACL = name == AccessControlList.accessName
        attempt(request) { () throws(Errno) in
            let place = try place(node)
            // Search names are never passed to the workspace, so such an attribute could not be read.
            if ContentSearch.isName(name) { throw .notPermitted }
            try place.workspace.setXattr(
                name, of: place.number, to: bytes,
                mode: flags.create ? .create : flags.replace ? .replace : .either,
                clearsSetGroup: flags.killSetGroupID, caller: caller)
            // An access ACL changes the mode, which the kernel has cached.
            if isACL { notifier?.invalidateInode(node, offset: -1) }
        }
    }

    package func getxattr(_ request: consuming Request, node: UInt64, name: [UInt8], size: Int) {
        do throws(Errno) {
            switch try self.node(node) {
            case .place(let place) where ContentSearch.isName(name):
                guard let search = ContentSearch(name: name) else { throw .invalid }
                // A caller that first asks for the length should not have to wait for two searches.
                if size == 0 {
                    guard try place.workspace.attributes(place.number).type == .regular else { throw .noData }
                    return request.xattrSize(ContentSearch.Places.longest)
                }
                let found = try place.workspace.content.places(search, in: place.number)
                request.xattr(found.bytes, size: size)
            case .place(let place):
                request.xattr(try place.workspace.xattr(name, of: place.number), size: size)
            // The past is not searched: the lookup below would search the base, which has other
            // bytes.
            case .control where ContentSearch.isName(name):
                throw .noData
            case .control(let place):
                request.xattr(try control.views.xattr(name, of: place), size: size)
            case .workspaceList: throw .noData
            }
        } catch {
            request.fail(error)
        }
    }

    package func listxattr(_ request: consuming Request, node: UInt64, size: Int) {
        do throws(Errno) {
            let names: [[UInt8]] =
                switch try self.node(node) {
                case .place(let place): try place.workspace.xattrNames(of: place.number)
                case .control(let place): try control.views.xattrNames(of: place)
                case .workspaceList: []
                }
            var list: [UInt8] = []
            // Leaves out names of the base that are search names, because they cannot be read.
            for name in names where !ContentSearch.isName(name) {
                list += name
                list.append(0)
            }
            request.xattr(list, size: size)
        } catch {
            request.fail(error)
        }
    }

    package func removexattr(_ request: consuming Request, node: UInt64, name: [UInt8]) {
        let caller = Overlay.Caller(request.context)
        attempt(request) { () throws(Errno) in
            let place = try place(node)
            try place.workspace.removeXattr(name, of: place.number, caller: caller)
            if name == AccessControlList.accessName { notifier?.invalidateInode(node, offset: -1) }
        }
    }
}
