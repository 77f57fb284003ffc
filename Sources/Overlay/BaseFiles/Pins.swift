// Pins: keeps the content of a base file in the store's pool when a workspace first edits the file, so that
// a later change of the base does no harm. The copy is made without the tree's lock and before the edit
// returns. The origin that the edit records says that the copy exists. Hard links would need no copy, but
// they change the base's ctime and nlink.

package import Platform
package import Storage

/// A content that must be in the pool before an edit.
package struct PinWish: Sendable {
    package var place: BasePlace
    package var identity: PinIdentity
    /// The largest content in bytes that is copied. Nil for no limit.
    package var limit: UInt64?

    package init(place: BasePlace, identity: PinIdentity, limit: UInt64? = nil) {
        self.place = place
        self.identity = identity
        self.limit = limit
    }
}

/// The relation of inodes to files of the base: their recorded or present content.
package struct BaseFiles: Sendable {
    let tree: Tree
}

extension BaseFiles {
    /// Returns the identity by which the pool has the content of a touched base file.
    package func pinIdentity(_ origin: Origin) -> PinIdentity {
        PinIdentity(
            origin, devicePath: origin.device == 0 ? nil : tree.identity.path(ofDevice: origin.device))
    }

    /// Returns the origin of a base file with its present status. It is pinned if the content is kept.
    package func makeOrigin(
        at place: BasePlace, _ status: FileStatus, kept: Set<PinIdentity>
    ) -> Origin {
        var origin = Origin(
            path: place.path, device: tree.deviceIndex(status, at: place), status: status)
        origin.isPinned = kept.contains(pinIdentity(origin))
        return origin
    }

    /// The largest content in bytes that is copied. Nil for no limit.
    package var pinLimit: UInt64? { tree.ownPinLimit ?? tree.logs.pool.limit }

    /// Returns the content that must be in the pool before a file is edited, or nil if there is none.
    /// - Parameter kept: The contents that are already in the pool for this edit.
    package func missingPin(_ number: InodeNumber, kept: Set<PinIdentity>) throws(Errno) -> PinWish? {
        let inode = try tree.inode(number)
        guard inode.type == .regular, !inode.record.flags.contains(.hasLog),
            let place = inode.place, inode.record.size > 0 else { return nil }
        let limit = pinLimit
        if let limit, inode.record.size > limit, !tree.logs.pool.mayShareExtents { return nil }
        var known = inode.isPersistent ? try tree.knownOrigin(number) : nil
        // The file shows the present base file, so the edit is based on that too.
        if try newGround(inode) != nil { known = nil }
        if let known, known.isPinned { return nil }
        guard let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .regular, status.size > 0 else { return nil }
        // The base file changed since it was touched: its former content is lost.
        if let known, !known.fits(status) { return nil }
        let identity = pinIdentity(known ?? makeOrigin(at: place, status, kept: []))
        return kept.contains(identity)
            ? nil : PinWish(place: place, identity: identity, limit: limit)
    }

    /// Returns the content to keep before a file gets another name. A rename must stay cheap, so without
    /// shared extents only small files are copied. The base may not have the file later. A change of
    /// attributes keeps nothing.
    func missingPin(touching inode: Inode, kept: Set<PinIdentity>) throws(Errno) -> PinWish? {
        let most = tree.limits.pinWithoutEdit
        guard !inode.isPersistent, inode.record.size <= most || tree.logs.pool.mayShareExtents,
            var wish = try missingPin(inode.number, kept: kept) else { return nil }
        wish.limit = min(wish.limit ?? most, most)
        return wish
    }

    /// Returns the content to keep before a rename of the given names.
    func missingPin(
        renaming places: [NamePlace], kept: Set<PinIdentity>
    ) throws(Errno) -> PinWish? {
        for place in places {
            // The rename itself reports errors of a name.
            guard let directory = try? tree.directory(place.parent),
                let inode = (try? tree.child(place.name, of: directory)).flatMap({ $0 }),
                let wish = try missingPin(touching: inode, kept: kept) else { continue }
            return wish
        }
        return nil
    }

    /// Marks the origin as pinned: the one that `transaction` records, or else the recorded one.
    func pin(
        _ inode: Inode, _ kept: Set<PinIdentity>, in transaction: inout Transaction
    ) throws(Errno) {
        guard !kept.isEmpty, inode.type == .regular else { return }
        let slot = transaction.changes.firstIndex {
            if case .origin(inode.number, _, _) = $0 { return true }
            return false
        }
        if let slot, case .origin(_, let before, var origin?) = transaction.changes[slot] {
            // The base file changed after the copy, so the recorded origin is not the copied content.
            guard kept.contains(pinIdentity(origin)) else { return }
            origin.isPinned = true
            transaction.changes[slot] = .origin(inode.number, before: before, after: origin)
        } else {
            guard var origin = try tree.knownOrigin(inode.number), !origin.isPinned,
                kept.contains(pinIdentity(origin)) else { return }
            let before = origin
            origin.isPinned = true
            transaction.changes.append(.origin(inode.number, before: before, after: origin))
        }
    }
}

