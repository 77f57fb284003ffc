// Pins: the content of a base file is kept in the store's pool as it was when a workspace first
// edits it, so that a later change of the base does not matter. The copy is made outside of the tree's
// lock and before the edit is answered; the origin that the edit records says that it is there. Hard
// links would do without a copy, but they change the base's ctime and nlink.

package import Platform
package import Storage

/// A content that is to be in the pool before an edit.
package struct PinWish: Sendable {
    package var place: BasePlace
    package var identity: PinIdentity
    /// Bytes above which it is not copied.
    package var limit: UInt64?

    package init(place: BasePlace, identity: PinIdentity, limit: UInt64? = nil) {
        self.place = place
        self.identity = identity
        self.limit = limit
    }
}

/// What inodes have of files of the base: their content of then or of now.
package struct BaseFiles: Sendable {
    let tree: Tree
}

extension BaseFiles {
    /// By which name the pool has the content of a touched base file.
    package func pinIdentity(_ origin: Origin) -> PinIdentity {
        PinIdentity(
            origin, devicePath: origin.device == 0 ? nil : tree.identity.path(ofDevice: origin.device))
    }

    /// A base file as it is now, as what a file stands on; pinned if its content is kept.
    package func makeOrigin(
        at place: BasePlace, _ status: FileStatus, kept: Set<PinIdentity>
    ) -> Origin {
        var origin = Origin(
            path: place.path, device: tree.deviceIndex(status, at: place), status: status)
        origin.isPinned = kept.contains(pinIdentity(origin))
        return origin
    }

    /// Bytes up to which a content is copied; nil for all.
    package var pinLimit: UInt64? { tree.ownPinLimit ?? tree.logs.pool.limit }

    /// What is to be in the pool before a file is edited; nil where that is nothing.
    /// - Parameter kept: what is there already, for this edit.
    package func missingPin(_ number: InodeNumber, kept: Set<PinIdentity>) throws(Errno) -> PinWish? {
        let inode = try tree.inode(number)
        guard inode.type == .regular, !inode.record.flags.contains(.hasLog),
            let place = inode.place, inode.record.size > 0 else { return nil }
        let limit = pinLimit
        if let limit, inode.record.size > limit, !tree.logs.pool.mayShareExtents { return nil }
        var known = inode.isPersistent ? try tree.knownOrigin(number) : nil
        // It shows the base file of now, and so does the edit.
        if try newGround(inode) != nil { known = nil }
        if let known, known.isPinned { return nil }
        guard let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .regular, status.size > 0 else { return nil }
        // Changed since it was touched: its content of then cannot be had any more.
        if let known, !known.fits(status) { return nil }
        let identity = pinIdentity(known ?? makeOrigin(at: place, status, kept: []))
        return kept.contains(identity)
            ? nil : PinWish(place: place, identity: identity, limit: limit)
    }

    /// The same before a file gets another name, which is to stay cheap: only small files are copied, when
    /// they are recorded. The base may have no such file later. A change of attributes keeps nothing.
    func missingPin(touching inode: Inode, kept: Set<PinIdentity>) throws(Errno) -> PinWish? {
        let most = tree.limits.pinWithoutEdit
        guard !inode.isPersistent, inode.record.size <= most || tree.logs.pool.mayShareExtents,
            var wish = try missingPin(inode.number, kept: kept) else { return nil }
        wish.limit = min(wish.limit ?? most, most)
        return wish
    }

    /// The same for the files that a rename gives other names.
    func missingPin(
        renaming places: [NamePlace], kept: Set<PinIdentity>
    ) throws(Errno) -> PinWish? {
        for place in places {
            // What is wrong with a name, the rename itself says.
            guard let directory = try? tree.directory(place.parent),
                let inode = (try? tree.child(place.name, of: directory)).flatMap({ $0 }),
                let wish = try missingPin(touching: inode, kept: kept) else { continue }
            return wish
        }
        return nil
    }

