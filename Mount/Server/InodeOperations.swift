// lookup, forget, getattr, setattr, readlink, statfs. Names and attributes have no timeout: the mount
// is their only writer, and every other change invalidates exactly what it changed.

package import Fuse
internal import Overlay
package import Platform
internal import Storage

extension DraftOperations {
    func entry(_ attributes: InodeAttributes, in workspace: Workspace) -> NodeEntry {
        NodeEntry(
            nodeID: root.nodeID(attributes.number, in: workspace),
            attributes: NodeAttributes(attributes))
    }

    package func lookup(_ request: consuming Request, parent: UInt64, name: FileName) {
        do throws(Errno) {
            let directory = try node(parent)
            if case .control(let place) = directory {
                return control.lookup(request, in: place, name.compact)
            }
            let (entry, counted) = try find(name, in: directory)
            if !request.entry(entry), let counted {
                counted.workspace.forget(counted.number, count: 1)
            }
        } catch {
            // The name does not exist until it is made through this mount, or a refresh drops it.
            if error == .noEntry {
                noteMissing(name, in: parent)
                request.negativeEntry(timeout: NodeEntry.forever)
            } else {
                request.fail(error)
            }
        }
    }

    /// Records a name that the kernel will not look up again.
    private func noteMissing(_ name: FileName, in parent: UInt64) {
        guard case .place? = try? node(parent) else { return }
        if let old = negatives.note(parent, name) {
            notifier?.invalidateEntry(parent: old.parent, name: old.name)
        }
    }

    /// Returns the node that a name leads to, and the inode to which a reference was counted.
    private func find(
        _ name: FileName, in directory: Node
    ) throws(Errno) -> (NodeEntry, counted: Place?) {
        switch directory {
        case .workspaceList:
            if name == ControlDirectory.name {
                return (control.entry(workspace: 0), nil)
            }
            return (try findWorkspace(name), nil)
        case .control:
            throw .notDirectory
        case .place(let place):
            if isControlName(name, in: place) {
                return (control.entry(workspace: place.workspace.id), nil)
            }
            let attributes = try place.workspace.lookup(name, in: place.number)
            return (
                entry(attributes, in: place.workspace),
                Place(workspace: place.workspace, number: attributes.number)
            )
        }
    }

    private func findWorkspace(_ name: FileName) throws(Errno) -> NodeEntry {
        guard let record = set.find(name) else { throw .noEntry }
        return try rootEntry(of: record)
    }

    /// Opens a workspace and returns its root.
    func rootEntry(of record: WorkspaceRecord) throws(Errno) -> NodeEntry {
        let workspace: Workspace
        do throws(StorageError) {
            workspace = try set.workspace(record)
        } catch {
            // The workspace was removed after its name was looked up, so no event is posted.
            if error.errno != .noEntry { set.events.post(.error, "\(error)") }
            throw error.errno
        }
        do throws(Errno) {
            return entry(try workspace.attributes(workspace.rootNumber), in: workspace)
        } catch {
            // The workspace is being removed.
            throw error == .stale ? .noEntry : error
        }
    }

    package func forget(node: UInt64, count: UInt64) {
        if ControlID.isControl(node) { return control.forget(node, count: count) }
        guard case .place(let place)? = try? self.node(node) else { return }
        place.workspace.forget(place.number, count: count)
    }

    package func forget(_ list: [(UInt64, UInt64)]) {
        for (node, count) in list { forget(node: node, count: count) }
    }

    package func getattr(_ request: consuming Request, node: UInt64) {
        do throws(Errno) {
            switch try self.node(node) {
            case .workspaceList:
                request.attributes(control.listAttributes(), timeout: 0)
            case .control(let place):
                control.getattr(request, place)
            case .place(let place):
                let attributes = try place.workspace.attributes(place.number)
                request.attributes(NodeAttributes(attributes), timeout: NodeEntry.forever)
            }
        } catch {
            request.fail(error)
        }
    }

    package func setattr(
        _ request: consuming Request, node: UInt64, change: Fuse.AttributeChange
    ) {
        do throws(Errno) {
            if case .control(let place) = try self.node(node) {
                return control.setattr(request, place, change)
            }
            let place = try place(node)
            let attributes = try place.workspace.setAttributes(
                place.number, Overlay.AttributeChange(change), caller: .init(request.context))
            request.attributes(NodeAttributes(attributes), timeout: NodeEntry.forever)
        } catch {
            request.fail(error)
        }
    }

    package func readlink(_ request: consuming Request, node: UInt64) {
        do throws(Errno) {
            if case .control(let place) = try self.node(node) {
                return control.views.readlink(request, place)
            }
            let place = try place(node, else: .invalid)
            request.symlink(try place.workspace.symlinkTarget(place.number))
        } catch {
            request.fail(error)
        }
    }

    package func access(_ request: consuming Request, node: UInt64, mask: Int32) {
        // With default_permissions the kernel has checked the access already.
        request.fail(.notImplemented)
    }

    package func statfs(_ request: consuming Request, node: UInt64) {
        do throws(Errno) {
            let disk = try SpaceOnDisk(set.store.path)
            let space = if case .place(let place) = try self.node(node) {
                place.workspace.quota.constrain(disk)
            } else {
                set.quota.constrain(disk)
            }
            request.statfs(
                FileSystemStatistics(
                    blockSize: space.blockSize, blocks: space.blocks, freeBlocks: space.free,
                    availableBlocks: space.available, files: space.files,
                    freeFiles: space.freeFiles))
        } catch {
            request.fail(error)
        }
    }
}

extension Overlay.AttributeChange {
    init(_ change: Fuse.AttributeChange) {
        self.init()
        mode = change.mode
        user = change.uid
        group = change.gid
        size = change.size
        accessTime = change.accessTime.map { .init($0) }
        modificationTime = change.modificationTime.map { .init($0) }
        killSetID = change.killSetID
    }
}

extension Overlay.AttributeChange.Time {
    init(_ time: Fuse.AttributeChange.Time) {
        switch time {
        case .now: self = .now
        case .at(let nanoseconds): self = .at(nanoseconds)
        }
    }
}