/// The relation of a workspace to files of the base, without the tree's lock.
package struct WorkspaceBaseFiles: Sendable {
    let workspace: Workspace
}

extension WorkspaceBaseFiles {
    /// The number of attempts to copy a content that changes meanwhile. After that the edit goes on without
    /// a copy.
    private static let pinAttempts = 3

    private enum PinStep<R: Sendable>: Sendable {
        case done(R)
        case keep(PinWish)
    }

    /// Runs `body` under the tree's lock, after keeping the content of a base file if possible.
    /// - Parameter number: Nil if the edit needs nothing of the content.
    func withPin<R: Sendable>(
        _ number: InodeNumber?, _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        try withPins({ (tree, kept) throws(Errno) in
            guard let number else { return nil }
            return try tree.baseFiles.missingPin(number, kept: kept)
        }, body)
    }

    /// Runs `body`, which gives a file another name, under the tree's lock, after keeping its content if it
    /// is small.
    func withPin<R: Sendable>(
        touching number: InodeNumber, _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        try withPins({ (tree, kept) throws(Errno) in
            // `body` reports errors of the number.
            guard let inode = try? tree.inode(number) else { return nil }
            return try tree.baseFiles.missingPin(touching: inode, kept: kept)
        }, body)
    }

    /// Runs `body` under the tree's lock, after keeping the contents that `wish` asks for.
    /// - Parameter wish: Returns a content to keep beside those already kept, or nil.
    func withPins<R: Sendable>(
        _ wish: (Tree, Set<PinIdentity>) throws(Errno) -> PinWish?,
        _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        var kept: Set<PinIdentity> = []
        defer { for identity in kept { workspace.logs.pool.release(identity) } }
        var attempts = 0
        while true {
            let step = try workspace.withTree { (tree) throws(Errno) -> PinStep<R> in
                // The copy is made without the lock, and the file may change meanwhile. So `wish` is
                // evaluated again under the same lock as `body`.
                if attempts < Self.pinAttempts, let wish = try wish(tree, kept) {
                    return .keep(wish)
                }
                return .done(try body(tree, kept))
            }
            switch step {
            case .done(let result): return result
            case .keep(let wish):
                attempts += 1
                if !claim(wish, &kept) { attempts = Self.pinAttempts }
            }
        }
    }

    /// Runs `body` without a lock, after keeping the content of a base file if the file does not change
    /// meanwhile.
    package func keeping<R>(
        _ wish: PinWish?, _ body: (Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        var kept: Set<PinIdentity> = []
        defer { for identity in kept { workspace.logs.pool.release(identity) } }
        if let wish, wish.identity.size > 0 { _ = claim(wish, &kept) }
        return try body(kept)
    }

    /// Puts a content into the pool and claims it, so that no sweep removes it until it is released.
    /// - Returns: False if another attempt is useless.
    private func claim(_ wish: PinWish, _ kept: inout Set<PinIdentity>) -> Bool {
        // Claimed before it is made: a sweep must not remove the new file.
        let outcome = workspace.logs.pool.claim(wish.identity) ? .kept : keep(wish)
        if outcome == .kept, kept.insert(wish.identity).inserted { return true }
        workspace.logs.pool.release(wish.identity)
        switch outcome {
        case .kept: return true
        case .changed:
            workspace.base.forget(wish.place)
            return true
        case .tooLarge, .failed: return false
        }
    }

    /// Copies a content into the pool. A failure is posted as an event.
    func keep(_ wish: PinWish) -> PinPool.Outcome {
        let outcome: PinPool.Outcome
        do throws(Errno) {
            // A content found by this identity must be the right one, so the file's times must be settled.
            // If another file has taken the place of an open one, its identity does not fit.
            let file = try workspace.base.file(wish.place)
            let status = try workspace.base.settledStatus(of: file, at: wish.place)
            guard wish.identity.fits(status) else { return .changed }
            outcome = workspace.logs.pool.keep(
                wish.identity, of: file, limit: wish.limit,
                status: { () throws(Errno) in try workspace.base.status(of: file, at: wish.place) },
                hasRoom: { workspace.quota.hasRoomInPool($0) })
        } catch {
            // These say that the place has no regular file any more (open(2) with O_NOFOLLOW).
            let isReplaced = [.loop, .noDevice, .notDirectory].contains(error)
            outcome = isReplaced ? .changed : .failed(error)
        }
        if case .failed(let error) = outcome {
            workspace.events.post(
                .warning,
                "cannot keep the content of the base file "
                    + EpochPath.shown(wish.place.path) + " (\(error)): "
                    + "if the base file changes, reads of its content answer EIO")
        }
        return outcome
    }

    func pinIdentity(_ origin: Origin) -> PinIdentity {
        // The paths of other devices are in the tree.
        origin.device == 0
            ? PinIdentity(origin, devicePath: nil)
            : workspace.withTreeSafely { $0.baseFiles.pinIdentity(origin) }
    }

    /// Returns whether the pool has the content that an origin identifies.
    package func hasPin(_ origin: Origin) -> Bool {
        origin.isPinned && workspace.logs.pool.has(pinIdentity(origin))
    }
}