    /// Says in the origin that `transaction` records, or that is on record, that the pool has the
    /// content.
    func pin(
        _ inode: Inode, _ kept: Set<PinIdentity>, in transaction: inout Transaction
    ) throws(Errno) {
        guard !kept.isEmpty, inode.type == .regular else { return }
        let slot = transaction.changes.firstIndex {
            if case .origin(inode.number, _, _) = $0 { return true }
            return false
        }
        if let slot, case .origin(_, let before, var origin?) = transaction.changes[slot] {
            // Changed since it was copied: what is recorded is not what is kept.
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

/// What a workspace has of files of the base, and how it follows them.
package struct WorkspaceBaseFiles: Sendable {
    let workspace: Workspace
}

extension WorkspaceBaseFiles {
    /// How often a content is copied that changes meanwhile, before the edit goes on without.
    private static let pinAttempts = 3

    private enum PinStep<R: Sendable>: Sendable {
        case done(R)
        case keep(PinWish)
    }

    /// Runs `body` under the tree's lock with the content of a base file kept, if it can be kept.
    /// - Parameter number: nil where nothing of the content is needed.
    func withPin<R: Sendable>(
        _ number: InodeNumber?, _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        try withPins({ (tree, kept) throws(Errno) in
            guard let number else { return nil }
            return try tree.baseFiles.missingPin(number, kept: kept)
        }, body)
    }

    /// Runs `body`, which gives a file another name, under the tree's lock, with its content kept if it is
    /// small.
    func withPin<R: Sendable>(
        touching number: InodeNumber, _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        try withPins({ (tree, kept) throws(Errno) in
            // What is wrong with the number, `body` says.
            guard let inode = try? tree.inode(number) else { return nil }
            return try tree.baseFiles.missingPin(touching: inode, kept: kept)
        }, body)
    }

    /// - Parameter wish: what is to be kept beside what is.
    func withPins<R: Sendable>(
        _ wish: (Tree, Set<PinIdentity>) throws(Errno) -> PinWish?,
        _ body: (Tree, Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        var kept: Set<PinIdentity> = []
        defer { for identity in kept { workspace.logs.pool.release(identity) } }
        var attempts = 0
        while true {
            let step = try workspace.withTree { (tree) throws(Errno) -> PinStep<R> in
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

    /// Runs `body` with the content of a base file kept, without a lock, as far as the file does not
    /// change in between.
    package func keeping<R>(
        _ wish: PinWish?, _ body: (Set<PinIdentity>) throws(Errno) -> R
    ) throws(Errno) -> R {
        var kept: Set<PinIdentity> = []
        defer { for identity in kept { workspace.logs.pool.release(identity) } }
        if let wish, wish.identity.size > 0 { _ = claim(wish, &kept) }
        return try body(kept)
    }

    /// Has a content in the pool, which no sweep takes until it is released.
    /// - Returns: false where another try is no use.
    private func claim(_ wish: PinWish, _ kept: inout Set<PinIdentity>) -> Bool {
        workspace.logs.pool.claim(wish.identity)
        let outcome = keep(wish)
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

    func keep(_ wish: PinWish) -> PinPool.Outcome {
        let outcome: PinPool.Outcome
        do throws(Errno) {
            // Whoever finds the content by this identity later must find no other one.
            guard wish.identity.fits(try workspace.base.settledStatus(wish.place)) else { return .changed }
            let file = try workspace.base.file(wish.place)
            outcome = workspace.logs.pool.keep(
                wish.identity, of: file, limit: wish.limit,
                status: { () throws(Errno) in try workspace.base.status(of: file) },
                hasRoom: { workspace.quota.hasRoomInPool($0) })
        } catch {
            outcome = .failed(error)
        }
        if case .failed(let error) = outcome {
            workspace.events.post(
                .warning,
                "the content of the base file "
                    + String(decoding: wish.place.path, as: UTF8.self) + " is not kept (\(error)): "
                    + "if the base changes, reads of its part answer EIO")
        }
        return outcome
    }

    func pinIdentity(_ origin: Origin) -> PinIdentity {
        // The paths of other devices are the tree's.
        origin.device == 0
            ? PinIdentity(origin, devicePath: nil)
            : workspace.withTreeSafely { $0.baseFiles.pinIdentity(origin) }
    }

    /// Whether the pool has the content of a base file as its origin says it.
    package func hasPin(_ origin: Origin) -> Bool {
        origin.isPinned && workspace.logs.pool.has(pinIdentity(origin))
    }
}
